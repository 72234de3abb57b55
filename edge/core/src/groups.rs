//! Cache groups (RFC 9875): responses of one origin that are invalidated together. Knows nothing
//! about the store: a group becomes a tag that [`crate::purge::Purges`] can be told.

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, List, ListEntry, Parser};
use smallvec::SmallVec;

use crate::{CacheKey, StoredHead, stable_hash};

/// Names the groups that a response belongs to.
pub const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");
/// On the answer to an unsafe request: the groups to invalidate.
pub const CACHE_GROUP_INVALIDATION: HeaderName =
    HeaderName::from_static("cache-group-invalidation");

/// Tags of a response: two per group.
pub type Tags = SmallVec<[u64; 2]>;

/// Groups of one response that count; the RFC asks for at least 32 (section 2).
const MOST: usize = 128;

/// The group of this name whatever the origin, as an operator purges it.
pub fn tag(group: &str) -> u64 {
    stable_hash(group.as_bytes())
}

/// The group of this name at the origin of a key (section 2.1: only responses of one origin share
/// a group).
pub fn tag_at(key: &CacheKey, group: &str) -> u64 {
    // A line feed stands in no group: a list's strings are printable.
    stable_hash(format!("{}\n{group}", origin(key)).as_bytes())
}

/// The tags of a stored response: for each of its groups, with and without its origin.
pub fn tags(key: &CacheKey, head: &StoredHead) -> Tags {
    let lines: SmallVec<[_; 1]> = head
        .iter()
        .filter_map(|(name, value)| (name == CACHE_GROUPS).then_some(value))
        .collect();
    let mut tags = Tags::new();
    for group in members(lines.iter().map(http::HeaderValue::as_bytes)) {
        tags.extend([tag(&group), tag_at(key, &group)]);
    }
    tags
}

/// The groups that the answer to an unsafe request invalidates (section 3).
pub fn invalidated(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(CACHE_GROUP_INVALIDATION);
    members(lines.iter().map(http::HeaderValue::as_bytes))
}

fn origin(key: &CacheKey) -> &str {
    let text = key.primary();
    let host = text.find("://").map_or(0, |at| at + 3);
    let end = text
        .get(host..)
        .and_then(|rest| rest.find('/'))
        .map_or(text.len(), |at| host + at);
    text.get(..end).unwrap_or(text)
}

/// A list of strings over all lines. A field that is not one counts for nothing (RFC 9651 section
/// 4.2); parameters have no meaning.
fn members<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let joined = lines.collect::<Vec<_>>().join(&b", "[..]);
    let Ok(list) = Parser::new(&joined).parse::<List>() else {
        return Vec::new();
    };
    let strings = list.iter().map(|entry| match entry {
        ListEntry::Item(item) => match &item.bare_item {
            BareItem::String(text) => Some(text.as_str().to_owned()),
            _ => None,
        },
        ListEntry::InnerList(_) => None,
    });
    let strings: Option<Vec<String>> = strings.collect();
    let mut strings = strings.unwrap_or_default();
    strings.truncate(MOST);
    strings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ResponseHead;
    use http::{HeaderValue, StatusCode};

    fn groups(lines: &[&str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = HeaderValue::from_str(line).unwrap();
            headers.append(CACHE_GROUP_INVALIDATION, value);
        }
        invalidated(&headers)
    }

    #[test]
    fn lists_of_strings() {
        assert_eq!(groups(&[]), [""; 0]);
        assert_eq!(groups(&["\"a\";x=1, \"b c\""]), ["a", "b c"]);
        assert_eq!(groups(&["\"a\"", "\"b\""]), ["a", "b"]);
        // Not a list of strings: the whole field counts for nothing.
        for wrong in ["a", "\"a\", b", "(\"a\")", "\"a", "\"a\", 1"] {
            assert_eq!(groups(&[wrong]), [""; 0], "{wrong}");
        }
        let many: Vec<String> = (0..40).map(|n| format!("\"{n:0>40}\"")).collect();
        assert_eq!(groups(&[&many.join(", ")]).len(), 40);
    }

    #[test]
    fn a_group_belongs_to_its_origin() {
        let key = |text| CacheKey::from_text(text);
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_GROUPS, HeaderValue::from_static("\"a\", \"b\""));
        let status = StatusCode::OK;
        let head = StoredHead::new(&ResponseHead { status, headers });
        let found = tags(&key("http://x.test/1\nv"), &head);
        for (tag, expected) in [
            (tag("a"), true),
            (tag("c"), false),
            (tag_at(&key("http://x.test/other?q"), "b"), true),
            (tag_at(&key("http://x.test"), "b"), true),
            (tag_at(&key("https://x.test/1"), "b"), false),
            (tag_at(&key("http://x.test:81/1"), "b"), false),
        ] {
            assert_eq!(found.contains(&tag), expected);
        }
    }
}
