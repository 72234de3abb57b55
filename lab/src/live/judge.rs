//! What an answer was worth: its caches' words, its version, its bytes.
//!
//! It holds heads and bodies against what the origin must have sent. It knows no sockets.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use edge_core::{Policy, RequestHead, ResponseHead, TargetUri, digest};
use http::header::{AGE, ETAG};
use http::response::Parts;
use http::{HeaderMap, Method};
use origin::{BodyBytes, Catalogue, Selector, Verifier, Versions, body, version_of_etag};

use super::clock::Clock;
use crate::observe::{Answer, Cacheable, Fwd, Handling, Hop, Path, Verified};
use crate::plan::{Nanos, ObjectId, OriginKind, Plan};

const MS: Nanos = 1_000_000;

/// What the origin must have sent, and when: shared by all threads of the driver.
#[derive(Debug)]
pub struct Truth {
    catalogue: Option<Catalogue>,
    /// Scripted changes, and publications as the origin confirmed them.
    versions: RwLock<Option<Versions>>,
    nodes: BTreeMap<String, u16>,
    /// What a user's own origin answers is judged as it comes: no plan can know it.
    own: Option<Own>,
}

/// By what the answers of a user's own origin are judged.
#[derive(Debug)]
struct Own {
    site: TargetUri,
    policy: Policy,
}

impl Own {
    fn of(plan: &Plan) -> Option<Self> {
        let OriginKind::Own { .. } = plan.origin.kind else {
            return None;
        };
        let policy = plan.nodes.first().map(|node| node.policy.clone());
        Some(Self {
            site: TargetUri::parse(&format!("http://{}/", plan.site)).ok()?,
            policy: policy.unwrap_or_default(),
        })
    }

    /// Whether our core would store this answer, and for how long it is fresh then. The caches on
    /// the way add to the head, and take nothing away that bears on this.
    fn judge(&self, request: &HeaderMap, answer: &Parts) -> Cacheable {
        let request = RequestHead {
            method: Method::GET,
            target: self.site.clone(),
            headers: request.clone(),
        };
        let response = ResponseHead {
            status: answer.status,
            headers: answer.headers.clone(),
        };
        let now = edge_core::Timestamp(Clock::wall_ms());
        match digest(&request, &response, &self.policy, now) {
            // What must be validated before each use is never fresh, whatever its lifetime says.
            Ok(digest) if digest.no_cache() => Cacheable::Fresh(0),
            Ok(digest) => {
                let millis = Nanos::try_from(digest.lifetime).unwrap_or(0);
                Cacheable::Fresh(millis.saturating_mul(MS))
            }
            Err(_) => Cacheable::No,
        }
    }
}

impl Truth {
    /// The truth of a plan; of a user's own origin nothing is known.
    pub fn new(plan: &Plan, epoch_ms: i64) -> Self {
        let catalogue = match &plan.origin.kind {
            OriginKind::Synthetic => Some(Catalogue {
                epoch_ms,
                ..plan.origin.catalogue.clone()
            }),
            OriginKind::Own { .. } => None,
        };
        let names = plan.nodes.iter().map(|node| node.name.clone());
        Self {
            versions: RwLock::new(catalogue.as_ref().map(Catalogue::versions)),
            nodes: names.zip(0u16..).collect(),
            catalogue,
            own: Own::of(plan),
        }
    }

    /// The origin has published at this offset.
    pub fn published(&self, selector: Selector, at_ms: u64) {
        let mut versions = self
            .versions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(versions) = versions.as_mut() {
            versions.publish(selector, at_ms);
        }
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<u16> {
        self.nodes.get(name).copied()
    }

    /// How long `version` had been superseded at `at`; `None` if it was current.
    fn outdated_by(&self, object: ObjectId, version: u32, at: Nanos) -> Option<Nanos> {
        let versions = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        let versions = versions.as_ref()?;
        if version >= versions.version_at(object, at / MS) {
            return None;
        }
        let superseded = versions.superseded_at(object, version)?;
        Some(at.saturating_sub(superseded.saturating_mul(MS)))
    }

    fn newest(&self, object: ObjectId, at: Nanos) -> u32 {
        let versions = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        versions
            .as_ref()
            .map_or(1, |versions| versions.version_at(object, at / MS))
    }

    /// What the caches on the way said, nearest to the client first.
    fn path(&self, headers: &HeaderMap) -> Path {
        let mut path = Path::EMPTY;
        for member in edge_core::cache_status::parse_path(headers) {
            let handling = if member.hit {
                let seconds = |ttl: i64| i32::try_from(ttl).unwrap_or(i32::MAX);
                Handling::Hit {
                    ttl: member.ttl.map(seconds),
                }
            } else if let Some(why) = member.fwd {
                Handling::Forwarded {
                    why: fwd(why),
                    status: member.fwd_status,
                    stored: member.stored,
                    collapsed: member.collapsed,
                    failed: member.detail.as_deref().is_some_and(says_failed),
                }
            } else {
                Handling::Own
            };
            path.push(Hop {
                node: self.node(&member.cache),
                handling,
            });
        }
        path
    }
}

/// Whether a member's detail says that the next hop gave no usable answer: the words of our core
/// (`stale-unreachable`, `stale-if-error`, `upstream-refused` and its kin).
fn says_failed(detail: &str) -> bool {
    detail.starts_with("upstream-") || matches!(detail, "stale-unreachable" | "stale-if-error")
}

fn fwd(why: edge_core::Fwd) -> Fwd {
    match why {
        edge_core::Fwd::Bypass => Fwd::Bypass,
        edge_core::Fwd::Method => Fwd::Method,
        edge_core::Fwd::UriMiss => Fwd::UriMiss,
        edge_core::Fwd::VaryMiss => Fwd::VaryMiss,
        edge_core::Fwd::Miss => Fwd::Miss,
        edge_core::Fwd::Request => Fwd::Request,
        edge_core::Fwd::Stale => Fwd::Stale,
        edge_core::Fwd::Partial => Fwd::Partial,
    }
}

/// One body while it comes in.
#[derive(Debug)]
pub struct Check<'a> {
    truth: &'a Truth,
    object: ObjectId,
    variant: u16,
    path: String,
    started: Nanos,
    version: Option<u32>,
    verifier: Option<Verifier>,
    checked: bool,
}

impl<'a> Check<'a> {
    /// A check for what was asked for at `started` under `path`.
    pub fn new(
        truth: &'a Truth,
        object: ObjectId,
        variant: u16,
        path: String,
        started: Nanos,
    ) -> Self {
        Self {
            truth,
            object,
            variant,
            path,
            started,
            version: None,
            verifier: None,
            checked: false,
        }
    }

    /// The head is in: the version follows from its validator.
    pub fn head(&mut self, head: &Parts) {
        let expected = self
            .truth
            .catalogue
            .as_ref()
            .and_then(|catalogue| catalogue.class(self.object));
        // An error's text is not the object's body.
        self.checked = expected.is_some_and(|class| class.status == head.status.as_u16());
        if !self.checked {
            return;
        }
        let tag = head.headers.get(ETAG).and_then(|tag| tag.to_str().ok());
        if let Some(version) = tag.and_then(version_of_etag) {
            self.begin(version);
        }
    }

    fn begin(&mut self, version: u32) {
        let Some(catalogue) = &self.truth.catalogue else {
            return;
        };
        let body = BodyBytes::new(catalogue.seed, &self.path, self.variant, version);
        self.version = Some(version);
        self.verifier = Some(Verifier::new(body, 0));
    }

    /// A piece of the body is in. Without a validator, the first piece tells the version.
    pub fn piece(&mut self, bytes: &[u8]) {
        if self.checked && self.verifier.is_none() {
            let newest = self
                .truth
                .newest(self.object, self.started)
                .saturating_add(1);
            let seed = self
                .truth
                .catalogue
                .as_ref()
                .map_or(0, |catalogue| catalogue.seed);
            let found =
                body::version_of_bytes(seed, &self.path, self.variant, 1..=newest, 0, bytes);
            // None fits: then the bytes are wrong whichever version is taken.
            self.begin(found.unwrap_or(newest));
        }
        if let Some(verifier) = &mut self.verifier {
            verifier.check(bytes);
        }
    }

    /// The answer to a request of these fields is whole.
    pub fn answer(self, request: &HeaderMap, head: &Parts, bytes: u64) -> Answer {
        let size = self
            .truth
            .catalogue
            .as_ref()
            .map_or(0, |catalogue| catalogue.size(self.object));
        let verified = match &self.verifier {
            Some(verifier) if verifier.right() && verifier.offset() == size => Verified::Right,
            Some(_) => Verified::Wrong,
            None if self.checked && size == bytes => Verified::Right,
            None if self.checked => Verified::Wrong,
            None => Verified::Unchecked,
        };
        let version = self.version;
        Answer {
            status: head.status.as_u16(),
            path: self.truth.path(&head.headers),
            age: age(&head.headers),
            bytes,
            version,
            outdated_by: version
                .and_then(|version| self.truth.outdated_by(self.object, version, self.started)),
            verified,
            cacheable: match &self.truth.own {
                Some(own) => own.judge(request, head),
                None => Cacheable::AsPlanned,
            },
        }
    }
}

fn age(headers: &HeaderMap) -> Option<u32> {
    headers.get(AGE)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
