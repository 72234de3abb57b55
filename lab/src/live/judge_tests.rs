//! What a user's own origin answers is judged by our core, whatever the file says of its content.

use std::path::Path;

use geo_data::Database;
use http::Response;

use super::*;
use crate::scenario::{PlanOptions, ScenarioFile};

fn plan(origin: &str) -> Plan {
    let text = format!(
        "schema: 1
name: own
about: a test
duration: 5s
{origin}
content:
  pages: {{path: '/p/{{id}}', objects: 2, size: 1KiB, headers: {{Cache-Control: max-age=60}}}}
pops:
  fra: {{at: FRA}}
clients:
  europe: {{from: [FRA], rate: 1/s}}
"
    );
    let file = ScenarioFile::parse("test.yaml", text, Path::new("."), false)
        .unwrap_or_else(|error| panic!("{error}"));
    let options = PlanOptions {
        seed: None,
        geo: &Database::embedded(),
    };
    file.plan("base", &options)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn judged(
    origin: &str,
    request: &[(&'static str, &str)],
    answer: &[(&'static str, &str)],
) -> Cacheable {
    let truth = Truth::new(&plan(origin), 0);
    let fields = |lines: &[(&'static str, &str)]| {
        let line = |(name, value): &(&'static str, &str)| {
            (http::HeaderName::from_static(name), value.parse().unwrap())
        };
        lines.iter().map(line).collect::<HeaderMap>()
    };
    let mut response = Response::new(());
    *response.headers_mut() = fields(answer);
    let object = ObjectId {
        class: 0,
        object: 1,
    };
    let check = Check::new(&truth, object, 0, "/p/1".to_owned(), 0);
    let head = response.into_parts().0;
    check.answer(&fields(request), &head, 7).cacheable
}

#[test]
fn a_users_origin_is_judged_by_what_it_answers() {
    let own = "origin: {url: 'http://127.0.0.1:9'}";
    let check = |request: &[(&'static str, &str)], answer: &[(&'static str, &str)], expected| {
        assert_eq!(
            judged(own, request, answer),
            expected,
            "{request:?} {answer:?}"
        );
    };
    let fresh = Cacheable::Fresh(9_000 * MS);
    check(&[], &[("cache-control", "max-age=9"), ("age", "3")], fresh);
    check(
        &[],
        &[("cache-control", "max-age=9, no-cache"), ("etag", "\"1\"")],
        Cacheable::Fresh(0),
    );
    check(&[], &[("cache-control", "no-store")], Cacheable::No);
    check(&[], &[], Cacheable::No);
    let credentials = [("authorization", "Basic eDp5")];
    check(
        &credentials,
        &[("cache-control", "max-age=9")],
        Cacheable::No,
    );
}

#[test]
fn the_synthetic_origin_is_judged_by_its_plan() {
    assert_eq!(
        judged("", &[], &[("cache-control", "no-store")]),
        Cacheable::AsPlanned
    );
}
