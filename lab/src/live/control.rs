//! The control clients: what the lab asks of the admin listeners of its nodes.
//!
//! Plain HTTP with JSON, no proxy, a time limit on everything. It knows the paths and the shapes; it
//! knows nothing of when and why.

use std::net::SocketAddr;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use network::control::{Added, Change, LinkStatus, NewLink};
use origin::{Catalogue, Faults, LogPage, Record};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::counters::node_stats;
use crate::observe::NodeStats;

/// An admin listener that does not answer for so long is out of order.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two questions whether a node is ready.
const READY_POLL: Duration = Duration::from_millis(20);

/// A request to an admin listener failed.
#[derive(Debug, thiserror::Error)]
#[error("{node}: {what} failed: {why}")]
pub struct ControlError {
    /// The node's name.
    pub node: String,
    /// What was asked, such as `POST /links`.
    pub what: String,
    /// The status and its text, or why there is none.
    pub why: String,
}

/// The one HTTP client of all control requests.
#[derive(Debug, Clone)]
pub struct Control {
    client: reqwest::Client,
}

/// What the origin published.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Published {
    /// From when the new version is current, in wall milliseconds.
    pub at_ms: i64,
}

impl Control {
    /// A client that never uses a proxy and follows no redirect, and shows `token` where there is one.
    ///
    /// # Errors
    /// When the system gives no random numbers or sockets; a token that cannot stand in a field.
    pub fn new(token: Option<&str>) -> Result<Self, ControlError> {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ControlError {
                    node: "lab".to_owned(),
                    what: "showing the admin token".to_owned(),
                    why: "it has characters that no header field can hold".to_owned(),
                })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .default_headers(headers)
            .build()
            .map_err(|error| ControlError {
                node: "lab".to_owned(),
                what: "making an HTTP client".to_owned(),
                why: innermost(&error),
            })?;
        Ok(Self { client })
    }

    /// One admin listener, named for messages.
    pub fn of<'a>(&'a self, node: &'a str, admin: SocketAddr) -> Admin<'a> {
        Admin {
            client: &self.client,
            node,
            admin,
        }
    }

    /// Waits until `url` answers below 500, as a user's own application does once it is ready.
    ///
    /// # Errors
    /// The last answer, or why there was none, after `limit`.
    pub async fn until_ready(&self, url: &str, limit: Duration) -> Result<(), ControlError> {
        let end = tokio::time::Instant::now() + limit;
        loop {
            let why = match self
                .client
                .get(url)
                .timeout(Duration::from_secs(2))
                .send()
                .await
            {
                Ok(answer) if answer.status().as_u16() < 500 => return Ok(()),
                Ok(answer) => format!("it answers {}", answer.status()),
                Err(error) => innermost(&error),
            };
            if tokio::time::Instant::now() >= end {
                return Err(ControlError {
                    node: "origin".to_owned(),
                    what: format!("waiting for {url}"),
                    why: format!("{why}; is the application started, and is `origin.ready` right?"),
                });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// One admin listener.
#[derive(Debug, Clone, Copy)]
pub struct Admin<'a> {
    client: &'a reqwest::Client,
    node: &'a str,
    admin: SocketAddr,
}

impl Admin<'_> {
    /// Adds a link to a link node.
    ///
    /// # Errors
    /// [`ControlError`], as all of them here.
    pub async fn add_link(&self, link: &NewLink) -> Result<SocketAddr, ControlError> {
        let added: Added = self.json("POST", "/links", Some(link)).await?;
        Ok(added.listen)
    }

    /// Changes a link.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn change_link(&self, name: &str, change: &Change) -> Result<(), ControlError> {
        self.text("PATCH", &format!("/links/{name}"), Some(change))
            .await
            .map(drop)
    }

    /// The links of a link node.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn links(&self) -> Result<Vec<LinkStatus>, ControlError> {
        self.json("GET", "/links", None::<&()>).await
    }

    /// Takes a link away.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn remove_link(&self, name: &str) -> Result<(), ControlError> {
        self.text("DELETE", &format!("/links/{name}"), None::<&()>)
            .await
            .map(drop)
    }

    /// How an edge or a router is configured.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn settings(&self) -> Result<serde_json::Value, ControlError> {
        self.json("GET", "/settings", None::<&()>).await
    }

    /// The site that the origin serves.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn catalogue(&self) -> Result<Catalogue, ControlError> {
        self.json("GET", "/catalogue", None::<&()>).await
    }

    /// Another site for the origin.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn set_catalogue(&self, catalogue: &Catalogue) -> Result<(), ControlError> {
        self.text("PUT", "/catalogue", Some(catalogue))
            .await
            .map(drop)
    }

    /// Purges everything at an edge.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn purge_all(&self) -> Result<(), ControlError> {
        self.text("POST", "/purge?all=true", None::<&()>)
            .await
            .map(drop)
    }

    /// Aborts a node, which then stays down for `down_ms`.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn abort(&self, down_ms: u64) -> Result<(), ControlError> {
        self.text("POST", &format!("/abort?down_ms={down_ms}"), None::<&()>)
            .await
            .map(drop)
    }

    /// Waits until the node says that it is ready.
    ///
    /// # Errors
    /// The last reason why not, after `limit`.
    pub async fn until_ready(&self, limit: Duration) -> Result<(), ControlError> {
        let end = tokio::time::Instant::now() + limit;
        loop {
            match self.text("GET", "/ready", None::<&()>).await {
                Ok(_) => return Ok(()),
                Err(error) if tokio::time::Instant::now() >= end => return Err(error),
                Err(_) => tokio::time::sleep(READY_POLL).await,
            }
        }
    }

    /// Makes the origin fail, or makes it well again.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn faults(&self, faults: &Faults) -> Result<(), ControlError> {
        if faults.any() {
            self.text("PUT", "/faults", Some(faults)).await.map(drop)
        } else {
            self.text("DELETE", "/faults", None::<&()>).await.map(drop)
        }
    }

    /// Publishes new versions of a class (by name) or of one path.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn publish(
        &self,
        class: Option<&str>,
        path: Option<&str>,
    ) -> Result<Published, ControlError> {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            class: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            path: Option<&'a str>,
        }
        self.json("POST", "/publish", Some(&Body { class, path }))
            .await
    }

    /// Purges one URL at an edge.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn purge(&self, url: &str, soft: bool) -> Result<(), ControlError> {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("url", url)
            .append_pair("mode", if soft { "soft" } else { "hard" })
            .finish();
        self.text("POST", &format!("/purge?{query}"), None::<&()>)
            .await
            .map(drop)
    }

    /// Purges the responses of a cache group (RFC 9875) at an edge.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn purge_group(&self, group: &str) -> Result<(), ControlError> {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("group", group)
            .finish();
        self.text("POST", &format!("/purge?{query}"), None::<&()>)
            .await
            .map(drop)
    }

    /// The records of the origin's log behind `after`, with what was lost before them.
    ///
    /// # Errors
    /// [`ControlError`], also for lines that are no records.
    pub async fn log(&self, after: u64) -> Result<(LogPage, Vec<Record>), ControlError> {
        let what = format!("/log?after={after}");
        let text = self.text("GET", &what, None::<&()>).await?;
        let mut lines = text.lines();
        let bad = |why: serde_json::Error| self.failed("GET", &what, why.to_string());
        let page: LogPage = serde_json::from_str(lines.next().unwrap_or_default()).map_err(bad)?;
        let records = lines
            .map(serde_json::from_str::<Record>)
            .collect::<Result<_, _>>()
            .map_err(bad)?;
        Ok((page, records))
    }

    /// The number of the newest record of the origin's log.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn log_end(&self) -> Result<u64, ControlError> {
        #[derive(Deserialize)]
        struct Counts {
            requests: u64,
        }
        let counts: Counts = self.json("GET", "/counts", None::<&()>).await?;
        Ok(counts.requests)
    }

    /// An edge's counters.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn stats(&self) -> Result<NodeStats, ControlError> {
        Ok(node_stats(&self.raw_stats().await?))
    }

    /// A node's metrics, in OpenMetrics text.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn metrics(&self) -> Result<String, ControlError> {
        self.text("GET", "/metrics", None::<&()>).await
    }

    /// How long an edge or the origin took for the reply to a request, by its id (see [`operator::TRACE`]).
    ///
    /// # Errors
    /// [`ControlError`], also if the node knows nothing of that request.
    pub async fn timing(&self, id: &str) -> Result<Duration, ControlError> {
        let path = format!("/timings?id={id}");
        let timing: operator::Timing = self.json("GET", &path, None::<&()>).await?;
        Duration::try_from_secs_f64(timing.seconds)
            .map_err(|error| self.failed("GET", &path, error.to_string()))
    }

    /// An edge's counters as it tells them.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn raw_stats(&self) -> Result<serde_json::Value, ControlError> {
        self.json("GET", "/stats", None::<&()>).await
    }

    /// Whether a router sends clients to every one of its nodes, each of them checked.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn all_up(&self) -> Result<bool, ControlError> {
        #[derive(Deserialize)]
        struct Board {
            nodes: Vec<Node>,
        }
        #[derive(Deserialize)]
        struct Node {
            state: String,
        }
        let board: Board = self.json("GET", "/stats", None::<&()>).await?;
        Ok(board.nodes.iter().all(|node| node.state == "up"))
    }

    async fn json<A: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&(impl Serialize + ?Sized)>,
    ) -> Result<A, ControlError> {
        let text = self.text(method, path, body).await?;
        serde_json::from_str(&text).map_err(|error| self.failed(method, path, error.to_string()))
    }

    async fn text(
        &self,
        method: &str,
        path: &str,
        body: Option<&(impl Serialize + ?Sized)>,
    ) -> Result<String, ControlError> {
        let method_name = method;
        let method = reqwest::Method::from_bytes(method.as_bytes())
            .map_err(|error| self.failed(method_name, path, error.to_string()))?;
        let mut request = self
            .client
            .request(method, format!("http://{}{path}", self.admin));
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |error: &reqwest::Error| self.failed(method_name, path, innermost(error));
        let answer = request.send().await.map_err(|error| failed(&error))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| failed(&error))?;
        if status.is_success() {
            Ok(text)
        } else {
            Err(self.failed(method_name, path, format!("{status}: {}", text.trim())))
        }
    }

    fn failed(&self, method: &str, path: &str, why: String) -> ControlError {
        ControlError {
            node: self.node.to_owned(),
            what: format!("{method} {path}"),
            why,
        }
    }
}

/// The last cause says most: `Connection refused`, where the error itself says `error sending request`.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
