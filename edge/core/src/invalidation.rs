//! What the answer to an unsafe request invalidates (RFC 9111 section 4.4, RFC 9875 section 3).
//! Knows nothing about the store.

use http::{HeaderMap, header};

use crate::{CacheKey, Policy, RequestHead, groups};

/// What a non-error answer to an unsafe request makes unusable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invalidation {
    /// Keys of resources, the target's own first.
    pub keys: Vec<CacheKey>,
    /// Tags of groups, see [`crate::groups`].
    pub tags: Vec<u64>,
}

impl Invalidation {
    /// What this answer's fields name: the target URI, Location and Content-Location of the same
    /// origin, and Cache-Group-Invalidation. Whether the request was unsafe and the answer no error,
    /// the caller knows.
    pub fn of(request: &RequestHead, response: &HeaderMap, policy: &Policy) -> Self {
        let own = policy.key.key(&request.target);
        let tags = groups::invalidated(response)
            .iter()
            .map(|group| groups::tag_at(&own, group))
            .collect();
        let mut keys = vec![own];
        for name in [header::LOCATION, header::CONTENT_LOCATION] {
            let Some(target) = response
                .get(name)
                .and_then(|value| request.target.resolve(value.as_bytes()))
            else {
                continue;
            };
            // Another origin's responses are not this one's to invalidate.
            if policy
                .key
                .site(&target)
                .same_origin(&policy.key.site(&request.target))
            {
                let key = policy.key.key(&target);
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
        Self { keys, tags }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TargetUri;
    use http::{HeaderName, HeaderValue, Method};

    fn keys(lines: &[(&str, &str)]) -> Vec<String> {
        let mut policy = Policy::default();
        let alias = ("edge.localhost".to_owned(), "a.test".to_owned());
        policy.key.aliases.extend([alias]);
        let mut response = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::try_from(*name).unwrap();
            response.append(name, HeaderValue::try_from(*value).unwrap());
        }
        let request = RequestHead {
            method: Method::POST,
            target: TargetUri::parse("http://a.test/dir/form").unwrap(),
            headers: HeaderMap::new(),
        };
        let found = Invalidation::of(&request, &response, &policy);
        found
            .keys
            .iter()
            .map(|key| key.as_str().to_owned())
            .collect()
    }

    #[test]
    fn locations_of_the_same_origin() {
        let own = "http://a.test/dir/form";
        let check = |lines: &[(&str, &str)], others: &[&str]| {
            let mut expected = vec![own.to_owned()];
            expected.extend(others.iter().map(|key| (*key).to_owned()));
            assert_eq!(keys(lines), expected, "{lines:?}");
        };
        check(&[], &[]);
        check(&[("location", "/new")], &["http://a.test/new"]);
        check(&[("location", "new?x")], &["http://a.test/dir/new?x"]);
        check(
            &[("location", "HTTP://A.test:80/new#x")],
            &["http://a.test/new"],
        );
        check(
            &[("location", "http://edge.localhost/new")],
            &["http://a.test/new"],
        );
        check(
            &[("location", "/one"), ("content-location", "/two")],
            &["http://a.test/one", "http://a.test/two"],
        );
        check(&[("content-location", "form")], &[]);
        for other in [
            "http://b.test/x",
            "https://a.test/x",
            "http://a.test:81/x",
            "//b.test/x",
        ] {
            check(&[("location", other)], &[]);
        }
        for nonsense in ["mailto:a@b", "http://", "http://a b/", "/a b"] {
            check(&[("location", nonsense)], &[]);
        }
    }

    #[test]
    fn groups_of_the_same_origin() {
        let mut response = HeaderMap::new();
        let value = HeaderValue::from_static("\"news\"");
        response.insert(groups::CACHE_GROUP_INVALIDATION, value);
        let target = TargetUri::parse("http://a.test/form").unwrap();
        let method = Method::PUT;
        let request = RequestHead {
            method,
            target,
            headers: HeaderMap::new(),
        };
        let found = Invalidation::of(&request, &response, &Policy::default());
        assert_eq!(found.tags, [groups::tag_at(&found.keys[0], "news")]);
    }
}
