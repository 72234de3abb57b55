mod conditional;
mod ranges;

use http::HeaderName;
use proptest::prelude::*;

use super::*;
use crate::catalogue::{Class, SizeDist, VaryOn};
use crate::versions::Selector;

/// 2023-11-14 22:13:20 GMT.
const EPOCH: i64 = 1_700_000_000_000;

fn catalogue() -> Catalogue {
    let class =
        |name: &str, size| Class::new(name, &format!("/{name}/{{id}}"), 10, SizeDist::Fixed(size));
    let mut plain = class("plain", 1000);
    plain.headers = vec![
        ("Cache-Control".into(), "max-age=5".into()),
        ("Content-Type".into(), "text/html".into()),
        ("Link".into(), "</a>".into()),
        ("Link".into(), "</b>".into()),
    ];
    let mut dated = class("dated", 1000);
    dated.etag = false;
    let mut bare = class("bare", 1000);
    bare.etag = false;
    bare.last_modified = false;
    let mut chunked = class("chunked", 1000);
    chunked.chunked = true;
    let mut missing = class("missing", 100);
    missing.status = 404;
    let mut varied = class("varied", 100);
    varied.vary = Some(VaryOn {
        header: "accept-language".into(),
        values: vec!["en".into(), "de".into()],
    });
    let mut nothing = class("nothing", 100);
    nothing.status = 204;
    Catalogue {
        seed: 5,
        epoch_ms: EPOCH,
        classes: vec![
            plain,
            dated,
            bare,
            chunked,
            missing,
            varied,
            nothing,
            class("empty", 0),
        ],
        concurrency: None,
    }
}

/// Version 2 came 10 s after the epoch; it is 20 s after it now.
fn ask(method: &str, target: &str, fields: &[(&str, &str)]) -> Answer {
    let catalogue = catalogue();
    let mut versions = catalogue.versions();
    versions.publish(Selector::All, 10_000);
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let request = Request {
        method: &method.parse().unwrap(),
        target,
        headers: &headers,
    };
    match respond(
        &catalogue,
        &versions,
        &Faults::default(),
        request,
        EPOCH + 20_000,
        0,
    ) {
        Outcome::Answer(answer) => *answer,
        Outcome::Refuse { .. } => panic!("refused"),
    }
}

fn field<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer
        .headers
        .get(name)
        .map_or("-", |value| value.to_str().unwrap())
}

const TAG: &str = "TAG";
const MODIFIED: &str = "Tue, 14 Nov 2023 22:13:30 GMT";
const EARLIER: &str = "Tue, 14 Nov 2023 22:13:29 GMT";
const LATER: &str = "Tue, 14 Nov 2023 22:13:31 GMT";

/// The status of a request for object 1 with these fields, where TAG is its current tag.
#[track_caller]
fn status(method: &str, class: &str, fields: &[(&str, &str)], expected: u16) {
    let target = format!("/{class}/1");
    let whole = ask("GET", &target, &[]);
    let tag = field(&whole, "etag").to_owned();
    let fields: Vec<(&str, String)> = fields
        .iter()
        .map(|(name, value)| (*name, value.replace(TAG, &tag)))
        .collect();
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let answer = ask(method, &target, &fields);
    assert_eq!(
        answer.status.as_u16(),
        expected,
        "{method} {target} {fields:?}"
    );
}

#[test]
fn whole_responses() {
    let answer = ask("GET", "/plain/1", &[]);
    assert_eq!(answer.status, 200);
    assert_eq!(field(&answer, "date"), "Tue, 14 Nov 2023 22:13:40 GMT");
    assert_eq!(field(&answer, "last-modified"), MODIFIED);
    assert!(field(&answer, "etag").starts_with("\"v2-"));
    assert_eq!(field(&answer, "content-type"), "text/html");
    assert_eq!(field(&answer, "content-length"), "1000");
    assert_eq!(field(&answer, "accept-ranges"), "bytes");
    assert_eq!(answer.headers.get_all("link").iter().count(), 2);
    assert_eq!((answer.body_bytes(), answer.version), (1000, Some(2)));
    assert_eq!(
        answer.object,
        Some(ObjectId {
            class: 0,
            object: 1
        })
    );

    let chunked = ask("GET", "/chunked/1", &[]);
    assert_eq!(
        (field(&chunked, "content-length"), chunked.body_bytes()),
        ("-", 1000)
    );
    let nothing = ask("GET", "/nothing/1", &[]);
    assert_eq!(
        (
            nothing.status.as_u16(),
            field(&nothing, "content-length"),
            nothing.body_bytes()
        ),
        (204, "-", 0)
    );
    let bare = ask("GET", "/bare/1", &[]);
    assert_eq!(
        (field(&bare, "etag"), field(&bare, "last-modified")),
        ("-", "-")
    );
}

#[test]
fn head_is_get_without_a_body() {
    for target in [
        "/plain/1",
        "/chunked/1",
        "/missing/1",
        "/varied/1",
        "/none",
        "/empty/1",
    ] {
        let (get, head) = (ask("GET", target, &[]), ask("HEAD", target, &[]));
        assert_eq!(
            (get.status, &get.headers),
            (head.status, &head.headers),
            "{target}"
        );
        assert_eq!(head.body_bytes(), 0);
    }
    // Range is defined for GET only.
    status("HEAD", "plain", &[("range", "bytes=0-1")], 200);
    status("HEAD", "plain", &[("if-none-match", TAG)], 304);
}

#[test]
fn other_methods_and_paths() {
    let answer = ask("POST", "/plain/1", &[]);
    assert_eq!(
        (answer.status.as_u16(), field(&answer, "allow")),
        (405, "GET, HEAD")
    );
    assert_eq!(ask("GET", "/plain/10", &[]).status, 404);
    assert_eq!(ask("GET", "/plain/10", &[]).object, None);
    // A class that answers 404: preconditions and ranges do not apply (section 13.2.1).
    status("GET", "missing", &[("if-none-match", TAG)], 404);
    status("GET", "missing", &[("if-match", "\"x\"")], 404);
    status("GET", "missing", &[("range", "bytes=0-1")], 404);
}

fn text(answer: &Answer) -> String {
    let mut out = Vec::new();
    for part in &answer.parts {
        match part {
            Part::Bytes(bytes) => out.extend_from_slice(bytes),
            Part::Object { body, range } => {
                let start = out.len();
                out.resize(start + (range.end - range.start) as usize, 0);
                body.fill(range.start, &mut out[start..]);
            }
        }
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn variants_differ_in_body_and_tag() {
    let en = ask("GET", "/varied/1", &[]);
    let de = ask("GET", "/varied/1", &[("accept-language", "de")]);
    assert_eq!((en.variant, de.variant), (0, 1));
    assert_eq!(
        (field(&en, "vary"), field(&de, "vary")),
        ("accept-language", "accept-language")
    );
    assert_ne!(field(&en, "etag"), field(&de, "etag"));
    assert_ne!(text(&en), text(&de));
}

#[test]
fn faults_come_before_everything() {
    let mut catalogue = catalogue();
    catalogue.classes[0].think = crate::DurationDist::Fixed { ns: 7 };
    let versions = catalogue.versions();
    let headers = HeaderMap::new();
    let request = Request {
        method: &Method::GET,
        target: "/plain/1",
        headers: &headers,
    };
    let ask = |faults| respond(&catalogue, &versions, &faults, request, EPOCH, 0);
    let fail = Faults {
        status: Some(503),
        delay_ms: 2,
        refuse: false,
    };
    let Outcome::Answer(answer) = ask(fail) else {
        panic!("refused")
    };
    assert_eq!(
        (answer.status.as_u16(), answer.service_ns, answer.version),
        (503, 2_000_000, None)
    );
    assert_eq!(
        answer.object,
        Some(ObjectId {
            class: 0,
            object: 1
        })
    );
    let slow = Faults {
        delay_ms: 2,
        ..Faults::default()
    };
    let Outcome::Answer(answer) = ask(slow) else {
        panic!("refused")
    };
    assert_eq!(
        (answer.status.as_u16(), answer.service_ns),
        (200, 2_000_007)
    );
    assert!(matches!(
        ask(Faults {
            refuse: true,
            ..slow
        }),
        Outcome::Refuse {
            service_ns: 2_000_000
        }
    ));
    assert!(
        fail.check().is_ok()
            && Faults {
                status: Some(200),
                ..fail
            }
            .check()
            .is_err()
    );
}

#[test]
fn heads_are_those_of_responses() {
    let catalogue = catalogue();
    let mut versions = catalogue.versions();
    versions.publish(Selector::All, 10_000);
    let id = ObjectId {
        class: 5,
        object: 1,
    };
    let (status, headers) = catalogue.head(&versions, id, 1, EPOCH + 20_000);
    let answer = ask("GET", "/varied/1", &[("accept-language", "de")]);
    assert_eq!((status, headers), (answer.status, answer.headers));
    let nowhere = ObjectId {
        class: 99,
        object: 0,
    };
    assert_eq!(catalogue.head(&versions, nowhere, 0, 0).0, 404);
}

proptest! {
    /// Whatever is sent: no panic, and the announced length is the body's.
    #[test]
    fn any_request_is_answered(
        method in prop_oneof![Just("GET"), Just("HEAD"), Just("PUT")],
        target in prop_oneof![Just("/plain/1".to_owned()), Just("/empty/1".to_owned()), ".{0,20}"],
        fields in proptest::collection::vec(
            (
                proptest::sample::select(vec![
                    "range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
                ]),
                prop_oneof!["bytes=[0-9,-]{0,20}", "[ -~]{0,20}", "(W/)?\"[!-~]{0,9}\"[, ]*"],
            ),
            0..4,
        ),
    ) {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = ask(method, &target, &fields);
        if let (Some(length), "GET") = (answer.headers.get("content-length"), method) {
            let announced = length.to_str().unwrap().to_owned();
            prop_assert_eq!(announced, answer.body_bytes().to_string());
        }
        prop_assert!(method != "HEAD" || answer.parts.is_empty());
    }
}
