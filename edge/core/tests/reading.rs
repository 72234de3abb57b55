//! The core against a plain reading of RFC 9111, written from its text and from nothing of the core:
//! slow, without digests, from field lines to the answer. Random fields, times and request
//! directives; the two never disagree.

use std::collections::BTreeMap;

use edge_core::{
    NotStorable, Policy, RequestHead, RequestKind, ResponseHead, Reuse, TargetUri, Timestamp, born,
    decide, digest, fields::date,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use proptest::prelude::*;

/// When the request that fetched the response was sent, in seconds since the epoch.
const SENT: i64 = 1_795_000_000;

/// A response, the request that fetched it, and one that comes later.
#[derive(Clone, Debug)]
struct Case {
    status: u16,
    cache_control: Vec<String>,
    targeted: Option<String>,
    expires: Option<Moment>,
    date: Option<Moment>,
    age: Option<String>,
    /// Seconds before `SENT`.
    modified: Option<i64>,
    etag: bool,
    pragma: bool,
    star: bool,
    cookie: bool,
    authorization: bool,
    asked: Vec<String>,
    honours: bool,
    beside_s_maxage: bool,
    delay_ms: i64,
    later_ms: i64,
}

/// A date field: a date so many seconds after `SENT`, in one of several spellings, or none.
#[derive(Clone, Debug)]
enum Moment {
    At(i64, u8),
    Wrong(&'static str),
}

impl Moment {
    fn text(&self) -> String {
        let Self::At(offset, form) = self else {
            let Self::Wrong(text) = self else {
                unreachable!()
            };
            return (*text).to_owned();
        };
        let text = date::format(Timestamp::from_seconds(SENT + offset));
        match form % 3 {
            0 => text,
            1 => text.to_uppercase(),
            _ => text.to_lowercase(),
        }
    }

    fn seconds(&self) -> Option<i64> {
        match self {
            Self::At(offset, _) => Some(SENT + offset),
            Self::Wrong(_) => None,
        }
    }
}

/// What the later request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Fresh,
    Stale,
    StaleWhileRevalidate,
    GatewayTimeout,
    Upstream,
}

// ---- The reading.

/// Section 5.2: names without regard to case, arguments as token or quoted string.
fn parse(lines: &[String]) -> Vec<(String, Option<String>)> {
    let mut members = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in lines.join(",").chars() {
        if c == ',' && !quoted {
            members.push(String::new());
            continue;
        }
        if quoted && !escaped && c == '\\' {
            escaped = true;
        } else {
            if c == '"' && !escaped {
                quoted = !quoted;
            }
            escaped = false;
        }
        members.last_mut().expect("never empty").push(c);
    }
    let trimmed = members.iter().map(|member| member.trim());
    trimmed
        .filter(|member| !member.is_empty())
        .map(|member| match member.split_once('=') {
            Some((name, argument)) => (name.to_lowercase(), Some(argument.to_owned())),
            None => (member.to_lowercase(), None),
        })
        .collect()
}

struct Directives(Vec<(String, Option<String>)>);

impl Directives {
    fn has(&self, wanted: &str) -> bool {
        self.0.iter().any(|(name, _)| name == wanted)
    }

    /// Sections 5.2.2.4 and 5.2.2.7: without an argument that names fields.
    fn unqualified(&self, wanted: &str) -> bool {
        let names = |argument: &Option<String>| argument.as_ref().is_some_and(|a| a.len() > 2);
        self.0
            .iter()
            .any(|(name, argument)| name == wanted && !names(argument))
    }

    /// Section 4.2.1: of several values the most restrictive; a malformed one is no lifetime at all.
    /// Section 1.2.2: from 2^31 on they are all the same.
    fn seconds(&self, wanted: &str) -> Option<i64> {
        let given = self.0.iter().filter(|(name, _)| name == wanted);
        given
            .map(|(_, argument)| number(argument.as_deref()).unwrap_or(0))
            .min()
    }

    /// A directive whose malformed value counts for nothing.
    fn all_seconds(&self, wanted: &str) -> impl Iterator<Item = i64> {
        let given = self.0.iter().filter(move |(name, _)| name == wanted);
        given.filter_map(|(_, argument)| number(argument.as_deref()))
    }
}

fn number(argument: Option<&str>) -> Option<i64> {
    let argument = argument?;
    let bare = argument
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(argument);
    if bare.is_empty() || bare.chars().any(|c| !c.is_ascii_digit()) {
        return None;
    }
    Some(bare.parse::<i64>().unwrap_or(i64::MAX).min(1 << 31))
}

/// RFC 9213: the values that this test writes are dictionaries of integers and flags, or invalid.
fn targeted(value: &str) -> Option<Vec<(String, Option<String>)>> {
    let known: BTreeMap<&str, bool> = [
        ("max-age", true),
        ("s-maxage", true),
        ("no-store", false),
        ("no-cache", false),
        ("must-revalidate", false),
        ("public", false),
    ]
    .into();
    // A dictionary has each key once, with its last value (RFC 9651 section 4.2.2).
    let mut found = BTreeMap::new();
    for member in value.split(", ") {
        let (name, argument) = match member.split_once('=') {
            Some((name, argument)) => (name, Some(argument)),
            None => (member, None),
        };
        if name
            .chars()
            .any(|c| !c.is_ascii_lowercase() && !"-*_.".contains(c) && !c.is_ascii_digit())
        {
            return None;
        }
        found.insert(name.to_owned(), argument.map(str::to_owned));
    }
    let wrong = |(name, argument): (&String, &Option<String>)| {
        let digits = argument
            .as_ref()
            .is_none_or(|argument| argument.parse::<u32>().is_ok());
        known
            .get(name.as_str())
            .is_some_and(|number| *number != argument.is_some() || !digits)
    };
    if found.iter().any(wrong) {
        return None;
    }
    Some(found.into_iter().collect())
}

fn reading(case: &Case) -> Outcome {
    let aimed = case.targeted.as_deref().and_then(targeted);
    let is_targeted = aimed.is_some();
    let stored = Directives(aimed.unwrap_or_else(|| parse(&case.cache_control)));
    let asked = Directives(parse(&case.asked));
    let honours = |name: &str| case.honours && asked.has(name);
    let received_ms = SENT * 1000 + case.delay_ms;
    let now_ms = received_ms + case.later_ms;
    let upstream = if asked.has("only-if-cached") {
        Outcome::GatewayTimeout
    } else {
        Outcome::Upstream
    };

    // Section 3: storing, in a shared cache.
    let understood = matches!(case.status, 200 | 203 | 204 | 302 | 404 | 410 | 500 | 503);
    let must_understand = stored.has("must-understand");
    let expires = case.expires.as_ref().filter(|_| !is_targeted);
    let by_default = matches!(
        case.status,
        200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    );
    let explicit = stored.has("max-age") || stored.has("s-maxage") || expires.is_some();
    // Section 5.2.2.3: a cache that understands both directive and status overlooks no-store.
    let forbidden = if must_understand {
        !understood
    } else {
        stored.has("no-store")
    };
    let storable = !matches!(case.status, 206 | 304)
        && !forbidden
        && !stored.unqualified("private")
        && !case.star
        && (!case.authorization
            || ["must-revalidate", "public", "s-maxage"]
                .iter()
                .any(|d| stored.has(d)))
        && (stored.has("public") || explicit || by_default);
    let request_stores = !honours("no-store");
    // Sections 4.3.1 and 7.3, by this cache's choice: no guess where a cookie is set, and nothing
    // is stored that could never be used.
    let guesses_at_cookies = case.cookie && !explicit && !stored.has("public");
    if !storable || !request_stores || guesses_at_cookies {
        return upstream;
    }

    // Section 4.2.1.
    let date = case.date.as_ref().and_then(Moment::seconds);
    let date = date.unwrap_or(received_ms.div_euclid(1000));
    let lifetime_ms = if let Some(seconds) = stored.seconds("s-maxage") {
        seconds * 1000
    } else if let Some(seconds) = stored.seconds("max-age") {
        seconds * 1000
    } else if let Some(expires) = expires {
        expires.seconds().map_or(0, |at| (at - date).max(0) * 1000)
    } else if by_default || stored.has("public") {
        // Section 4.2.2; by this cache's choice no guess against Pragma.
        let pragma = case.pragma && case.cache_control.is_empty() && !is_targeted;
        let since = case.modified.map_or(0, |ago| (date - (SENT - ago)).max(0));
        if pragma {
            0
        } else {
            (since * 100).min(86_400_000)
        }
    } else {
        0
    };

    // Section 4.2.3.
    let age_value = case.age.as_deref().map_or(0, |text| {
        let first = text.split(',').next().unwrap_or_default();
        let first = first.split(';').next().unwrap_or_default().trim();
        // A number, and no directive's argument: quotes are none.
        number(Some(first).filter(|text| !text.starts_with('"'))).unwrap_or(0)
    });
    let apparent = (received_ms.div_euclid(1000) - date).max(0) * 1000;
    let corrected = age_value * 1000 + case.delay_ms;
    let age = apparent.max(corrected) + (now_ms - received_ms);
    let fresh = lifetime_ms > age;
    let stale_by = age - lifetime_ms;

    // Section 4: reusing.
    let no_cache = stored.unqualified("no-cache");
    let max_age = asked.seconds("max-age").filter(|_| case.honours);
    let young_enough = max_age.is_none_or(|seconds| age <= seconds * 1000);
    let min_fresh = asked
        .all_seconds("min-fresh")
        .max()
        .filter(|_| case.honours)
        .unwrap_or(0);
    let usable = !no_cache && !honours("no-cache") && young_enough;
    if usable && fresh && lifetime_ms - age >= min_fresh * 1000 {
        return Outcome::Fresh;
    }
    // Sections 4.2.4, 5.2.2.10 and RFC 5861.
    let asks = stored.has("stale-while-revalidate") || stored.has("stale-if-error");
    let forbidden = stored.has("must-revalidate")
        || stored.has("proxy-revalidate")
        || no_cache
        || (stored.has("s-maxage") && !(case.beside_s_maxage && asks));
    if usable && !fresh && !forbidden && min_fresh == 0 {
        let max_stale = asked.0.iter().filter(|(name, _)| name == "max-stale");
        let allowance = max_stale
            .filter_map(|(_, argument)| match argument {
                None => Some(i64::MAX),
                Some(argument) => number(Some(argument)).map(|seconds| seconds * 1000),
            })
            .min();
        if honours("max-stale") && allowance.is_some_and(|allowance| stale_by <= allowance) {
            return Outcome::Stale;
        }
        let window = stored
            .all_seconds("stale-while-revalidate")
            .min()
            .unwrap_or(0)
            * 1000;
        if stale_by < window && max_age.is_none() {
            return Outcome::StaleWhileRevalidate;
        }
    }
    upstream
}

// ---- The core.

fn core(case: &Case) -> Result<Outcome, NotStorable> {
    let policy = Policy {
        request_directives: case.honours,
        stale: edge_core::StaleRules {
            beside_s_maxage: case.beside_s_maxage,
            ..edge_core::StaleRules::default()
        },
        ..Policy::default()
    };
    let mut lines: Vec<(&str, String)> = Vec::new();
    lines.extend(
        case.cache_control
            .iter()
            .map(|line| ("cache-control", line.clone())),
    );
    lines.extend(
        case.targeted
            .iter()
            .map(|value| ("cdn-cache-control", value.clone())),
    );
    lines.extend(case.expires.iter().map(|at| ("expires", at.text())));
    lines.extend(case.date.iter().map(|at| ("date", at.text())));
    lines.extend(case.age.iter().map(|age| ("age", age.clone())));
    let modified = case
        .modified
        .map(|ago| date::format(Timestamp::from_seconds(SENT - ago)));
    lines.extend(modified.map(|text| ("last-modified", text)));
    for (there, name, value) in [
        (case.etag, "etag", "\"a\""),
        (case.pragma, "pragma", "no-cache"),
        (case.star, "vary", "accept, *"),
        (case.cookie, "set-cookie", "a=b"),
    ] {
        lines.extend(there.then(|| (name, value.to_owned())));
    }
    let target = TargetUri::parse("http://a.test/").expect("a URI");
    let request = |lines: Vec<(&str, String)>| RequestHead {
        method: Method::GET,
        target: target.clone(),
        headers: headers(lines),
    };
    let asked = || {
        case.asked
            .iter()
            .map(|line| ("cache-control", line.clone()))
            .collect::<Vec<_>>()
    };
    let mut first = asked();
    first.extend(
        case.authorization
            .then(|| ("authorization", "Basic x".to_owned())),
    );

    let (sent, received) = (
        Timestamp::from_seconds(SENT),
        Timestamp::from_seconds(SENT).plus(case.delay_ms),
    );
    let status = StatusCode::from_u16(case.status).expect("a status");
    let response = ResponseHead::received(status, headers(lines), received);
    let kind = RequestKind::of(&request(asked()), &policy);
    let stored = digest(&request(first), &response, &policy, received)?;
    let born = born(&response, sent, received);
    Ok(
        match decide(&policy, &stored, born, &kind, received.plus(case.later_ms)) {
            Reuse::Hit => Outcome::Fresh,
            Reuse::HitStale => Outcome::Stale,
            Reuse::HitAndRevalidate => Outcome::StaleWhileRevalidate,
            Reuse::Validate(_) | Reuse::Forward(_) => Outcome::Upstream,
            Reuse::GatewayTimeout => Outcome::GatewayTimeout,
        },
    )
}

fn headers(lines: Vec<(&str, String)>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::try_from(name).expect("a name");
        headers.append(name, HeaderValue::try_from(value).expect("a value"));
    }
    headers
}

// ---- Random cases.

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
    fn cases()(
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn the_core_reads_as_the_rfc_says(case in cases()) {
        let expected = reading(&case);
        match core(&case) {
            Ok(outcome) => prop_assert_eq!(outcome, expected),
            // What could serve nobody but a client that takes anything is not stored at all.
            Err(NotStorable::Useless | NotStorable::NoFreshness) => {
                prop_assert!(!matches!(expected, Outcome::Fresh | Outcome::StaleWhileRevalidate));
            }
            Err(why) => prop_assert!(
                matches!(expected, Outcome::Upstream | Outcome::GatewayTimeout),
                "{why} {expected:?}"
            ),
        }
    }
}
