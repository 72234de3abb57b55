//! The plain reading of RFC 9111, and what it reads.

use std::collections::BTreeMap;

use edge_core::Timestamp;
use edge_core::fields::date;

/// When the request that fetched the response was sent, in seconds since the epoch.
pub(crate) const SENT: i64 = 1_795_000_000;

/// A response, the request that fetched it, and one that comes later.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) status: u16,
    pub(crate) cache_control: Vec<String>,
    pub(crate) targeted: Option<String>,
    pub(crate) expires: Option<Moment>,
    pub(crate) date: Option<Moment>,
    pub(crate) age: Option<String>,
    /// Seconds before `SENT`.
    pub(crate) modified: Option<i64>,
    pub(crate) etag: bool,
    pub(crate) pragma: bool,
    pub(crate) star: bool,
    pub(crate) cookie: bool,
    pub(crate) authorization: bool,
    pub(crate) asked: Vec<String>,
    pub(crate) honours: bool,
    pub(crate) beside_s_maxage: bool,
    pub(crate) delay_ms: i64,
    pub(crate) later_ms: i64,
}

/// A date field: a date so many seconds after `SENT`, in one of several spellings, or none.
#[derive(Clone, Debug)]
pub(crate) enum Moment {
    At(i64, u8),
    Wrong(&'static str),
}

impl Moment {
    pub(crate) fn text(&self) -> String {
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

    pub(crate) fn seconds(&self) -> Option<i64> {
        match self {
            Self::At(offset, _) => Some(SENT + offset),
            Self::Wrong(_) => None,
        }
    }
}

/// What the later request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Fresh,
    Stale,
    StaleWhileRevalidate,
    GatewayTimeout,
    Upstream,
}

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

pub(crate) fn reading(case: &Case) -> Outcome {
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
    // A malformed one counts for nothing, so it asks for nothing beside s-maxage either.
    let asks = ["stale-while-revalidate", "stale-if-error"]
        .iter()
        .any(|name| stored.all_seconds(name).next().is_some());
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
