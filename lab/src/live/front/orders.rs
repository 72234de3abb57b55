//! Orders to a running stage, in the words of a scenario's events, and how it stands.
//!
//! | request | what it does |
//! |---|---|
//! | `GET /lab/health` | 200 |
//! | `GET /lab/world` | nodes, cut links and the places of clients, as JSON |
//! | `GET /lab/metrics/NODE` | the metrics of a node, the router or the origin |
//! | `POST /lab/ask?from=NRT&path=/x` | a request as a client there, told hop by hop ([`super::journey`]); no order |
//! | `POST /lab/cut?between=A,B` | cuts the links between; `&how=reset`, `&for=20s` |
//! | `POST /lab/heal` | heals every link |
//! | `POST /lab/kill?node=X&for=10s` | kills a node, or all of a PoP, for so long (10 s) |
//! | `POST /lab/restart?node=X` | starts it again, empty |
//! | `POST /lab/purge?url=/path` | purges everywhere; `&at=fra`, `&mode=soft`; or `?group=NAME`, or `?all=true` |
//! | `POST /lab/publish?what=CLASS` | a new version of a class, or of one path |
//! | `POST /lab/origin?status=503` | the origin fails, or `?delay=800ms`; `&for=20s`; without either it is well again |
//! | `POST /lab/play`, `POST /lab/stop` | plays the scenario's requests and events; ends that |
//!
//! Orders are for those whom [`super::guard`] lets through; what went wrong comes as JSON with `error`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::Front;
use super::asking::Question;
use super::serve::{PLAIN, peer, text};
use crate::live::LiveError;
use crate::live::perform::perform;
use crate::live::stage::Stage;
use crate::plan::{Event, Faults, Nanos, Plan};
use crate::units::Span;

const JSON: &str = "application/json";
/// How long a killed node stays down unless said otherwise.
const DOWN: Nanos = 10_000_000_000;

type Query = BTreeMap<String, String>;
type Refused = (StatusCode, String);

pub(super) async fn order(
    State(front): State<Arc<Front>>,
    Path(order): Path<String>,
    request: Request,
) -> Response {
    let peer = peer(&request);
    let (
        Parts {
            method,
            headers,
            uri,
            ..
        },
        _,
    ) = request.into_parts();
    // Whoever checks that it is there may call it as they like.
    if (&method, order.as_str()) == (&Method::GET, "health") {
        return text(StatusCode::OK, PLAIN, "ok\n");
    }
    let entered = match (&method, order.as_str()) {
        (&Method::GET, _) => front.door.look(&headers),
        (&Method::POST, "ask") => front.door.visit(&headers),
        _ => front.door.order(peer, &headers),
    };
    if let Err(refusal) = entered {
        return answer(Err((refusal.status(), refusal.to_string())));
    }
    let query = uri.query().unwrap_or_default().as_bytes();
    let query: Query = url::form_urlencoded::parse(query).into_owned().collect();
    match (method, order.as_str()) {
        (Method::GET, "world") => answer(Ok(front.world().await)),
        (Method::GET, _) => front.metrics(&order).await,
        (Method::POST, "ask") => answer(front.told(&query).await),
        (Method::POST, _) => {
            let done = front.obey(&order, &query).await;
            for what in done.iter().flatten() {
                front.write_down(what);
            }
            answer(done.map(|done| json!({ "done": done })))
        }
        _ => text(
            StatusCode::METHOD_NOT_ALLOWED,
            PLAIN,
            "GET or POST; see /\n",
        ),
    }
}

fn answer(result: Result<Value, Refused>) -> Response {
    let (status, body) = match result {
        Ok(body) => (StatusCode::OK, body),
        Err((status, why)) => (status, json!({ "error": why })),
    };
    text(status, JSON, format!("{body}\n"))
}

impl Front {
    async fn obey(self: &Arc<Self>, order: &str, query: &Query) -> Result<Vec<String>, Refused> {
        let bad = |why: String| (StatusCode::BAD_REQUEST, why);
        let failed = |error: LiveError| (StatusCode::BAD_GATEWAY, error.to_string());
        match order {
            "heal" => return self.heal().await.map_err(failed),
            "play" => return self.play().await.map_err(|why| (StatusCode::CONFLICT, why)),
            "stop" => return Ok(self.stop_playing().await),
            "purge" if query.contains_key("all") => {
                // Everything, everywhere, or a mistake: what else stands there would not be heeded.
                let plain = query.len() == 1 && query.get("all").is_some_and(|all| all == "true");
                if !plain {
                    let why =
                        "`purge?all=true` takes nothing else, and purges everything everywhere";
                    return Err(bad(why.to_owned()));
                }
                return Ok(self.purge_all().await);
            }
            "purge" if query.contains_key("group") => {
                let group = query.get("group").map(String::as_str).unwrap_or_default();
                return self.purge_group(group).await.map_err(bad);
            }
            _ => {}
        }
        let span = |name: &str| match query.get(name) {
            Some(span) => span.parse::<Span>().map(|span| Some(span.0)),
            None => Ok(None),
        };
        let length = span("for").map_err(|error| bad(error.to_string()))?;
        if order == "origin" && !query.contains_key("status") && !query.contains_key("delay") {
            let well = Event::Origin(Faults::default());
            perform(&self.stage, &self.plan, &well, DOWN)
                .await
                .map_err(failed)?;
            return Ok(vec!["origin well".to_owned()]);
        }
        let spec = spec(order, query).map_err(bad)?;
        let events = self.plan.happening(&spec).map_err(bad)?;
        let mut done = Vec::new();
        for event in events {
            let what = event.what.clone();
            if event.at > 0 {
                self.later(event.at, what);
                continue;
            }
            let down = length.unwrap_or(DOWN);
            let performed = perform(&self.stage, &self.plan, &event.what, down).await;
            done.extend(performed.map_err(failed)?.warnings);
            if let Event::Kill(node) = event.what {
                self.later(down, Event::Restart(node));
            }
            done.push(event.label);
        }
        Ok(done)
    }

    /// Does something after a while, for as long as the process runs.
    fn later(&self, after: Nanos, what: Event) {
        let (stage, plan): (Arc<Stage>, Arc<Plan>) =
            (Arc::clone(&self.stage), Arc::clone(&self.plan));
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_nanos(after)).await;
            // A node that somebody has started meanwhile goes on.
            if let Event::Restart(node) = what
                && let Some(admin) = stage.admin(node)
                && admin.metrics().await.is_ok()
            {
                return;
            }
            if let Err(error) = perform(&stage, &plan, &what, DOWN).await {
                tracing::warn!(%error, "an order's end could not be carried out");
            }
        });
    }

    /// Empties every cache; tells of those that could not be reached.
    pub(super) async fn purge_all(&self) -> Vec<String> {
        let mut done = self.purge_everywhere(None).await;
        done.push("purge of everything".to_owned());
        done
    }

    async fn purge_group(&self, group: &str) -> Result<Vec<String>, String> {
        if group.is_empty() {
            return Err("a group has a name, as in /lab/purge?group=news".to_owned());
        }
        let mut done = self.purge_everywhere(Some(group)).await;
        done.push(format!("purge of the group {group}"));
        Ok(done)
    }

    async fn purge_everywhere(&self, group: Option<&str>) -> Vec<String> {
        let mut warnings = Vec::new();
        for (_, node) in self.plan.nodes.iter().zip(0u16..) {
            let Some(admin) = self.stage.admin(node) else {
                continue;
            };
            let purged = match group {
                Some(group) => admin.purge_group(group).await,
                None => admin.purge_all().await,
            };
            if let Err(error) = purged {
                warnings.push(error.to_string());
            }
        }
        warnings
    }

    /// One request as a client of a place, told hop by hop.
    async fn told(&self, query: &Query) -> Result<Value, Refused> {
        let bad = |why: String| (StatusCode::BAD_REQUEST, why);
        let need = |key: &str| {
            let value = query.get(key).map(String::as_str);
            value.ok_or_else(|| bad(format!("`/lab/ask` needs `?{key}=…`")))
        };
        let place = self.place(need("from")?).map_err(bad)?;
        let question = Question::get(&self.plan, place, need("path")?).map_err(bad)?;
        let journey = self.journey(question).await.ok_or_else(|| {
            let why = "too many requests are under way here".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, why)
        })?;
        Ok(json!(journey))
    }

    async fn metrics(&self, order: &str) -> Response {
        let name = order.strip_prefix("metrics/");
        let found = name.and_then(|name| self.admins.iter().find(|(node, _)| node == name));
        let Some((node, admin)) = found else {
            return text(StatusCode::NOT_FOUND, PLAIN, "no such thing; see /\n");
        };
        match self.stage.control.of(node, *admin).metrics().await {
            Ok(metrics) => text(StatusCode::OK, PLAIN, metrics),
            Err(error) => text(StatusCode::BAD_GATEWAY, PLAIN, format!("{error}\n")),
        }
    }

    async fn world(&self) -> Value {
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
        json!({
            "scenario": self.plan.scenario, "nodes": nodes, "cut_links": cut, "places": places,
        })
    }
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
        "restart" => json!({ "at": "0s", "restart": need("node")? }),
        "publish" => json!({ "at": "0s", "publish": need("what")? }),
        "purge" => {
            let url = need("url")?;
            if !url.starts_with('/') {
                return Err(format!("`{url}` is no path: it begins with /"));
            }
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
                "no order `{order}`: cut, heal, kill, restart, purge, publish, origin, play, stop"
            ));
        }
    })
}
