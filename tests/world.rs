//! The files of the compose world against the scenario that it stands for.

use std::path::{Path, PathBuf};

use geo_data::Database;
use lab::live::{Attach, nodes};
use lab::scenario::{PlanOptions, ScenarioFile};
use serde_json::Value;

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("the binary's crate lies below the root")
        .to_owned()
}

fn json(file: &str) -> Value {
    let text = std::fs::read_to_string(root().join(file)).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn the_worlds_files_are_those_of_region_outage() {
    let file = ScenarioFile::shipped("region-outage")
        .expect("shipped")
        .expect("right");
    let database = Database::embedded();
    let options = PlanOptions {
        seed: None,
        geo: &database,
    };
    let plan = file.plan("base", &options).expect("a plan");
    let mut catalogue = serde_json::to_value(&plan.origin.catalogue).expect("JSON");
    catalogue["epoch_ms"] = 0.into();
    assert_eq!(json("deploy/compose/origin.json"), catalogue);
    let found = json("deploy/compose/router.json");
    let url = |node: u16| {
        let name = &plan.nodes[usize::from(node)].name;
        let pops = found["pops"].as_array().into_iter().flatten();
        let mut nodes = pops.flat_map(|pop| pop["nodes"].as_array().into_iter().flatten());
        let node = nodes.find(|node| node["name"] == **name)?;
        Some(
            node["url"]
                .as_str()?
                .trim_start_matches("http://")
                .to_owned(),
        )
    };
    let mut wanted = nodes::router_config(&plan, url);
    wanted["trust"] = found["trust"].clone();
    assert_eq!(found, wanted);
}

#[test]
fn the_stack_has_the_links_of_the_compose_file() {
    let links = |file: &str| {
        let path = root().join(file);
        let attach = Attach::read(&path.to_string_lossy(), None).expect("links");
        attach.links
    };
    let compose = links("docker-compose.yml");
    assert_eq!(compose.len(), 5);
    assert_eq!(links("deploy/swarm/stack.yml"), compose);
}
