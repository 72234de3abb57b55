//! Orders to a running stage, in the words of a scenario's events, and how it stands.
//!
//! | request | what it does |
//! |---|---|
//! | `GET /lab/health` | 200 |
//! | `GET /lab/world` | nodes, cut links and the places of clients, as JSON |
//! | `GET /lab/metrics/NODE` | the metrics of a node, the router or the origin |
//! | `POST /lab/cut?between=A,B` | cuts the links between; `&how=reset`, `&for=20s` |
//! | `POST /lab/heal` | heals every link |
//! | `POST /lab/kill?node=X&for=10s` | kills a node, or all of a PoP, for so long (10 s) |
//! | `POST /lab/purge?url=/path` | purges everywhere; `&at=fra`, `&mode=soft` |
//! | `POST /lab/publish?what=CLASS` | a new version of a class, or of one path |
//! | `POST /lab/origin?status=503` | the origin fails; `&for=20s`; without a status it is well again |

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

use super::{Front, PLAIN, Reply, text};
use crate::live::LiveError;
use crate::live::perform::perform;
use crate::live::stage::Stage;
use crate::plan::{Event, LinkState, Nanos, Plan};
use crate::units::Span;

const JSON: &str = "application/json";
/// How long a killed node stays down unless said otherwise.
const DOWN: Nanos = 10_000_000_000;

type Query = BTreeMap<String, String>;

impl Front {
    pub(super) async fn order(&self, order: &str, request: &Request<Incoming>) -> Reply {
        match (request.method(), order) {
            (&Method::GET, "health") => return text(StatusCode::OK, PLAIN, "ok\n"),
            (&Method::GET, "world") => return self.world().await,
            (&Method::GET, _) => return self.metrics(order).await,
            (&Method::POST, _) if is_foreign(request.headers()) => {
                let words = "orders are not taken from pages of other sites\n";
                return text(StatusCode::FORBIDDEN, PLAIN, words);
            }
            (&Method::POST, _) => {}
            _ => return text(StatusCode::NOT_FOUND, PLAIN, "no such thing; see /\n"),
        }
        let query = request.uri().query().unwrap_or_default().as_bytes();
        let query: Query = url::form_urlencoded::parse(query).into_owned().collect();
        match self.obey(order, &query).await {
            Ok(done) => text(
                StatusCode::OK,
                JSON,
                &format!("{}\n", json!({ "done": done })),
            ),
            Err((status, why)) => text(status, JSON, &format!("{}\n", json!({ "error": why }))),
        }
    }

    async fn obey(&self, order: &str, query: &Query) -> Result<Vec<String>, (StatusCode, String)> {
        let bad = |why: String| (StatusCode::BAD_REQUEST, why);
        let failed = |error: LiveError| (StatusCode::BAD_GATEWAY, error.to_string());
        if order == "heal" {
            return self.heal().await.map_err(failed);
        }
        let spec = spec(order, query).map_err(bad)?;
        let events = self.plan.happening(&spec).map_err(bad)?;
        let mut done = Vec::new();
        for event in events {
            if event.at > 0 {
                later(
                    Arc::clone(&self.stage),
                    Arc::clone(&self.plan),
                    event.at,
                    event.what,
                );
                continue;
            }
            let down = match query.get("for") {
                Some(span) => {
                    span.parse::<Span>()
                        .map_err(|error| bad(error.to_string()))?
                        .0
                }
                None => DOWN,
            };
            let performed = perform(&self.stage, &self.plan, &event.what, down).await;
            done.extend(performed.map_err(failed)?.warnings);
            if let Event::Kill(node) = event.what {
                later(
                    Arc::clone(&self.stage),
                    Arc::clone(&self.plan),
                    down,
                    Event::Restart(node),
                );
            }
            done.push(event.label);
        }
        Ok(done)
    }

    async fn heal(&self) -> Result<Vec<String>, LiveError> {
        for (from, to) in self.plan.links() {
            let state = LinkState {
                from,
                to,
                cut: None,
                model: self.plan.link(from, to),
            };
            self.stage.links().set(&self.stage.control, &state).await?;
        }
        Ok(vec!["all links healed".to_owned()])
    }

    async fn metrics(&self, order: &str) -> Reply {
        let nodes = self.stage.addresses().await;
        let name = order.strip_prefix("metrics/");
        let found = name.and_then(|name| nodes.iter().find(|(node, ..)| node == name));
        let Some((node, _, admin)) = found else {
            return text(StatusCode::NOT_FOUND, PLAIN, "no such thing; see /\n");
        };
        match self.stage.control.of(node, *admin).metrics().await {
            Ok(metrics) => text(StatusCode::OK, PLAIN, &metrics),
            Err(error) => text(StatusCode::BAD_GATEWAY, PLAIN, &format!("{error}\n")),
        }
    }

    async fn world(&self) -> Reply {
        let mut nodes = Vec::new();
        for (node, index) in self.plan.nodes.iter().zip(0u16..) {
            let stats = match self.stage.admin(index) {
                Some(admin) => admin.raw_stats().await.ok(),
                None => None,
            };
            nodes.push(json!({
                "name": node.name,
                "pop": self.plan.pops[usize::from(node.pop)].name,
                "up": stats.is_some(),
                "stats": stats,
            }));
        }
        let places: Vec<Value> = self.plan.places.iter().map(|place| {
            json!({ "name": place.name, "region": place.region, "lat": place.point.lat, "lon": place.point.lon })
        }).collect();
        let cut = self.stage.links().cut(&self.stage.control).await;
        let world = json!({
            "scenario": self.plan.scenario, "nodes": nodes, "cut_links": cut, "places": places,
        });
        text(StatusCode::OK, JSON, &format!("{world}\n"))
    }
}

/// A browser says which page a request comes from; other clients say nothing.
fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let of = |name| {
        headers
            .get(name)
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
    };
    let origin = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    origin.map(|(_, host)| host) != of(HOST)
}

/// An order as an event of a scenario.
fn spec(order: &str, query: &Query) -> Result<Value, String> {
    let need = |key: &str| {
        let value = query.get(key).cloned();
        value.ok_or_else(|| format!("`/lab/{order}` needs `?{key}=…`"))
    };
    let mut inner = Map::new();
    let mut take = |keys: &[&str]| {
        for key in keys {
            if let Some(value) = query.get(*key) {
                inner.insert((*key).to_owned(), json!(value));
            }
        }
    };
    Ok(match order {
        "cut" => {
            let between = need("between")?;
            let ends: Vec<&str> = between.split(',').map(str::trim).collect();
            take(&["how", "for"]);
            inner.insert("between".to_owned(), json!(ends));
            inner.insert(
                "cut".to_owned(),
                json!(query.get("cut").map_or("both", String::as_str)),
            );
            json!({ "at": "0s", "link": inner })
        }
        "kill" => json!({ "at": "0s", "kill": need("node")? }),
        "publish" => json!({ "at": "0s", "publish": need("what")? }),
        "purge" => {
            let url = need("url")?;
            take(&["at", "mode"]);
            inner.insert("url".to_owned(), json!(url));
            json!({ "at": "0s", "purge": inner })
        }
        "origin" => {
            take(&["for", "delay"]);
            if let Some(status) = query.get("status") {
                let status: u16 = status
                    .parse()
                    .map_err(|_| "a status is a number".to_owned())?;
                inner.insert("status".to_owned(), json!(status));
            }
            json!({ "at": "0s", "origin": inner })
        }
        _ => {
            return Err(format!(
                "no order `{order}`: cut, heal, kill, purge, publish, origin"
            ));
        }
    })
}

/// Does something after a while, for as long as the front runs.
fn later(stage: Arc<Stage>, plan: Arc<Plan>, after: Nanos, what: Event) {
    tokio::task::spawn_local(async move {
        tokio::time::sleep(Duration::from_nanos(after)).await;
        if let Err(error) = perform(&stage, &plan, &what, DOWN).await {
            tracing::warn!(%error, "an order's end could not be carried out");
        }
    });
}
