use http::HeaderValue;

use super::*;

const EXAMPLE: &str = r#"{
    "seed": 7,
    "epoch_ms": 1700000000000,
    "concurrency": 64,
    "classes": [
        {"name": "pages", "path": "/pages/{id}.html", "objects": 300,
         "size": {"lognormal": {"median": 12288, "sigma": 0.6, "max": 1048576}},
         "headers": [["Cache-Control", "max-age=5"], ["Link", "</a>"], ["Link", "</b>"]],
         "think": {"uniform": {"min_ns": 1000000, "max_ns": 3000000}},
         "changes_every_ms": 30000,
         "vary": {"header": "accept-language", "values": ["en", "de", "ja"]}},
        {"name": "home", "path": "/", "objects": 1, "size": {"fixed": 1000}},
        {"name": "search", "path": "/search?q={id}", "objects": 10, "size": {"uniform": {"min": 5, "max": 9}}},
        {"name": "trace", "path": "/{id}", "objects": 3, "size": {"listed": [10, 20]}}
    ]
}"#;

fn example() -> Catalogue {
    Catalogue::from_json(EXAMPLE.as_bytes()).unwrap()
}

#[test]
fn paths_lead_to_objects_and_back() {
    let catalogue = example();
    let check = |target: &str, expected: Option<(u16, u32)>| {
        let found = catalogue.resolve(target);
        assert_eq!(found.map(|id| (id.class, id.object)), expected, "{target}");
        if let (Some(id), false) = (found, target.contains("utm")) {
            assert_eq!(catalogue.path(id), target);
        }
    };
    check("/pages/0.html", Some((0, 0)));
    check("/pages/299.html", Some((0, 299)));
    check("/pages/7.html?utm_source=x", Some((0, 7)));
    check("/", Some((1, 0)));
    check("/search?q=9", Some((2, 9)));
    check("/2", Some((3, 2)));
    for wrong in [
        "",
        "*",
        "/pages/300.html",
        "/pages/007.html",
        "/pages/.html",
        "/pages/+7.html",
        "/pages/7.htm",
        "/pages/99999999999.html",
        "/search?q=10",
        "/search",
        "/x",
        "/3",
        "/pages/0.html/",
    ] {
        check(wrong, None);
    }
}

/// These numbers must never change: scenarios and saved reports rest on them. Worked out apart
/// from this code, from the definitions of PCG and of the distributions.
#[test]
fn draws_are_the_same_everywhere() {
    let catalogue = example();
    let id = |class, object| ObjectId { class, object };
    let sizes: Vec<u64> = (0..4).map(|object| catalogue.size(id(0, object))).collect();
    assert_eq!(sizes, [5223, 13844, 21641, 10028]);
    let thinks: Vec<u64> = (0..3).map(|nth| catalogue.think(id(0, 0), nth)).collect();
    assert_eq!(thinks, [2_371_796, 1_387_332, 1_501_645]);
    let sizes: Vec<u64> = (0..6).map(|object| catalogue.size(id(2, object))).collect();
    assert_eq!(sizes, [8, 8, 9, 6, 8, 7]);
    assert_eq!(
        [0, 1, 2].map(|object| catalogue.size(id(3, object))),
        [10, 20, 0]
    );
    assert_eq!(catalogue.size(id(9, 0)), 0);
}

#[test]
fn sizes_follow_their_distribution() {
    let class = |size| Class::new("x", "/{id}", 20_000, size);
    let size = SizeDist::Lognormal {
        median: 10_000,
        sigma: 1.0,
        max: 60_000,
    };
    let catalogue = Catalogue {
        seed: 3,
        epoch_ms: 0,
        classes: vec![class(size)],
        concurrency: None,
    };
    let mut sizes: Vec<u64> = (0..20_000)
        .map(|object| catalogue.size(ObjectId { class: 0, object }))
        .collect();
    sizes.sort_unstable();
    let share = |p: usize| sizes[sizes.len() * p / 1000] as f64 / 10_000.0;
    // Quantiles of the lognormal distribution: exp(z).
    for (at, expected) in [
        (500, 1.0),
        (159, 0.368),
        (841, std::f64::consts::E),
        (23, 0.1353),
    ] {
        assert!(
            (share(at) / expected - 1.0).abs() < 0.05,
            "{at}: {}",
            share(at)
        );
    }
    assert_eq!(sizes.last(), Some(&60_000));
}

#[test]
fn variants_are_selected_by_the_field() {
    let catalogue = example();
    let page = ObjectId {
        class: 0,
        object: 1,
    };
    let check = |value: Option<&'static str>, expected: u16| {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert("accept-language", HeaderValue::from_static(value));
        }
        assert_eq!(catalogue.variant(page, &headers), expected, "{value:?}");
    };
    check(None, 0);
    check(Some("en"), 0);
    check(Some(" DE "), 1);
    check(Some("ja"), 2);
    check(Some("fr"), 0);
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Catalogue), expected: &str) {
    let mut catalogue = example();
    change(&mut catalogue);
    let error = catalogue.check().unwrap_err().to_string();
    assert!(
        error.contains(expected),
        "{error:?} does not say {expected:?}"
    );
}

#[test]
fn catalogues_that_cannot_be_served_are_refused() {
    refused(|it| it.concurrency = Some(0), "a concurrency of 0");
    refused(
        |it| it.classes[1].name = "pages".into(),
        "class pages: the name is used twice",
    );
    refused(
        |it| it.classes[1].path = "/{id}".into(),
        "class trace: another class has the same path",
    );
    refused(
        |it| it.classes[0].path = "pages/{id}".into(),
        "does not begin with /",
    );
    refused(
        |it| it.classes[0].path = "/pages".into(),
        "300 objects need exactly one {id}",
    );
    refused(
        |it| it.classes[0].path = "/{id}/{id}".into(),
        "300 objects need exactly one {id}",
    );
    refused(
        |it| it.classes[0].path = "/a b/{id}".into(),
        "is not a path",
    );
    refused(|it| it.classes[0].path = "/a#{id}".into(), "is not a path");
    refused(|it| it.classes[0].objects = 0, "it has no objects");
    refused(|it| it.classes[0].status = 100, "100 is not a final status");
    refused(
        |it| it.classes[0].changes_every_ms = Some(0),
        "cannot change every 0 ms",
    );
    let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    refused(
        |it| it.classes[0].headers = header("a b", ""),
        "\"a b\" is not a field name",
    );
    refused(
        |it| it.classes[0].headers = header("a", "x\ny"),
        "the value of a is not allowed",
    );
    refused(
        |it| it.classes[0].headers = header("ETag", "x"),
        "the origin sets etag itself",
    );
    let vary = |values: &[&str]| {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        Some(VaryOn {
            header: "x".into(),
            values,
        })
    };
    refused(
        |it| it.classes[0].vary = vary(&[]),
        "vary needs 1 to 65535 values",
    );
    refused(|it| it.classes[0].vary = vary(&["a\r"]), "cannot be sent");
    refused(
        |it| it.classes[0].size = SizeDist::Uniform { min: 2, max: 1 },
        "min is larger than max",
    );
    refused(
        |it| it.classes[0].size = SizeDist::Fixed(u64::MAX),
        "more than 16 TiB",
    );
    let lognormal = |median, sigma| SizeDist::Lognormal {
        median,
        sigma,
        max: 9,
    };
    refused(
        |it| it.classes[0].size = lognormal(0, 1.0),
        "median is above 0",
    );
    refused(
        |it| it.classes[0].size = lognormal(1, f64::NAN),
        "sigma is a number",
    );
    refused(
        |it| {
            it.classes[0].think = DurationDist::Uniform {
                min_ns: 2,
                max_ns: 1,
            }
        },
        "min is longer than max",
    );
}

#[test]
fn other_json_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"classes": [{"name": "x"}]}"#,
        r#"{"classes": [], "sede": 1}"#,
    ] {
        assert!(
            matches!(
                Catalogue::from_json(text.as_bytes()),
                Err(CatalogueError::Json(_))
            ),
            "{text}"
        );
    }
    let written = serde_json::to_string(&example()).unwrap();
    assert_eq!(Catalogue::from_json(written.as_bytes()).unwrap(), example());
}
