//! Random cases: fields, times and directives of requests.

use proptest::prelude::*;

use crate::plain::{Case, Moment};

fn seconds() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => (0..100_u32).prop_map(|n| n.to_string()),
        2 => (0..100_u32).prop_map(|n| format!("\"{n}\"")),
        1 => Just("0060".to_owned()),
        1 => Just("99999999999999999999999".to_owned()),
        1 => prop::sample::select(vec!["", "x", "-1", "+5", "5.0", " 5", "'5'", "\"\"", "5x"])
            .prop_map(str::to_owned),
    ]
}

fn cased(name: &'static str) -> impl Strategy<Value = String> {
    prop::bool::weighted(0.8).prop_map(move |lower| {
        if lower {
            name.to_owned()
        } else {
            name.to_uppercase()
        }
    })
}

fn directive(timed: Vec<&'static str>, flags: Vec<&'static str>) -> impl Strategy<Value = String> {
    let timed = prop::sample::select(timed)
        .prop_flat_map(|name| (cased(name), seconds()))
        .prop_map(|(name, value)| format!("{name}={value}"));
    let flags = prop::sample::select(flags).prop_flat_map(cased);
    prop_oneof![3 => timed, 2 => flags]
}

fn lines(one: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<String>> {
    let line = prop::collection::vec(one, 1..4)
        .prop_flat_map(|members| {
            (
                Just(members),
                prop::sample::select(vec![",", ", ", " ,, ", ",\t"]),
            )
        })
        .prop_map(|(members, between)| members.join(between));
    prop::collection::vec(line, 0..3)
}

fn cache_control() -> impl Strategy<Value = Vec<String>> {
    lines(directive(
        vec![
            "max-age",
            "max-age",
            "s-maxage",
            "stale-while-revalidate",
            "stale-if-error",
        ],
        vec![
            "public",
            "no-store",
            "no-cache",
            "private",
            "must-revalidate",
            "proxy-revalidate",
            "must-understand",
            "immutable",
            "x",
            "x=\"a, no-store\"",
            "private=\"x\"",
            "no-cache=\"x, y\"",
            "x=\"a\\\", max-age=1\"",
        ],
    ))
}

fn request_control() -> impl Strategy<Value = Vec<String>> {
    lines(directive(
        vec!["max-age", "min-fresh", "max-stale"],
        vec!["no-cache", "no-store", "max-stale", "only-if-cached", "x"],
    ))
}

fn targeted_field() -> impl Strategy<Value = String> {
    let member = prop_oneof![
        3 => (0..100_u32).prop_map(|n| format!("max-age={n}")),
        1 => (0..100_u32).prop_map(|n| format!("s-maxage={n}")),
        2 => prop::sample::select(vec![
            "no-store", "no-cache", "must-revalidate", "public", "x", "x=1", "max-age",
            "max-age=x", "no-store=1", "MAX-AGE=5",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(member, 1..3).prop_map(|members| members.join(", "))
}

fn moment() -> impl Strategy<Value = Moment> {
    let wrong = vec![
        "0",
        "-1",
        "",
        "Thu, 18 Aug 2050 2:01:18 GMT",
        "Thu, 18 Aug 2050 02:01:18 UTC",
    ];
    prop_oneof![
        6 => (-100..100_i64, any::<u8>()).prop_map(|(at, form)| Moment::At(at, form)),
        1 => prop::sample::select(wrong).prop_map(Moment::Wrong),
    ]
}

fn age() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..100_u32).prop_map(|n| n.to_string()),
        2 => prop::sample::select(vec![
            "-5", "a", "5.0", "50, 3", "50;x=1", "\"5\"", "a, 50", "99999999999999999999",
        ])
        .prop_map(str::to_owned),
    ]
}

prop_compose! {
    pub(crate) fn cases()(
        status in prop::sample::select(vec![200_u16, 200, 203, 204, 206, 299, 302, 404, 410, 500, 503, 599]),
        cache_control in cache_control(),
        targeted in prop::option::weighted(0.15, targeted_field()),
        expires in prop::option::weighted(0.3, moment()),
        date in prop::option::weighted(0.7, moment()),
        age in prop::option::weighted(0.3, age()),
        modified in prop::option::weighted(0.4, (0..100_i64).prop_map(|n| n * 10)),
        flags in any::<[bool; 4]>(),
        rare in prop::collection::vec(prop::bool::weighted(0.1), 3),
        asked in prop_oneof![Just(Vec::new()), request_control()],
        delay_ms in 0..3_000_i64,
        later_ms in 0..120_000_i64,
    ) -> Case {
        Case {
            status, cache_control, targeted, expires, date, age, modified,
            etag: flags[0], pragma: rare[0], star: rare[1], cookie: rare[2],
            authorization: flags[1] && flags[2], asked,
            honours: flags[2], beside_s_maxage: flags[3], delay_ms, later_ms,
        }
    }
}
