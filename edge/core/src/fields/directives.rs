//! Which field's directives count for a response: the first valid targeted field of a cache's list
//! (RFC 9213), or Cache-Control. Knows nothing of what directives mean.

use http::{HeaderMap, HeaderName, header};
use sfv::{BareItem, Dictionary, ListEntry, Parser};
use smallvec::SmallVec;

use super::{
    cache_control::{CacheControl, Scope, response_directives},
    split,
};

/// A targeted field that is older than RFC 9213 (Edge Architecture Specification 1.0): its syntax is
/// that of Cache-Control.
const SURROGATE_CONTROL: &str = "surrogate-control";

/// The directives that count for a response in a cache that is the target of these fields, the
/// first one first. With a targeted field, Cache-Control, Expires and Pragma do not count at all.
pub fn directives(headers: &HeaderMap, targets: &[String]) -> CacheControl {
    let Some(members) = targeted(headers, targets) else {
        return response_directives(headers);
    };
    let mut found = CacheControl {
        present: true,
        targeted: true,
        ..CacheControl::default()
    };
    for (name, argument) in &members {
        found.take(name, argument.as_deref());
    }
    found
}

/// The fields that a qualified `private` or `no-cache` names (RFC 9111 sections 5.2.2.4 and
/// 5.2.2.7): a shared cache stores the response without them (section 3.1).
pub fn qualified(headers: &HeaderMap, targets: &[String]) -> Vec<HeaderName> {
    let members = targeted(headers, targets).unwrap_or_else(|| {
        let joined = joined(headers, &header::CACHE_CONTROL);
        split(&joined).map(parts).collect()
    });
    let mut names = Vec::new();
    for (name, argument) in &members {
        let qualifies = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
        if let Some(argument) = argument
            && (qualifies(b"private") || qualifies(b"no-cache"))
        {
            let bare = argument.strip_prefix(b"\"").unwrap_or(argument);
            let bare = bare.strip_suffix(b"\"").unwrap_or(bare);
            names.extend(split(bare).filter_map(|name| HeaderName::from_bytes(name).ok()));
        }
    }
    names
}

/// Whether a name can be a targeted field's, and not that of a field with a meaning of its own.
pub fn can_be_targeted(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    HeaderName::from_bytes(name.as_bytes()).is_ok()
        && name.ends_with("-control")
        && name != "cache-control"
        && !name.starts_with("access-control")
}

/// All lines of a field as one value (RFC 9110 section 5.3).
pub(super) fn joined(headers: &HeaderMap, name: &HeaderName) -> SmallVec<[u8; 128]> {
    let mut joined = SmallVec::new();
    for line in headers.get_all(name) {
        if !joined.is_empty() {
            joined.extend_from_slice(b", ");
        }
        joined.extend_from_slice(line.as_bytes());
    }
    joined
}

type Member = (SmallVec<[u8; 24]>, Option<Vec<u8>>);

/// A member of a list of directives: name and argument.
fn parts(member: &[u8]) -> Member {
    match member.iter().position(|byte| *byte == b'=') {
        Some(at) => (
            SmallVec::from_slice(&member[..at]),
            Some(member[at + 1..].to_vec()),
        ),
        None => (SmallVec::from_slice(member), None),
    }
}

/// The members of the first targeted field that is there, valid and not empty (RFC 9213 section 2.2).
fn targeted(headers: &HeaderMap, targets: &[String]) -> Option<Vec<Member>> {
    targets.iter().find_map(|name| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        if !headers.contains_key(&name) {
            return None;
        }
        let value = joined(headers, &name);
        let members = if name == SURROGATE_CONTROL {
            surrogate(&value)
        } else {
            dictionary(&value)?
        };
        (!members.is_empty()).then_some(members)
    })
}

/// `max-age=600+60` says how long it may be served stale too; that is not taken up.
fn surrogate(value: &[u8]) -> Vec<Member> {
    let one = |member: &[u8]| {
        let (name, argument) = parts(member);
        let argument = argument.map(|mut argument| {
            if name.eq_ignore_ascii_case(b"max-age")
                && let Some(plus) = argument.iter().position(|byte| *byte == b'+')
            {
                argument.truncate(plus);
            }
            argument
        });
        (name, argument)
    };
    split(value).map(one).collect()
}

/// A dictionary of directives; `None` if it is not one, or if a directive that is known has a value
/// of another type than its own (RFC 9213 section 2.1): the field is ignored then.
fn dictionary(value: &[u8]) -> Option<Vec<Member>> {
    let dictionary: Dictionary = Parser::new(value).parse().ok()?;
    let mut members = Vec::with_capacity(dictionary.len());
    for (key, entry) in &dictionary {
        let name = key.as_str();
        let value = match entry {
            ListEntry::Item(item) => Some(&item.bare_item),
            ListEntry::InnerList(_) => None,
        };
        let argument = match (kind(name), value) {
            (Kind::Unknown, _) => continue,
            (Kind::Seconds, Some(BareItem::Integer(seconds))) => {
                Some(i64::from(*seconds).to_string().into_bytes())
            }
            (Kind::Flag | Kind::FlagOrFields, Some(BareItem::Boolean(true))) => None,
            // As good as absent.
            (Kind::Flag | Kind::FlagOrFields, Some(BareItem::Boolean(false))) => continue,
            (Kind::FlagOrFields, Some(BareItem::String(fields))) => {
                Some(format!("\"{}\"", fields.as_str()).into_bytes())
            }
            _ => return None,
        };
        members.push((SmallVec::from_slice(name.as_bytes()), argument));
    }
    // A dictionary of unknown directives is valid and not empty: it counts, and says nothing.
    if members.is_empty() && !dictionary.is_empty() {
        members.push((SmallVec::new(), None));
    }
    Some(members)
}

/// The type of a directive's value.
enum Kind {
    Seconds,
    Flag,
    FlagOrFields,
    Unknown,
}

fn kind(directive: &str) -> Kind {
    match directive {
        "max-age" | "s-maxage" | "stale-while-revalidate" | "stale-if-error" => Kind::Seconds,
        "no-cache" | "private" => Kind::FlagOrFields,
        "no-store" | "public" | "must-revalidate" | "proxy-revalidate" | "must-understand"
        | "no-transform" | "immutable" => Kind::Flag,
        _ => Kind::Unknown,
    }
}

impl CacheControl {
    /// Whether any directive names fields.
    pub fn is_qualified(&self) -> bool {
        self.private == Some(Scope::Fields) || self.no_cache == Some(Scope::Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn fields(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::try_from(*name).unwrap();
            headers.append(name, HeaderValue::try_from(*value).unwrap());
        }
        headers
    }

    fn cdn(value: &str) -> CacheControl {
        let lines = [("cache-control", "max-age=1"), ("cdn-cache-control", value)];
        directives(&fields(&lines), &["CDN-Cache-Control".to_owned()])
    }

    #[test]
    fn a_valid_targeted_field_beats_cache_control() {
        for (value, max_age) in [
            ("max-age=60", Some(60_000)),
            ("max-age=60;x=1, y=?1", Some(60_000)),
            ("max-age=2147483648", Some((1 << 31) * 1000)),
            ("max-age=999999999999999", Some((1 << 31) * 1000)),
            ("x=\"max-age=3\", max-age=60", Some(60_000)),
            // The last of a repeated key counts (RFC 9651 section 4.2.2).
            ("max-age=5, max-age=60", Some(60_000)),
            ("no-store", None),
            ("unknown", None),
            // Malformed for a lifetime, and of the right type.
            ("max-age=-1", Some(0)),
        ] {
            let found = cdn(value);
            assert_eq!((found.max_age, found.targeted), (max_age, true), "{value}");
        }
        assert!(cdn("no-store, max-age=60").no_store);
        assert!(!cdn("no-store=?0, max-age=60").no_store);
        assert_eq!(cdn("private=\"x\"").private, Some(Scope::Fields));
        assert_eq!(cdn("no-cache").no_cache, Some(Scope::Whole));
    }

    #[test]
    fn an_invalid_one_is_ignored() {
        for value in [
            "",
            "max-age=\"60\"",
            "max-age=60.0",
            "max-age=a60",
            "max-age",
            "max-age=(60)",
            "max-age =60",
            "max-age= 60",
            "Max-Age=60",
            "max-age=60,",
            "max-age=9999999999999999",
            "max-age=@60",
            "no-store=1",
            "no-store=\"x\"",
            "must-revalidate=x, max-age=60",
            "private=1",
            "\"open",
        ] {
            let found = cdn(value);
            assert_eq!(
                (found.max_age, found.targeted),
                (Some(1_000), false),
                "{value}"
            );
        }
    }

    #[test]
    fn the_first_of_the_list_that_is_valid_counts() {
        let targets: Vec<String> = [
            "own-cache-control",
            "surrogate-control",
            "cdn-cache-control",
        ]
        .map(str::to_owned)
        .to_vec();
        let check = |lines: &[(&str, &str)], max_age| {
            let found = directives(&fields(lines), &targets);
            assert_eq!(found.max_age, Some(max_age), "{lines:?}");
        };
        let cdn = ("cdn-cache-control", "max-age=3");
        let surrogate = ("surrogate-control", "max-age=2+60, content=\"ESI/1.0\"");
        check(&[cdn], 3_000);
        check(&[cdn, surrogate], 2_000);
        check(&[cdn, surrogate, ("own-cache-control", "max-age=1")], 1_000);
        check(&[cdn, surrogate, ("own-cache-control", "max-age=x")], 2_000);
        check(&[cdn, ("surrogate-control", "")], 3_000);
        // Several lines are one dictionary.
        check(&[cdn, ("cdn-cache-control", "no-store")], 3_000);
    }

    #[test]
    fn qualified_fields() {
        let check = |lines: &[(&str, &str)], expected: &[&str]| {
            let found = qualified(&fields(lines), &["cdn-cache-control".to_owned()]);
            assert_eq!(found, expected, "{lines:?}");
        };
        check(&[("cache-control", "max-age=1")], &[]);
        check(
            &[("cache-control", "Private=\"Set-Cookie, x\", no-cache=y")],
            &["set-cookie", "x", "y"],
        );
        check(
            &[
                ("cache-control", "private=\"x\""),
                ("cdn-cache-control", "no-cache=\"z\""),
            ],
            &["z"],
        );
    }

    #[test]
    fn names() {
        for (name, fine) in [
            ("CDN-Cache-Control", true),
            ("surrogate-control", true),
            ("cache-control", false),
            ("access-control-allow-origin", false),
            ("vary", false),
            ("a b-control", false),
        ] {
            assert_eq!(can_be_targeted(name), fine, "{name}");
        }
    }
}
