//! The cache key (RFC 9111 section 2): what counts as the same resource, and as the same variant.
//! Knows nothing about the store.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{TargetUri, Variant};

/// Rules that map target URIs to cache keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyRules {
    /// Authorities (lower case) that stand for another one, such as an edge's own name for the
    /// site's host. One without a port stands for the site on every port.
    pub aliases: BTreeMap<String, String>,
    /// Which query parameters count. Default: all.
    pub query: QueryRule,
    /// Whether the order of query parameters does not count. Default false: to some origins it does.
    pub sort_query: bool,
}

/// Which query parameters count in the key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryRule {
    /// All of them, as they are.
    #[default]
    All,
    /// None: the query does not count.
    None,
    /// Only those with these names.
    Keep(Vec<String>),
    /// All but those with these names; a name that ends in `*` stands for all that begin so.
    Drop(Vec<String>),
}

impl KeyRules {
    /// The key of a target URI, without a variant.
    pub fn key(&self, target: &TargetUri) -> CacheKey {
        let authority = target.authority();
        let host = self.alias(authority).unwrap_or(authority);
        let mut text = String::with_capacity(8 + host.len() + target.path_and_query().len());
        text.push_str(target.scheme().as_str());
        text.push_str("://");
        text.push_str(host);
        text.push_str(target.path());
        if let Some(query) = target.query() {
            self.push_query(&mut text, query);
        }
        CacheKey::new(text)
    }

    /// The authority that another one stands for, if it is an alias.
    pub fn alias(&self, authority: &str) -> Option<&str> {
        if self.aliases.is_empty() {
            return None;
        }
        let host = || authority.rsplit_once(':').map(|(host, _)| host);
        self.aliases
            .get(authority)
            .or_else(|| self.aliases.get(host()?))
            .map(String::as_str)
    }

    /// The target with its alias resolved.
    pub fn site<'a>(&self, target: &'a TargetUri) -> Cow<'a, TargetUri> {
        match self.alias(target.authority()).map(|site| target.at(site)) {
            Some(Ok(site)) => Cow::Owned(site),
            _ => Cow::Borrowed(target),
        }
    }

    fn push_query(&self, text: &mut String, query: &str) {
        if self.query == QueryRule::All && !self.sort_query {
            text.push('?');
            text.push_str(query);
            return;
        }
        let mut kept: Vec<&str> = query.split('&').filter(|pair| self.counts(pair)).collect();
        if self.sort_query {
            // Stable: the order among parameters of one name keeps its meaning.
            kept.sort_by_key(|pair| name_of(pair));
        }
        for (at, pair) in kept.iter().enumerate() {
            text.push(if at == 0 { '?' } else { '&' });
            text.push_str(pair);
        }
    }

    fn counts(&self, pair: &str) -> bool {
        let name = name_of(pair);
        match &self.query {
            QueryRule::All => true,
            QueryRule::None => false,
            QueryRule::Keep(names) => names.iter().any(|kept| kept == name),
            QueryRule::Drop(names) => !names.iter().any(|dropped| {
                dropped
                    .strip_suffix('*')
                    .map_or(dropped == name, |start| name.starts_with(start))
            }),
        }
    }
}

fn name_of(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(name, _)| name)
}

/// A cache key, compact, with its hash worked out.
#[derive(Clone, PartialEq, Eq)]
pub struct CacheKey {
    hash: u64,
    text: Box<str>,
}

impl CacheKey {
    fn new(text: String) -> Self {
        Self {
            hash: stable_hash(text.as_bytes()),
            text: text.into(),
        }
    }

    /// A key that was read back from where [`CacheKey::as_str`] was written.
    pub fn from_text(text: &str) -> Self {
        Self::new(text.to_owned())
    }

    /// The key of a variant of this resource (RFC 9111 section 4.1).
    pub fn with_variant(&self, variant: &Variant) -> Self {
        // A line feed stands in no target URI, so no key without a variant looks like this one.
        Self::new(format!("{}\n{}", self.text, variant.as_str()))
    }

    /// As [`CacheKey::with_variant`], in one of the sets of variants that a store has kept one after the
    /// other: what is left of a set that has been forgotten has no key in a later one.
    pub fn with_variant_in(&self, set: u64, variant: &Variant) -> Self {
        Self::new(format!(
            "{}\n{}\n\nset {set:x}",
            self.text,
            variant.as_str()
        ))
    }

    /// The key of a part of this response: a slice, or a range that is being asked for.
    pub fn with_part(&self, part: &str) -> Self {
        // Two line feeds: no variant looks like this one.
        Self::new(format!("{}\n\n{part}", self.text))
    }

    /// A hash of the whole key: the same on all platforms and in all versions that can read each
    /// other's stores. It does not resist deliberate collisions: compare whole keys.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part that names the resource, without the variant.
    pub fn primary(&self) -> &str {
        self.text
            .split_once('\n')
            .map_or(&*self.text, |(primary, _)| primary)
    }
}

impl std::hash::Hash for CacheKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

/// FNV-1a over 8 bytes at a time, then the finalisation of MurmurHash3, so that all bits are good.
pub fn stable_hash(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ bytes.len() as u64;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        hash = (hash ^ u64::from_le_bytes(*chunk)).wrapping_mul(PRIME);
        hash ^= hash >> 32;
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(rules: &KeyRules, uri: &str) -> String {
        rules
            .key(&TargetUri::parse(uri).expect("a URI"))
            .as_str()
            .to_owned()
    }

    #[test]
    fn normalisation() {
        let rules = KeyRules::default();
        let check = |uri: &str, expected: &str| assert_eq!(key(&rules, uri), expected, "{uri}");
        check("http://A.test:80/x", "http://a.test/x");
        check(
            "http://a.test/%7euser/%c3%a9%2f",
            "http://a.test/~user/%C3%A9%2F",
        );
        check("http://a.test/a/./b/../c", "http://a.test/a/c");
        check("http://a.test/a/%2e%2e/c", "http://a.test/c");
        check("http://a.test/../../c", "http://a.test/c");
        check("http://a.test/a/..", "http://a.test/");
        check("http://a.test/a/b/.", "http://a.test/a/b/");
        check("http://a.test/a//b", "http://a.test/a//b");
        check("http://a.test/.well-known/x", "http://a.test/.well-known/x");
        check("http://a.test/%zz%4", "http://a.test/%zz%4");
        check("http://a.test/?b=%41&a", "http://a.test/?b=A&a");
        check("http://a.test/?", "http://a.test/?");
    }

    #[test]
    fn query_rules() {
        let mut rules = KeyRules {
            sort_query: true,
            ..KeyRules::default()
        };
        assert_eq!(
            key(&rules, "http://a.test/?b=2&a=1&b=1"),
            "http://a.test/?a=1&b=2&b=1"
        );
        rules.query = QueryRule::Drop(vec!["utm_*".into(), "fbclid".into()]);
        let noisy = "http://a.test/?utm_source=x&id=1&fbclid=2";
        assert_eq!(key(&rules, noisy), "http://a.test/?id=1");
        assert_eq!(key(&rules, "http://a.test/?utm_source=x"), "http://a.test/");
        rules.query = QueryRule::Keep(vec!["id".into()]);
        assert_eq!(key(&rules, noisy), "http://a.test/?id=1");
        rules.query = QueryRule::None;
        assert_eq!(key(&rules, noisy), "http://a.test/");
        // What is left keeps its order where it is not to be sorted.
        let unsorted = KeyRules {
            query: QueryRule::Drop(vec!["b".into()]),
            ..KeyRules::default()
        };
        let left = key(&unsorted, "http://a.test/?c=1&b=2&a=3");
        assert_eq!(left, "http://a.test/?c=1&a=3");
    }

    #[test]
    fn aliases_stand_for_the_site() {
        let mut rules = KeyRules::default();
        rules
            .aliases
            .insert("fra-1.localhost:8080".into(), "www.example.test".into());
        rules
            .aliases
            .insert("lhr-1.localhost".into(), "www.example.test".into());
        for (asked, expected) in [
            ("http://fra-1.localhost:8080/x", "http://www.example.test/x"),
            ("http://fra-1.localhost/x", "http://fra-1.localhost/x"),
            ("http://LHR-1.localhost/x", "http://www.example.test/x"),
            ("http://lhr-1.localhost:81/x", "http://www.example.test/x"),
            ("http://lhr-1/x", "http://lhr-1/x"),
        ] {
            assert_eq!(key(&rules, asked), expected);
            let target = TargetUri::parse(asked).expect("a URI");
            assert_eq!(rules.site(&target).to_string(), expected);
        }
    }

    #[test]
    fn the_hash_is_stable() {
        // Stores on disk depend on it: a change here needs a new store version. The values were worked out by another program.
        for (text, expected) in [
            ("", 0xefd0_1f60_ba99_2926),
            ("a", 0x86ed_e49b_2924_d824),
            ("12345678", 0x3dd0_d6dd_7cb9_9fe6),
            ("12345678\0", 0xe2bc_ef53_e0d1_5b0c),
            (
                "http://www.example.test/a/long/path?with=query",
                0xd52e_b736_7730_b3c8,
            ),
        ] {
            assert_eq!(stable_hash(text.as_bytes()), expected, "{text:?}");
            assert_eq!(CacheKey::from_text(text).hash(), expected);
        }
    }
}
