//! Whether a node of a world is as the scenario has it. What differs would be measured without being meant.

use serde_json::{Value, json};

use super::WorldError;
use crate::live::nodes;
use crate::plan::Plan;

/// An edge's settings against the plan's.
pub(super) fn node(plan: &Plan, name: &str, settings: &Value) -> Result<(), WorldError> {
    let Some(planned) = plan.nodes.iter().find(|node| node.name == name) else {
        return Ok(());
    };
    let mut wanted = json!({
        "name": planned.name,
        "upstream_host": plan.site,
        "memory": planned.memory,
        "max_objects": planned.max_objects,
        "eviction": planned.eviction.name(),
        "connect_timeout_ns": planned.timeouts.connect,
        "first_byte_timeout_ns": planned.timeouts.first_byte,
        "idle_timeout_ns": planned.timeouts.idle,
        "policy": planned.policy,
    });
    // Whether its edges have disks is the world's affair, unless the scenario wants some.
    if let Some(size) = planned.disk {
        wanted["disk"] = size.into();
    }
    hold_against(name, &wanted, settings)
}

/// A router's settings against the plan's.
pub(super) fn router(plan: &Plan, settings: &Value) -> Result<(), WorldError> {
    let mut wanted = nodes::router_config(plan, |_| Some("0.0.0.0:0".into()));
    if let Some(wanted) = wanted.as_object_mut() {
        // How the router reaches nodes, and whom it trusts, is the world's affair.
        wanted
            .retain(|key, _| matches!(key.as_str(), "pops" | "default_pop" | "ttl_ms" | "health"));
    }
    let pops = wanted["pops"].as_array_mut().into_iter().flatten();
    for node in pops.flat_map(|pop| pop["nodes"].as_array_mut().into_iter().flatten()) {
        if let Some(node) = node.as_object_mut() {
            node.retain(|key, _| key == "name");
        }
    }
    hold_against("router", &wanted, settings)
}

fn hold_against(node: &str, wanted: &Value, found: &Value) -> Result<(), WorldError> {
    let mut differences = Vec::new();
    compare("", wanted, found, &mut differences);
    if differences.is_empty() {
        return Ok(());
    }
    Err(WorldError::Differs {
        node: node.to_owned(),
        differences: differences.join("; "),
    })
}

/// Everything that `wanted` says must hold; what `found` has beyond it does not matter.
fn compare(path: &str, wanted: &Value, found: &Value, differences: &mut Vec<String>) {
    let below = |key: &str| match path {
        "" => key.to_owned(),
        _ => format!("{path}.{key}"),
    };
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            for (key, wanted) in wanted {
                let found = found.get(key).unwrap_or(&Value::Null);
                compare(&below(key), wanted, found, differences);
            }
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            for (index, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                compare(&below(&index.to_string()), wanted, found, differences);
            }
        }
        _ if wanted == found => {}
        _ => differences.push(format!("{path} is {found} where {wanted} is wanted")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{PlanOptions, ScenarioFile};

    fn plan(pop: &str) -> Plan {
        let text = format!(
            "schema: 1\nname: s\nduration: 4s\norigin: {{at: IAD}}\n\
             content: {{pages: {{path: '/p/{{id}}', objects: 3, size: 1KiB}}}}\npops: {{fra: {pop}}}\n\
             clients: {{a: {{from: [FRA], rate: 1/s}}}}\nrouting: {{mode: nearest}}\n"
        );
        let file = ScenarioFile::parse("s.yaml", text, std::path::Path::new("."), false);
        let geo = geo_data::Database::embedded();
        let options = PlanOptions {
            seed: None,
            geo: &geo,
        };
        file.and_then(|file| file.plan("base", &options))
            .unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_disk_is_asked_for_where_the_scenario_has_one() {
        let differs = |pop: &str, disk: Value| {
            let plan = plan(pop);
            let planned = &plan.nodes[0];
            let settings = json!({"disk": disk});
            let error = node(&plan, &planned.name, &settings).expect_err("all else is missing");
            error.to_string().contains("disk is")
        };
        assert!(!differs("{at: FRA}", json!(1024)));
        assert!(!differs("{at: FRA}", Value::Null));
        assert!(differs("{at: FRA, disk: {size: 8MiB}}", Value::Null));
        assert!(differs("{at: FRA, disk: {size: 8MiB}}", json!(1024)));
        assert!(!differs("{at: FRA, disk: {size: 8MiB}}", json!(8_388_608)));
    }

    #[test]
    fn what_differs_is_named_and_what_is_more_does_not_matter() {
        let wanted = json!({"memory": 1, "policy": {"collapse": true}, "pops": [{"name": "a"}]});
        let fits = json!({"memory": 1, "policy": {"collapse": true, "new": 1},
                          "pops": [{"name": "a", "url": "x"}], "upstream": "y"});
        assert!(hold_against("fra-1", &wanted, &fits).is_ok());
        let other = json!({"memory": 2, "policy": {}, "pops": []});
        let error = hold_against("fra-1", &wanted, &other).expect_err("it differs");
        assert_eq!(
            error.to_string(),
            "fra-1 of the world is not as the scenario has it: memory is 2 where 1 is wanted; \
             policy.collapse is null where true is wanted; pops is [] where [{\"name\":\"a\"}] is wanted"
        );
    }
}
