use super::terminal::{Style, render};
use super::*;
use crate::expect::parse;
use crate::metrics::Fold;
use crate::metrics::testing::{MS, SECOND, by, forwarded, hit, observation, shape};
use crate::observe::{Answer, Failure, Fwd, NodeStats, Observation, OriginRecord, RequestId};
use crate::plan::ObjectId;

/// A run of 400 requests: a cache that misses every `every`th, with an error and a stale answer now and then.
pub(super) fn played(every: u64) -> Measured {
    played_in(shape(), every)
}

fn played_in(shape: crate::metrics::Shape, every: u64) -> Measured {
    let mut fold = Fold::of(shape);
    for step in 0..400 {
        let sent = step * 50 * MS;
        let stale = Answer {
            outdated_by: Some(SECOND),
            ..by(hit(Some(-2)))
        };
        let miss = forwarded(Fwd::UriMiss, None, true);
        let outcome = match step {
            150 | 151 => Err(Failure::Deadline),
            n if n % every == 0 => Ok(by(miss)),
            n if n % 20 == 7 => Ok(stale),
            _ => Ok(by(hit(Some(3)))),
        };
        let mut seen = Observation {
            step,
            place: (step % 3) as u16,
            ..observation((step % 40) as u32, sent, outcome)
        };
        seen.node = Some(u16::from(seen.place == 2));
        seen.object.class = u16::from(step % 10 == 9);
        if step % every == 0 {
            seen.first_byte += 90 * MS + step * MS / 10;
            seen.done = seen.first_byte + 10 * MS;
            let (id, object) = (
                RequestId::Step(step),
                Some(ObjectId {
                    class: 0,
                    object: 1,
                }),
            );
            fold.origin(&OriginRecord {
                id,
                at: sent,
                object,
                status: 200,
                body_bytes: 1000,
                conditional: false,
            });
        }
        fold.observe(&seen);
    }
    let mut stats = NodeStats {
        upstream_requests: 400 / every,
        stored_objects: 40,
        stored_bytes: 40_960,
        ..NodeStats::default()
    };
    stats.classes[0] = 300;
    stats.classes[7] = 400 / every;
    (0..3).for_each(|node| fold.node_stats(node, &stats, 20 * SECOND));
    fold.finish(20 * SECOND)
}

fn manifest() -> Manifest {
    Manifest {
        version: "0.1.0".into(),
        scenario: "quickstart".into(),
        machine: Machine {
            os: "linux".into(),
            arch: "x86_64".into(),
            cpus: 2,
        },
        started: "2026-11-22T16:00:00Z".into(),
        finished: "2026-11-22T16:00:20Z".into(),
        wall_seconds: 20.5,
        seed: 1,
        ..Manifest::default()
    }
}

pub(super) fn two_variants() -> Report {
    let (cdn, direct) = (played(10), played(1));
    let expectations = [
        "cdn.request_hit_ratio >= 60 %",
        "cdn.latency_p50 < 0.5 * direct.latency_p50{region=europe}",
        "cdn: availability{window=cut} == 100 %",
        "direct: stale_seconds_max <= 5s may be empty",
    ];
    let expectations = expectations.map(|text| parse(text).unwrap());
    Report::new(
        manifest(),
        &[("cdn", &cdn), ("direct", &direct)],
        &expectations,
    )
}

#[test]
fn the_terminal_shows_variants_side_by_side() {
    let text = render(&two_variants(), Style::default());
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    insta::assert_snapshot!("two_variants", text);
}

#[test]
fn one_variant_needs_no_column_for_it() {
    let measured = played(4);
    let expectations = [parse("request_hit_ratio >= 60 %").unwrap()];
    let report = Report::new(manifest(), &[("base", &measured)], &expectations);
    let text = render(&report, Style::default());
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    insta::assert_snapshot!("one_variant", text);
}

#[test]
fn colour_changes_no_letter() {
    let report = two_variants();
    let plain = render(&report, Style::default());
    let painted = render(&report, Style { colour: true });
    let mut stripped = String::new();
    let mut rest = painted.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        stripped.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    assert_eq!(stripped + rest, plain);
    assert!(!plain.contains('\u{1b}'));
    assert!(painted.contains("\u{1b}[32m✔"));
}

/// A run whose every name wants to be something else.
pub(super) fn hostile() -> Report {
    let hostile = "a\u{1b}]0;pwned\u{7}\n\u{202e}日本<b>=1+1</script><img src=x onerror=alert(1)>";
    let mut shape = shape();
    shape.regions[0] = hostile.into();
    shape.classes[0].name = hostile.repeat(9);
    shape.classes[1].lifetime = Err(hostile.into());
    shape.nodes[0].name = hostile.into();
    shape.pops[0] = hostile.into();
    shape.windows[2].name = hostile.into();
    let measured = played_in(shape, 3);
    let expectations = [parse("availability{region=\"a\u{1b}[31m\"} > 0").unwrap()];
    let manifest = Manifest {
        scenario: hostile.into(),
        ..manifest()
    };
    Report::new(
        manifest,
        &[(hostile, &measured), ("b", &measured)],
        &expectations,
    )
}

#[test]
fn hostile_names_reach_no_terminal() {
    let report = hostile();
    let text = render(&report, Style::default());
    let bad = text
        .chars()
        .find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
    assert_eq!(bad, None, "{text}");
    assert!(!report.to_json().unwrap().contains('\u{1b}'));
}

#[test]
fn the_outcome_is_an_exit_status() {
    let good = played(10);
    let outcome = |measured: &Measured, claims: &[&str]| {
        let expectations: Vec<_> = claims.iter().map(|claim| parse(claim).unwrap()).collect();
        let report = Report::new(manifest(), &[("base", measured)], &expectations);
        (report.outcome.exit_status(), report.verdict)
    };
    assert_eq!(
        outcome(&good, &[]),
        (0, "quickstart: no expectations".into())
    );
    assert_eq!(
        outcome(&good, &["requests > 0", "errors >= 0"]),
        (0, "quickstart: all 2 expectations met".into())
    );
    assert_eq!(
        outcome(&good, &["requests > 0", "errors > 9"]),
        (99, "quickstart: 1 of 2 expectations missed".into())
    );
    assert_eq!(outcome(&good, &["shield_hit_ratio{pop=shield} > 2"]).0, 99);
    let nothing = Fold::of(shape()).finish(SECOND);
    assert_eq!(
        outcome(&nothing, &["requests == 0"]),
        (3, "quickstart: invalid run: no request was made".into())
    );
    let mut fold = Fold::of(shape());
    let wrong = Answer {
        verified: crate::observe::Verified::Wrong,
        ..by(hit(None))
    };
    fold.observe(&observation(0, 3 * SECOND, Ok(wrong)));
    assert_eq!(
        outcome(&fold.finish(SECOND), &[]),
        (99, "quickstart: 1 wrong bodies; no expectations".into())
    );
}

#[test]
fn json_comes_back_as_it_went() {
    for every in 1..30 {
        let measured = played(every);
        let report = Report::new(
            manifest(),
            &[("base", &measured)],
            &[parse("latency_p99 < 1s").unwrap()],
        );
        let text = report.to_json().unwrap();
        let back: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(back, report, "every {every}");
        assert_eq!(back.to_json().unwrap(), text);
    }
}

const SCHEMA_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/report.schema.json");

/// `UPDATE_SCHEMA=1 cargo test -p lab schema` writes the file anew.
#[test]
fn the_committed_schema_is_current() {
    let text = Report::schema_text().unwrap();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(SCHEMA_FILE, &text).unwrap();
    }
    let committed = std::fs::read_to_string(SCHEMA_FILE).unwrap_or_default();
    assert!(
        committed == text,
        "run UPDATE_SCHEMA=1 cargo test -p lab schema, and tell CHANGELOG"
    );
}

#[test]
fn a_report_fits_its_schema() {
    let schema: serde_json::Value = serde_json::from_str(&Report::schema_text().unwrap()).unwrap();
    let mut report = serde_json::to_value(two_variants()).unwrap();
    fits(&schema, &schema, &report, "report").unwrap();
    // The check itself can fail.
    report["variants"][0]["total"]["requests"] = "many".into();
    assert!(
        fits(&schema, &schema, &report, "report")
            .unwrap_err()
            .contains("report.variants.0.total.requests")
    );
    report["variants"][0]["total"]["requests"] = 1.into();
    report["surprise"] = 1.into();
    assert!(fits(&schema, &schema, &report, "report").is_err());
}

/// As much of JSON Schema as our types use.
pub(crate) fn fits(
    root: &serde_json::Value,
    schema: &serde_json::Value,
    value: &serde_json::Value,
    at: &str,
) -> Result<(), String> {
    use serde_json::Value;
    if schema == &Value::Bool(true) {
        return Ok(());
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = root
            .pointer(reference.trim_start_matches('#'))
            .ok_or(format!("{at}: no {reference}"))?;
        return fits(root, target, value, at);
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(options) = schema.get(key).and_then(Value::as_array)
            && !options
                .iter()
                .any(|option| fits(root, option, value, at).is_ok())
        {
            return Err(format!("{at}: none of {key}"));
        }
    }
    if let Some(expected) = schema.get("const").filter(|expected| *expected != value) {
        return Err(format!("{at}: not {expected}"));
    }
    if let Some(names) = schema.get("enum").and_then(Value::as_array)
        && !names.contains(value)
    {
        return Err(format!("{at}: {value} not in {names:?}"));
    }
    if let Some(types) = schema.get("type") {
        let is = |name: &Value| match name.as_str().unwrap_or_default() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            "null" => value.is_null(),
            other => panic!("unknown type {other}"),
        };
        let matches = types
            .as_array()
            .map_or_else(|| is(types), |types| types.iter().any(is));
        if !matches {
            return Err(format!("{at}: {value} is not {types}"));
        }
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for (index, value) in values.iter().enumerate() {
            fits(root, items, value, &format!("{at}.{index}"))?;
        }
    }
    if let Some(object) = value.as_object() {
        for name in schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            if !object.contains_key(name.as_str().unwrap_or_default()) {
                return Err(format!("{at}: {name} is missing"));
            }
        }
        for (name, value) in object {
            let known = schema
                .get("properties")
                .and_then(|properties| properties.get(name));
            let known = known.or_else(|| schema.get("additionalProperties"));
            match known {
                Some(Value::Bool(false)) => return Err(format!("{at}: {name} is not allowed")),
                Some(known) => fits(root, known, value, &format!("{at}.{name}"))?,
                None => {}
            }
        }
    }
    Ok(())
}

#[test]
fn what_died_unasked_is_told() {
    let mut fold = Fold::of(shape());
    let what = "fra-1 died unasked (signal 9); the run goes on without it";
    fold.died(Some(0), what.to_owned(), 3 * SECOND);
    let (whole, broken) = (played(10), fold.finish(20 * SECOND));
    let report = Report::new(manifest(), &[("a", &whole), ("b", &broken)], &[]);
    let events = &report.variants[1].events;
    assert_eq!((events[0].what.as_str(), events[0].planned), (what, false));
    let text = render(&report, Style::default());
    assert!(text.contains(&format!("3.00 s  b: {what}")), "{text}");
}

#[test]
fn the_parts_of_a_waterfall_add_up_to_its_total() {
    let report = two_variants();
    let all: Vec<_> = report.variants.iter().flat_map(|v| &v.waterfall).collect();
    assert!(all.len() >= 2, "hits and misses");
    for one in all {
        let sum: f64 = one.phases.iter().map(|part| part.seconds).sum();
        assert!((sum - one.total_seconds).abs() < 1e-9, "{one:?}");
        assert!(one.ttfb_seconds <= one.total_seconds, "{one:?}");
    }
}
