use std::sync::atomic::{AtomicU16, Ordering};

use axum::http::StatusCode;
use axum::routing::get;
use serde_json::Value;

use super::*;

/// Something that answers health checks with the status it is told, on a port of its own.
struct FakeEdge {
    address: SocketAddr,
    status: Arc<AtomicU16>,
}

impl FakeEdge {
    async fn start() -> Self {
        let status = Arc::new(AtomicU16::new(200));
        let told = Arc::clone(&status);
        let answer = move || {
            let status = told.load(Ordering::SeqCst);
            async move { StatusCode::from_u16(status).expect("a status") }
        };
        let routes = axum::Router::new().route("/.well-known/cdnlab/health", get(answer));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let _ = axum::serve(listener, routes).await;
        });
        Self { address, status }
    }
}

fn config(fra: SocketAddr, iad: SocketAddr) -> Config {
    serde_json::from_value(serde_json::json!({
        "name": "router", "at": "IAD", "default_pop": "iad", "ttl_ms": 5000,
        "health": {"interval_ms": 5, "timeout_ms": 2000, "rise": 1, "fall": 2},
        "trust": ["127.0.0.0/8"],
        "pops": [
            {"name": "fra", "lat": 50.03, "lon": 8.56,
             "nodes": [{"name": "fra-1", "url": format!("http://{fra}"), "host": "fra-1.localhost"}]},
            {"name": "iad", "lat": 38.94, "lon": -77.46,
             "nodes": [{"name": "iad-1", "url": format!("http://{iad}"), "host": "iad-1.localhost"}]},
        ]
    }))
    .expect("a configuration")
}

struct World {
    _fra: FakeEdge,
    iad: FakeEdge,
    router: Running,
    http: reqwest::Client,
}

impl World {
    async fn new() -> Self {
        let (fra, iad) = (FakeEdge::start().await, FakeEdge::start().await);
        let router = start(config(fra.address, iad.address))
            .await
            .expect("a router");
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client");
        let world = Self {
            _fra: fra,
            iad,
            router,
            http,
        };
        world
            .until(|stats| {
                stats["nodes"]
                    .as_array()
                    .is_some_and(|nodes| nodes.iter().all(|node| node["checks"] != 0))
            })
            .await;
        world
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let url = format!("http://{}{path}", self.router.listen());
        self.http.get(url).send().await.expect("an answer")
    }

    async fn admin(&self, path: &str) -> reqwest::Response {
        let url = format!("http://{}{path}", self.router.admin());
        self.http.get(url).send().await.expect("an answer")
    }

    /// Waits, check by check, until the statistics are as wished.
    async fn until(&self, wish: impl Fn(&Value) -> bool) -> Value {
        loop {
            let done = *self.router.shared.checks.borrow();
            let stats: Value = self.admin("/stats").await.json().await.expect("statistics");
            if wish(&stats) {
                return stats;
            }
            self.router.checks_done(done + 1).await;
        }
    }
}

fn location(response: &reqwest::Response) -> &str {
    response.headers()["location"].to_str().expect("text")
}

#[tokio::test]
async fn a_question_is_answered_with_a_choice() {
    let world = World::new().await;
    let response = world.get("/route?client=127.0.0.1").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!(answer["client"], "127.0.0.1");
    assert_eq!(answer["place"], Value::Null);
    assert_eq!(answer["choice"]["pop"], "iad");
    assert_eq!(
        answer["choice"]["url"],
        format!("http://{}", world.iad.address)
    );
    assert_eq!(answer["ttl_ms"], 5000);
    assert_eq!(answer["ranking"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn anything_else_is_redirected_to_the_edges_name_with_path_and_query() {
    let world = World::new().await;
    let port = world.iad.address.port();
    let response = world.get("/a/b%20c.html?x=1&y=/z").await;
    assert_eq!(response.status(), 307);
    assert_eq!(
        location(&response),
        format!("http://iad-1.localhost:{port}/a/b%20c.html?x=1&y=/z")
    );
    // The method stays, so that `/route` is a resource like any other to a POST.
    let url = format!("http://{}/route", world.router.listen());
    let response = world
        .http
        .post(url)
        .body("x")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 307);
    assert_eq!(
        location(&response),
        format!("http://iad-1.localhost:{port}/route")
    );
}

#[tokio::test]
async fn a_trusted_peer_names_the_client() {
    let world = World::new().await;
    let url = format!("http://{}/route", world.router.listen());
    let request = world
        .http
        .get(url)
        .header("x-forwarded-for", "203.0.113.5, 192.0.2.77, 127.0.0.9");
    let answer: Value = request
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(answer["client"], "192.0.2.77");
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused() {
    let world = World::new().await;
    for query in [
        "client=nowhere",
        "client=",
        "client=1.2.3.4&client=5.6.7.8",
        "client=1.2.3.4.5",
    ] {
        let response = world.get(&format!("/route?{query}")).await;
        assert_eq!(response.status(), 400, "{query}");
        let answer: Value = response.json().await.expect("JSON");
        assert!(
            answer["error"]
                .as_str()
                .is_some_and(|error| error.contains("client")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_failing_edge_is_taken_out_and_back_in() {
    let world = World::new().await;
    assert_eq!(
        world
            .get("/route?client=127.0.0.1")
            .await
            .json::<Value>()
            .await
            .expect("JSON")["choice"]["pop"],
        "iad"
    );

    let changed = |to: &'static str| {
        move |stats: &Value| {
            let last = stats["transitions"]
                .as_array()
                .and_then(|all| all.iter().rfind(|one| one["node"] == "iad-1"));
            last.is_some_and(|one| one["to"] == to)
        }
    };
    world.iad.status.store(503, Ordering::SeqCst);
    let stats = world.until(changed("down")).await;
    let last = stats["transitions"]
        .as_array()
        .and_then(|all| all.last())
        .expect("a transition");
    assert_eq!(
        (last["from"].as_str(), last["why"].as_str()),
        (Some("up"), Some("status 503"))
    );
    assert!(
        last["at_ms"]
            .as_u64()
            .is_some_and(|at| at > 0 && at <= now_ms())
    );
    let answer: Value = world
        .get("/route?client=127.0.0.1")
        .await
        .json()
        .await
        .expect("JSON");
    assert_eq!(answer["choice"]["pop"], "fra");
    assert!(location(&world.get("/x").await).starts_with("http://fra-1.localhost:"));

    world.iad.status.store(204, Ordering::SeqCst);
    world.until(changed("up")).await;
    let answer: Value = world
        .get("/route?client=127.0.0.1")
        .await
        .json()
        .await
        .expect("JSON");
    assert_eq!(answer["choice"]["pop"], "iad");
}

#[tokio::test]
async fn an_edge_that_refuses_connections_is_down_from_the_first_check() {
    let live = FakeEdge::start().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = gone.local_addr().expect("an address");
    drop(gone);
    let router = start(config(live.address, address))
        .await
        .expect("a router");
    while !router.shared.board().all_checked() {
        let done = *router.shared.checks.borrow();
        router.checks_done(done + 1).await;
    }
    assert_eq!(router.shared.board().up(), [true, false]);
    let answer = router
        .shared
        .decide("127.0.0.1".parse().expect("an address"), b"/");
    assert_eq!(answer.choice.pop, "fra");
    router.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn the_admin_listener_tells_how_it_goes() {
    let world = World::new().await;
    world.get("/route").await;
    world.get("/page").await;
    assert_eq!(world.admin("/health").await.status(), 200);
    assert_eq!(world.admin("/ready").await.status(), 200);
    let metrics = world.admin("/metrics").await.text().await.expect("text");
    for line in [
        "cdnlab_router_answers_total{kind=\"route\"} 1",
        "cdnlab_router_answers_total{kind=\"redirect\"} 1",
        "cdnlab_router_node_up{pop=\"fra\",node=\"fra-1\"} 1",
        "cdnlab_router_choices_total{pop=\"iad\",node=\"iad-1\"} 2",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let stats: Value = world
        .admin("/stats")
        .await
        .json()
        .await
        .expect("statistics");
    assert_eq!(
        (&stats["routes"], &stats["redirects"]),
        (&Value::from(1), &Value::from(1))
    );
    assert_eq!(
        (&stats["name"], &stats["at"]),
        (&Value::from("router"), &Value::from("IAD"))
    );
}

#[tokio::test]
async fn it_stops_when_asked_to() {
    let world = World::new().await;
    let (listen, admin) = (world.router.listen(), world.router.admin());
    let url = format!("http://{admin}/stop");
    let response = world.http.post(url).send().await.expect("an answer");
    assert_eq!(response.status(), 202);
    world.router.stop_requested().await;
    world.router.stop(Duration::from_secs(5)).await;
    for address in [listen, admin] {
        assert!(
            tokio::net::TcpStream::connect(address).await.is_err(),
            "{address} still listens"
        );
    }
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = taken.local_addr().expect("an address");
    let mut config = config(address, address);
    config.listen = address;
    let error = start(config).await.err().expect("an error");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(matches!(error, StartError::Bind { .. }));
}

#[tokio::test]
async fn a_wrong_configuration_does_not_start() {
    let nowhere = "127.0.0.1:1".parse().expect("an address");
    let mut config = config(nowhere, nowhere);
    config.pops.clear();
    assert!(matches!(
        start(config).await,
        Err(StartError::Config(ConfigError::NoPops))
    ));
}
