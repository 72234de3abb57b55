//! How a client finds its edge: as a resolver that asks the router, by the router's redirect, by
//! distance, or straight to the origin.
//!
//! It knows the router's two answers and their names; it sends requests over the clients' links, and
//! knows nothing of what the client asks for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::header::{HOST, LOCATION};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::connections::Connections;
use super::links::Links;
use super::nodes::public_name;
use crate::observe::Failure;
use crate::plan::{Plan, RoutingMode, Spot};
use crate::steering::Nearest;

/// After the router gave no answer, an old one serves so long before it is asked again.
const RETRY: Duration = Duration::from_secs(1);
/// A resolver gives up on the router after so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a request goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// The node; `None` for the origin.
    pub node: Option<u16>,
    /// The far end of the client's link.
    pub spot: Spot,
    /// The `Host` to send.
    pub host: HeaderValue,
}

/// What one place's resolver remembers.
#[derive(Debug)]
struct Answer {
    node: u16,
    until: Instant,
}

/// The part of the router's answer that a resolver reads.
#[derive(Deserialize)]
struct Routed {
    choice: Choice,
    ttl_ms: u64,
}

#[derive(Deserialize)]
struct Choice {
    node: String,
}

/// Guides the clients of one thread.
#[derive(Debug)]
pub struct Guide {
    mode: RoutingMode,
    site: HeaderValue,
    /// Nodes by name and by public name.
    nodes: BTreeMap<String, u16>,
    /// One per place; the lock makes waiting clients share one question.
    resolvers: Vec<Rc<Mutex<Option<Answer>>>>,
    nearest: Nearest,
}

impl Guide {
    /// A guide by the plan's routing.
    pub fn new(plan: &Plan) -> Self {
        let mut nodes = BTreeMap::new();
        for (node, index) in plan.nodes.iter().zip(0u16..) {
            nodes.insert(public_name(&node.name), index);
            nodes.insert(node.name.clone(), index);
        }
        Self {
            mode: plan.routing.mode,
            site: HeaderValue::from_str(&plan.site)
                .unwrap_or(HeaderValue::from_static("localhost")),
            nodes,
            resolvers: plan.places.iter().map(|_| Rc::default()).collect(),
            nearest: Nearest::new(plan),
        }
    }

    /// Where this client's next request goes. `request` is what it would send; a redirect is asked
    /// for with it.
    ///
    /// # Errors
    /// `Routing` if the router gave no edge, or the failure of reaching it for a redirect.
    pub async fn target(
        &self,
        links: &Links,
        connections: &Connections,
        place: u16,
        client: IpAddr,
        request: &Request<()>,
        deadline: Instant,
    ) -> Result<Target, Failure> {
        let node = match self.mode {
            RoutingMode::Direct => {
                return Ok(Target {
                    node: None,
                    spot: Spot::Origin,
                    host: self.site.clone(),
                });
            }
            RoutingMode::Nearest => self.nearest.node(place, client).ok_or(Failure::Routing)?,
            RoutingMode::Router => {
                self.resolve(links, connections, place, client, deadline)
                    .await?
            }
            RoutingMode::Redirect => {
                return self
                    .redirected(links, connections, place, request, deadline)
                    .await;
            }
        };
        Ok(Target {
            node: Some(node),
            spot: Spot::Node(node),
            host: self.site.clone(),
        })
    }

    /// Asks as the resolver of the place would, and keeps the answer for its time to live. An answer
    /// that has run out serves on while the router cannot be reached (RFC 8767).
    async fn resolve(
        &self,
        links: &Links,
        connections: &Connections,
        place: u16,
        client: IpAddr,
        deadline: Instant,
    ) -> Result<u16, Failure> {
        let resolver = self
            .resolvers
            .get(usize::from(place))
            .ok_or(Failure::Routing)?;
        let locked = tokio::time::timeout_at(deadline.into(), resolver.lock());
        let mut known = locked.await.map_err(|_| Failure::Deadline)?;
        if let Some(answer) = known.as_ref()
            && Instant::now() < answer.until
        {
            return Ok(answer.node);
        }
        let limit = deadline.min(Instant::now() + PATIENCE);
        match self.ask(links, connections, place, client, limit).await {
            Some((node, ttl)) => {
                *known = Some(Answer {
                    node,
                    until: Instant::now() + ttl,
                });
                Ok(node)
            }
            None => {
                let old = known.as_mut().ok_or(Failure::Routing)?;
                old.until = Instant::now() + RETRY;
                Ok(old.node)
            }
        }
    }

    async fn ask(
        &self,
        links: &Links,
        connections: &Connections,
        place: u16,
        client: IpAddr,
        deadline: Instant,
    ) -> Option<(u16, Duration)> {
        let router = links.at(Spot::Client(place), Spot::Router)?;
        let mut request = Request::get(format!("/route?client={client}"))
            .body(())
            .ok()?;
        request
            .headers_mut()
            .insert(HOST, HeaderValue::from_static("router.localhost"));
        let mut body = Vec::new();
        let answer = connections
            .fetch((place, router), &request, deadline, |_| {
                |piece: &[u8]| body.extend_from_slice(piece)
            })
            .await
            .ok()?;
        if answer.head.status != StatusCode::OK {
            return None;
        }
        let routed: Routed = serde_json::from_slice(&body).ok()?;
        let node = *self.nodes.get(&routed.choice.node)?;
        Some((node, Duration::from_millis(routed.ttl_ms)))
    }

    /// Sends the request to the router and reads where it is sent to.
    async fn redirected(
        &self,
        links: &Links,
        connections: &Connections,
        place: u16,
        request: &Request<()>,
        deadline: Instant,
    ) -> Result<Target, Failure> {
        let router = links
            .at(Spot::Client(place), Spot::Router)
            .ok_or(Failure::Routing)?;
        let answer = connections
            .fetch((place, router), request, deadline, |_| |_: &[u8]| {})
            .await?;
        if answer.head.status != StatusCode::TEMPORARY_REDIRECT {
            return Err(Failure::Routing);
        }
        let authority = location(&answer.head.headers).ok_or(Failure::Protocol)?;
        let node = self
            .nodes
            .get(authority.host())
            .copied()
            .ok_or(Failure::Protocol)?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Failure::Protocol)?;
        Ok(Target {
            node: Some(node),
            spot: Spot::Node(node),
            host,
        })
    }
}

fn location(headers: &HeaderMap) -> Option<http::uri::Authority> {
    let uri: Uri = headers.get(LOCATION)?.to_str().ok()?.parse().ok()?;
    uri.into_parts().authority
}
