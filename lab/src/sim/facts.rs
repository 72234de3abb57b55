//! What travels in the simulator instead of heads and bytes, and what a node knows of each kind of response.
//!
//! Heads become facts once per node, class and population, by the cache core itself. Where a
//! lifetime depends on the single response (a guess from Last-Modified, an Expires date), the core
//! is asked for each of them.

use edge_core::{
    Action, Answer, Digest, Event, Exchange, Flags, From, Keep, Landing, Lookup, Millis,
    NotStorable, Policy, Reply, RequestHead, RequestKind, ResponseHead, Scheme, StoredHead,
    TargetUri, Timestamp, Vary,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

use super::origin::Origin;
use super::store::Bound;
use crate::observe::{Fwd, Handling, Path, RequestClass};
use crate::plan::{EPOCH_MS, Nanos, NodePlan, ObjectId, Plan, Weigh};

/// One answer, as it travels. `Copy`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) status: u16,
    pub(super) version: Option<u32>,
    /// The `Date` field, seconds.
    pub(super) date: i64,
    /// The `Age` field, seconds.
    pub(super) age: u32,
    /// Body bytes.
    pub(super) bytes: u64,
    pub(super) path: Path,
}

impl Facts {
    /// Nothing is known yet.
    pub(super) const NOTHING: Self = Self {
        status: 0,
        version: None,
        date: 0,
        age: 0,
        bytes: 0,
        path: Path::EMPTY,
    };
}

/// The core's instant of an offset.
pub(super) fn timestamp(now: Nanos) -> Timestamp {
    Timestamp(EPOCH_MS.saturating_add(i64::try_from(now / 1_000_000).unwrap_or(i64::MAX)))
}

/// What the store adds to each response beside head, key and body, as the edge counts it.
const OVERHEAD: u64 = 368;

/// A fresh hit of one class, asked for by one population.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fresh {
    /// It is one where the age is below this; with a precondition below the second one. Milliseconds.
    pub(super) below: [Millis; 2],
    pub(super) lifetime: Millis,
    pub(super) status: u16,
    pub(super) class: RequestClass,
}

/// What becomes of a request of one class and one population for which nothing is stored and that nobody else fetches, if
/// the upstream answers as planned: it leads a fetch, stores what comes, and shares it with whoever joins meanwhile.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlainMiss {
    /// What its node says of it.
    pub(super) handling: Handling,
    pub(super) class: edge_core::Class,
}

impl PlainMiss {
    /// Asks the core, which answers the same whatever the time; `None` if it decides otherwise.
    fn of(policy: &Policy, kind: &RequestKind, digest: &Digest) -> Option<Self> {
        let now = Timestamp(EPOCH_MS);
        let (mut exchange, action) = Exchange::begin(policy, *kind, now);
        if action != Action::Lookup
            || exchange.handle(policy, Event::Found(Lookup::Miss), now) != Action::Join
        {
            return None;
        }
        match exchange.handle(policy, Event::Lead, now) {
            Action::Forward(forward)
                if forward.leads && !forward.passes && !forward.conditional => {}
            _ => return None,
        }
        let answer = Answer {
            status: digest.status,
            storable: Ok(*digest),
            born: now,
            received: now,
        };
        match exchange.handle(policy, Event::Upstream(answer), now) {
            Action::Reply(Reply {
                from: From::Upstream,
                handling,
                keep: Keep::Response,
                land: Some(Landing::Shared(_)),
                refresh: false,
            }) if digest.status < 400 => Some(Self {
                handling: observed(&handling),
                class: handling.class(digest.status),
            }),
            _ => None,
        }
    }
}

/// What one node knows of one class, asked for by one population.
#[derive(Debug, Clone)]
pub(super) struct ClassRule {
    fresh: Fresh,
    miss: Option<PlainMiss>,
    storable: Result<Digest, NotStorable>,
    /// The lifetime depends on the single response.
    single: bool,
    /// Bytes of a stored response beside its body.
    overhead: u64,
    /// For each variant that clients ask for, the one that stands for it in the cache key.
    variants: Vec<u16>,
}

impl ClassRule {
    /// The digest that all responses have in common, if they do.
    fn planned(&self) -> Option<&Digest> {
        self.storable.as_ref().ok().filter(|_| !self.single)
    }

    /// What a fresh hit is, for requests as they are and for such with a precondition.
    fn fresh(&self, (plain, conditional): (&RequestKind, &RequestKind)) -> Fresh {
        let Some(digest) = self.planned() else {
            return NEVER_FRESH;
        };
        Fresh {
            below: [plain, conditional].map(|kind| edge_core::fresh_below(digest, kind)),
            lifetime: digest.lifetime,
            status: digest.status,
            class: edge_core::Handling::hit(1).class(digest.status).into(),
        }
    }
}

/// Of what is never answered from the store by its class alone.
const NEVER_FRESH: Fresh = Fresh {
    below: [0; 2],
    lifetime: 0,
    status: 0,
    class: RequestClass::Hit,
};

/// What one node knows of all classes.
#[derive(Debug)]
pub(super) struct Rules {
    /// By class, then population.
    classes: Vec<ClassRule>,
    populations: usize,
    /// Requests as the node sees them, by population.
    kinds: Vec<RequestKind>,
    /// The same with a precondition, as an edge in front of a shield sends it.
    conditional: Vec<RequestKind>,
    requests: Vec<HeaderMap>,
    /// The core's word on the origin's fault answer, if there is one.
    fault: Result<Digest, NotStorable>,
    pub(super) bound: Bound,
    weigh: Weigh,
}

impl Rules {
    pub(super) fn new(plan: &Plan, origin: &Origin, node: &NodePlan) -> Self {
        let policy = &node.policy;
        let requests: Vec<HeaderMap> = plan
            .populations
            .iter()
            .map(|p| fields(&p.headers))
            .collect();
        let kind = |headers: &HeaderMap| RequestKind::of_parts(&Method::GET, headers, policy);
        let conditional = |headers: &HeaderMap| {
            let mut headers = headers.clone();
            headers.insert(
                http::header::IF_NONE_MATCH,
                HeaderValue::from_static("\"v1\""),
            );
            kind(&headers)
        };
        let kinds: Vec<RequestKind> = requests.iter().map(kind).collect();
        let conditional: Vec<RequestKind> = requests.iter().map(conditional).collect();
        let mut classes = Vec::new();
        for class in 0..u16::try_from(plan.classes.len()).unwrap_or(u16::MAX) {
            for (headers, kinds) in requests.iter().zip(kinds.iter().zip(&conditional)) {
                let mut rule = class_rule(plan, origin, policy, class, headers);
                rule.fresh = rule.fresh(kinds);
                rule.miss = rule
                    .planned()
                    .and_then(|digest| PlainMiss::of(policy, kinds.0, digest));
                classes.push(rule);
            }
        }
        Self {
            classes,
            populations: requests.len(),
            kinds,
            conditional,
            requests,
            fault: Err(NotStorable::NoFreshness),
            bound: Bound::of(node),
            weigh: node.weigh,
        }
    }

    pub(super) fn kind(&self, population: u16, conditional: bool) -> &RequestKind {
        let kinds = if conditional {
            &self.conditional
        } else {
            &self.kinds
        };
        kinds
            .get(usize::from(population))
            .unwrap_or(&RequestKind::PLAIN)
    }

    /// What a fresh hit of a class is, by the digest that all its responses have in common.
    #[inline]
    pub(super) fn fresh(&self, object: ObjectId, population: u16) -> &Fresh {
        &self.class(object, population).fresh
    }

    /// What becomes of a plain miss of a class, where the core decides as it does for most.
    #[inline]
    pub(super) fn miss(&self, object: ObjectId, population: u16) -> Option<&PlainMiss> {
        self.class(object, population).miss.as_ref()
    }

    #[inline]
    fn class(&self, object: ObjectId, population: u16) -> &ClassRule {
        &self.classes[usize::from(object.class) * self.populations + usize::from(population)]
    }

    /// The digest that all responses of a class have in common, if they do.
    pub(super) fn planned(&self, object: ObjectId, population: u16) -> Option<&Digest> {
        self.class(object, population).planned()
    }

    /// The variant under which this one is stored.
    pub(super) fn variant(&self, object: ObjectId, population: u16, variant: u16) -> u16 {
        let variants = &self.class(object, population).variants;
        variants.get(usize::from(variant)).copied().unwrap_or(0)
    }

    /// The bytes that a stored response counts with.
    pub(super) fn bytes(&self, object: ObjectId, population: u16, body: u64) -> u64 {
        match self.weigh {
            Weigh::All => self.class(object, population).overhead + body,
            Weigh::Bodies => body,
        }
    }

    /// The origin's fault answers have this status from now on.
    pub(super) fn set_fault(&mut self, policy: &Policy, status: Option<u16>, now: Timestamp) {
        let Some(status) = status.and_then(|status| StatusCode::from_u16(status).ok()) else {
            return;
        };
        let mut headers = HeaderMap::new();
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        let response = ResponseHead::received(status, headers, now);
        if let Some(request) = request_head("localhost", "/", HeaderMap::new()) {
            self.fault = edge_core::digest(&request, &response, policy, now);
        }
    }

    /// Whether an answer may be stored.
    pub(super) fn storable(
        &self,
        plan: &Plan,
        origin: &Origin,
        policy: &Policy,
        (object, population, variant): (ObjectId, u16, u16),
        facts: &Facts,
        now: Timestamp,
    ) -> Result<Digest, NotStorable> {
        let rule = self.class(object, population);
        let planned = origin
            .catalogue()
            .class(object)
            .map_or(404, |class| class.status);
        if facts.status != planned && facts.status != 304 {
            return self.fault;
        }
        let digest = if rule.single {
            let date_ms = facts.date.saturating_mul(1000);
            let (status, headers) =
                origin
                    .catalogue()
                    .head(origin.versions(), object, variant, date_ms);
            let request = self
                .requests
                .get(usize::from(population))
                .cloned()
                .unwrap_or_default();
            let path = origin.catalogue().path(object);
            let request = request_head(&plan.site, &path, request).ok_or(NotStorable::Method)?;
            edge_core::digest(&request, &ResponseHead { status, headers }, policy, now)?
        } else {
            rule.storable?
        };
        if origin.catalogue().size(object) > self.largest(policy) {
            return Err(NotStorable::TooLarge);
        }
        Ok(digest)
    }

    /// The largest body that is kept.
    pub(super) fn largest(&self, policy: &Policy) -> u64 {
        // As the edge has it: what is larger than half of the memory is not kept.
        let keeps = match self.weigh {
            Weigh::All => self.bound.memory() / 2,
            Weigh::Bodies => self.bound.memory(),
        };
        policy.max_object.unwrap_or(u64::MAX).min(keeps)
    }
}

fn class_rule(
    plan: &Plan,
    origin: &Origin,
    policy: &Policy,
    class: u16,
    headers: &HeaderMap,
) -> ClassRule {
    let object = ObjectId { class, object: 0 };
    let now = Timestamp(EPOCH_MS);
    let (status, head) = origin
        .catalogue()
        .head(origin.versions(), object, 0, EPOCH_MS);
    let path = origin.catalogue().path(object);
    let response = ResponseHead {
        status,
        headers: head,
    };
    let storable = match request_head(&plan.site, &path, headers.clone()) {
        Some(request) => edge_core::digest(&request, &response, policy, now),
        None => Err(NotStorable::Method),
    };
    let guessed = storable.is_ok_and(|digest| digest.flags.has(Flags::HEURISTIC));
    let stored = StoredHead::new(&response).size() + plan.site.len() + path.len() + "http://".len();
    ClassRule {
        fresh: NEVER_FRESH,
        miss: None,
        storable,
        single: guessed || response.headers.contains_key(http::header::EXPIRES),
        overhead: OVERHEAD + stored as u64,
        variants: variants(plan, policy, class, &response.headers, headers),
    }
}

/// Which variants the node cannot tell apart: each stands for those after it with equal selecting fields.
fn variants(
    plan: &Plan,
    policy: &Policy,
    class: u16,
    response: &HeaderMap,
    request: &HeaderMap,
) -> Vec<u16> {
    let planned = plan.classes[usize::from(class)].vary.as_ref();
    let count = planned.map_or(1, |vary| vary.values.len().max(1));
    let Vary::Fields(selecting) = Vary::of(response) else {
        return vec![0; count];
    };
    let Some(vary) = planned else {
        return vec![0; count];
    };
    let Ok(name) = HeaderName::from_bytes(vary.header.as_bytes()) else {
        return vec![0; count];
    };
    let keys: Vec<_> = vary
        .values
        .iter()
        .map(|value| {
            let mut headers = request.clone();
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name.clone(), value);
            }
            selecting.variant(&headers, &policy.normalise)
        })
        .collect();
    let first = |key| keys.iter().position(|other| other == key).unwrap_or(0);
    keys.iter()
        .map(|key| u16::try_from(first(key)).unwrap_or(0))
        .collect()
}

fn request_head(site: &str, path: &str, mut headers: HeaderMap) -> Option<RequestHead> {
    headers.insert(http::header::HOST, HeaderValue::from_str(site).ok()?);
    let uri: Uri = path.parse().ok()?;
    let target = TargetUri::from_request(&Method::GET, &uri, &headers, Scheme::Http).ok()?;
    Some(RequestHead {
        method: Method::GET,
        target,
        headers,
    })
}

fn fields(list: &[(String, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in list {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            map.append(name, value);
        }
    }
    map
}

/// What the core says of a request, as `Cache-Status` would carry it to an observer.
pub(super) fn observed(handling: &edge_core::Handling) -> Handling {
    use edge_core::Detail;
    if handling.hit {
        let seconds = |ms: i64| i32::try_from(ms.div_euclid(1000)).unwrap_or(i32::MAX);
        return Handling::Hit {
            ttl: handling.ttl.map(seconds),
        };
    }
    let Some(why) = handling.fwd else {
        return Handling::Own;
    };
    Handling::Forwarded {
        why: match why {
            edge_core::Fwd::Bypass => Fwd::Bypass,
            edge_core::Fwd::Method => Fwd::Method,
            edge_core::Fwd::UriMiss => Fwd::UriMiss,
            edge_core::Fwd::VaryMiss => Fwd::VaryMiss,
            edge_core::Fwd::Miss => Fwd::Miss,
            edge_core::Fwd::Request => Fwd::Request,
            edge_core::Fwd::Stale => Fwd::Stale,
            edge_core::Fwd::Partial => Fwd::Partial,
        },
        status: handling.fwd_status,
        stored: handling.stored,
        collapsed: handling.collapsed,
        failed: matches!(
            handling.detail,
            Some(Detail::Upstream(_) | Detail::StaleUnreachable(_) | Detail::StaleIfError)
        ),
    }
}
