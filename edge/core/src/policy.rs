//! What an operator can choose for a cache, each with its default and the reason for it. Knows
//! nothing about files: it is plain data that serde reads.

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::fields::directives::can_be_targeted;
use crate::target::is_authority;
use crate::{KeyRules, Millis, Normalise};

/// The choices of one cache node. `Policy::default()` is what a public CDN would run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The node's name in `Cache-Status`, `Via` and `CDN-Loop`: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// What counts as the same resource.
    pub key: KeyRules,
    /// Request fields that are brought to one of a few values before variants are told apart.
    pub normalise: Vec<Normalise>,
    /// Whether the client's Cache-Control and Pragma count (no-cache, no-store, max-age, min-fresh,
    /// max-stale, stale-if-error; only-if-cached always does). Default false: in a public CDN any client could
    /// otherwise empty the cache or hold it off (a shared cache in front of an origin acts for it).
    pub request_directives: bool,
    /// The targeted fields that this cache heeds, the first one first (RFC 9213 section 2.2).
    /// Default CDN-Cache-Control. Surrogate-Control may be named too.
    pub targeted: Vec<String>,
    /// Whether targeted fields are passed on to clients. Default true: caches between here and the
    /// user may be their target too.
    pub pass_targeted: bool,
    /// Whether If-None-Match and If-Modified-Since go upstream where nothing is stored for the
    /// target. Default true: they are not for this cache to evaluate then (RFC 9111 section 4.3.2).
    /// False: it asks for the whole, together with others, and evaluates them itself.
    pub forward_conditions: bool,
    /// Whether a stored response in the language that a request wants most answers it, whatever
    /// else its Accept-Language says, where Vary names that field. Default true.
    pub match_language: bool,
    /// Collapsed forwarding.
    pub collapse: Collapse,
    /// Answers that are served although their lifetime has ended.
    pub stale: StaleRules,
    /// Lifetimes where the response says nothing.
    pub lifetimes: Lifetimes,
    /// How long a hit-for-miss mark lets requests pass each by itself after an answer that could
    /// not be shared. Milliseconds; default 10 s. 0: no marks.
    pub hit_for_miss_ms: Millis,
    /// Bodies larger than this are not stored. Bytes; default none, the store's own limit.
    pub max_object: Option<u64>,
    /// Whether `Cache-Status` shows the cache key. Default false: it tells of key rules.
    pub status_key: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            name: "cdnlab".to_owned(),
            key: KeyRules::default(),
            normalise: Vec::new(),
            request_directives: false,
            targeted: vec!["CDN-Cache-Control".to_owned()],
            pass_targeted: true,
            forward_conditions: true,
            match_language: true,
            collapse: Collapse::default(),
            stale: StaleRules::default(),
            lifetimes: Lifetimes::default(),
            hit_for_miss_ms: 10_000,
            max_object: None,
            status_key: false,
        }
    }
}

/// Choices that a cache could not act on: without this they would silently do nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A name in [`Policy::targeted`].
    #[error(
        "`{0}` cannot be a targeted field: a name such as `CDN-Cache-Control`, which ends in `-Control`"
    )]
    Targeted(String),
    /// A name in [`Policy::normalise`].
    #[error("`{0}` cannot be normalised: it is not the name of a field")]
    Field(String),
    /// The values of a field in [`Policy::normalise`].
    #[error("`{0}` cannot be brought to {1:?}: one or more values in lower case are needed")]
    Values(String, Vec<String>),
    /// A name in [`KeyRules::aliases`].
    #[error("alias `{0}`: not a host in lower case, with an optional port")]
    Alias(String),
    /// What a name in [`KeyRules::aliases`] stands for.
    #[error(
        "alias `{0}` stands for `{1}`, which is not a host in lower case, with an optional port"
    )]
    Site(String, String),
    /// [`Lifetimes::heuristic_percent`].
    #[error("heuristic_percent: {0} is more than 100")]
    Share(u8),
}

impl Policy {
    /// Checks what plain types leave open.
    ///
    /// # Errors
    /// The first choice that the cache could not act on.
    pub fn check(&self) -> Result<(), PolicyError> {
        if let Some(name) = self.targeted.iter().find(|name| !can_be_targeted(name)) {
            return Err(PolicyError::Targeted(name.clone()));
        }
        for Normalise { field, values } in &self.normalise {
            if HeaderName::from_bytes(field.as_bytes()).is_err() {
                return Err(PolicyError::Field(field.clone()));
            }
            let fine = |value: &String| {
                HeaderValue::from_str(value).is_ok() && *value == value.to_ascii_lowercase()
            };
            if values.is_empty() || !values.iter().all(fine) {
                return Err(PolicyError::Values(field.clone(), values.clone()));
            }
        }
        let is_host = |text: &str| is_authority(text) && text == text.to_ascii_lowercase();
        for (name, site) in &self.key.aliases {
            if !is_host(name) {
                return Err(PolicyError::Alias(name.clone()));
            }
            if !is_host(site) {
                return Err(PolicyError::Site(name.clone(), site.clone()));
            }
        }
        match self.lifetimes.heuristic_percent {
            share @ 101.. => Err(PolicyError::Share(share)),
            _ => Ok(()),
        }
    }
}

/// Collapsed forwarding (RFC 9111 section 4): requests for one key share one upstream request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Collapse {
    /// Default true.
    pub enabled: bool,
    /// A follower waits this long for the leader's head, then goes by itself. Milliseconds;
    /// default 10 s.
    pub max_wait_ms: Millis,
    /// When a leader fails, one follower takes over; a follower that has seen more than this many
    /// failures gives up with them. Default 1, so that a dead upstream is not asked by each in turn.
    pub takeovers: u8,
}

impl Default for Collapse {
    fn default() -> Self {
        Self {
            enabled: true,
            max_wait_ms: 10_000,
            takeovers: 1,
        }
    }
}

/// When a stale response may be served. Never against must-revalidate, proxy-revalidate, s-maxage
/// or no-cache (RFC 9111 section 4.2.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StaleRules {
    /// How far past its lifetime a response may be served when the upstream cannot be reached or
    /// gives no answer. Milliseconds; default one day (RFC 9111 section 4.2.4 allows it, and wants
    /// a bound). 0: never.
    pub unreachable_ms: Millis,
    /// The stale-if-error window of responses that name none (RFC 5861 section 4), for answers 500,
    /// 502, 503 and 504. Milliseconds; default 0: only where the response asks for it.
    pub if_error_ms: Millis,
    /// Whether a response's stale-while-revalidate counts (RFC 5861 section 3). Default true.
    pub while_revalidate: bool,
    /// Whether an explicit stale-while-revalidate or stale-if-error beats the proxy-revalidate that
    /// s-maxage implies, as some CDNs have it. Default false: RFC 9111 section 5.2.2.10.
    pub beside_s_maxage: bool,
}

impl Default for StaleRules {
    fn default() -> Self {
        Self {
            unreachable_ms: 86_400_000,
            if_error_ms: 0,
            while_revalidate: true,
            beside_s_maxage: false,
        }
    }
}

/// Lifetimes where the response says nothing explicit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lifetimes {
    /// Of responses without explicit freshness whose status allows heuristics, whatever their
    /// Last-Modified. Milliseconds; default none: nothing is fresh without information.
    pub default_ms: Option<Millis>,
    /// Of error answers (400 and above) without explicit freshness. Milliseconds; default none.
    pub negative_ms: Option<Millis>,
    /// Heuristic freshness as a share of the time since Last-Modified, in percent. Default 10, as
    /// RFC 9111 section 4.2.2 suggests. 0: none.
    pub heuristic_percent: u8,
    /// Heuristic freshness is at most this. Milliseconds; default one day.
    pub heuristic_max_ms: Millis,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            default_ms: None,
            negative_ms: None,
            heuristic_percent: 10,
            heuristic_max_ms: 86_400_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let policy = Policy {
            name: "fra-1".into(),
            ..Policy::default()
        };
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
    }

    #[test]
    fn everything_has_a_default_and_nothing_is_unknown() {
        assert_eq!(
            serde_json::from_str::<Policy>("{}").unwrap(),
            Policy::default()
        );
        let text = r#"{"key": {"query": {"drop": ["utm_*"]}}, "collapse": {"enabled": false}}"#;
        let policy: Policy = serde_json::from_str(text).unwrap();
        assert_eq!(
            policy.key.query,
            crate::QueryRule::Drop(vec!["utm_*".into()])
        );
        assert!(!policy.collapse.enabled);
        assert!(policy.stale.while_revalidate);
        for unknown in [r#"{"nme": "x"}"#, r#"{"collapse": {"on": true}}"#] {
            assert!(
                serde_json::from_str::<Policy>(unknown).is_err(),
                "{unknown}"
            );
        }
    }

    #[test]
    fn what_would_do_nothing_is_refused() {
        let check = |text: &str, said: &str| {
            let policy: Policy = serde_json::from_str(text).unwrap();
            let found = policy.check().map_err(|error| error.to_string());
            let named = found.as_ref().err().map_or("", String::as_str);
            assert_eq!(found.is_ok(), said.is_empty(), "{text}: {named}");
            assert!(named.contains(said), "{text}: {named}");
        };
        check("{}", "");
        check(r#"{"targeted": []}"#, "");
        check(r#"{"targeted": ["Surrogate-Control"]}"#, "");
        check(r#"{"targeted": ["bad name"]}"#, "`bad name`");
        check(r#"{"targeted": ["Cache-Control"]}"#, "`Cache-Control`");
        let field = |field: &str, values: &str| {
            format!(r#"{{"normalise": [{{"field": "{field}", "values": {values}}}]}}"#)
        };
        check(&field("Accept-Encoding", r#"["gzip", ""]"#), "");
        check(
            &field("Accept Encoding", r#"["gzip"]"#),
            "`Accept Encoding`",
        );
        check(&field("Accept-Encoding", "[]"), "one or more");
        check(&field("Accept-Encoding", r#"["GZip"]"#), "lower case");
        check(&field("Accept-Encoding", r#"["a\nb"]"#), "one or more");
        let alias =
            |name: &str, site: &str| format!(r#"{{"key": {{"aliases": {{"{name}": "{site}"}}}}}}"#);
        check(&alias("127.0.0.1:8080", "shop.example"), "");
        check(&alias("[::1]", "shop.example:81"), "");
        check(&alias("A.example", "b.example"), "`A.example`");
        check(&alias("a.example/x", "b.example"), "`a.example/x`");
        check(
            &alias("a.example", "http://b.example"),
            "`http://b.example`",
        );
        check(&alias("a.example", ""), "stands for");
        check(r#"{"lifetimes": {"heuristic_percent": 101}}"#, "101");
    }
}
