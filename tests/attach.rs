//! A run against a world that runs already: found by its links, measured, left as it was found.

use std::process::{Command, Stdio};

use super::support::machine;
use super::support::node::{Node, binary};
use super::support::scenario::{Scenario, printed};
use super::support::wire::get;

const SCENARIO: &str = r#"
schema: 1
name: attached
duration: 8s
warmup: 2s
content:
  pages: {path: "/pages/{id}.html", objects: 60, size: 4KiB, headers: {Cache-Control: "max-age=600"}, think: 2ms}
pops: {fra: {at: FRA}}
clients: {europe: {from: [FRA], rate: 60/s, zipf: 0.9, access: none}}
routing: {mode: nearest}
events:
  - {at: 4s, kill: fra}
  - {at: 5s, restart: fra}
windows:
  down: {from: 4s, to: 4900ms}
  after: {from: 6s, to: 8s}
expect:
  - availability{window=down} < 0.2
  - availability{window=after} >= 0.99
"#;

/// An origin, an edge, and two link processes, as somebody else would have set them up. The edge's process is started
/// again when it ends, as a restart policy does.
struct World {
    links: String,
    origin: Node,
    _ways: Node,
    _doors: Node,
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    edge: Option<std::thread::JoinHandle<()>>,
    edge_admin: std::net::SocketAddr,
    _folder: tempfile::TempDir,
}

impl World {
    fn start() -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let catalogue = folder.path().join("site.json");
        std::fs::write(&catalogue, SITE).expect("a writable folder");
        let catalogue = catalogue.to_string_lossy().into_owned();
        let any = "127.0.0.1:0";
        let origin = Node::start(&[
            "origin",
            "--listen",
            any,
            "--admin",
            any,
            "--catalogue",
            &catalogue,
        ]);
        let way = format!("node-fra-1.to.origin={any},{}", origin.listen);
        let admin = format!("admin.origin={any},{}", origin.admin);
        let ways = Node::start(&["link", "--admin", any, "--link", &way, "--link", &admin]);
        let (listen, edge_admin) = (free(), free());
        let door = format!("door.fra-1={any},{listen}");
        let admin = format!("admin.fra-1={any},{edge_admin}");
        let doors = Node::start(&["link", "--admin", any, "--link", &door, "--link", &admin]);
        let upstream = format!("http://{}", listens(&ways, "node-fra-1.to.origin"));
        let state = folder.path().to_string_lossy().into_owned();
        let arguments: Vec<String> = [
            "edge",
            "--name",
            "fra-1",
            "--listen",
            &listen.to_string(),
            "--admin",
            &edge_admin.to_string(),
            "--upstream",
            &upstream,
            "--upstream-host",
            "www.example.test",
            "--threads",
            "1",
            "--trust",
            "127.0.0.0/8",
            "--state",
            &state,
            "--exit-on-stdin-close",
        ]
        .map(str::to_owned)
        .to_vec();
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopping = stop.clone();
        let edge = std::thread::spawn(move || {
            while !stopping.load(std::sync::atomic::Ordering::SeqCst) {
                let child = Command::new(binary())
                    .args(&arguments)
                    .env("CDNLAB_ADMIN_TOKEN", TOKEN)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::null())
                    .spawn();
                let mut child = child.expect("the binary starts");
                // Kept, so that it ends with this process at the latest.
                let _stdin = child.stdin.take();
                child.wait().expect("a child that can be waited for");
            }
        });
        while std::net::TcpStream::connect(edge_admin).is_err() {
            std::thread::yield_now();
        }
        World {
            links: format!("{},{}", ways.admin, doors.admin),
            origin,
            _ways: ways,
            _doors: doors,
            stop,
            edge: Some(edge),
            edge_admin,
            _folder: folder,
        }
    }

    fn names(&self) -> Vec<String> {
        let both = [&self._ways, &self._doors];
        both.iter()
            .flat_map(|node| links(node))
            .map(|(name, _)| name)
            .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::SeqCst);
        let token = format!("Bearer {TOKEN}");
        super::support::wire::send(
            self.edge_admin,
            "POST",
            "/stop",
            &[("Authorization", &token)],
        );
        if let Some(edge) = self.edge.take() {
            let _ = edge.join();
        }
    }
}

const TOKEN: &str = "for-this-test";
const SITE: &str =
    r#"{"classes": [{"name": "own", "path": "/own/{id}", "objects": 3, "size": {"fixed": 10}}]}"#;

/// A port that nobody has now.
fn free() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound address")
}

fn links(node: &Node) -> Vec<(String, String)> {
    let body = get(node.admin, "/links", &[]).body;
    let links: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let all = links.as_array().expect("a list").iter();
    all.map(|link| (text(&link["name"]), text(&link["listen"])))
        .collect()
}

fn listens(node: &Node, name: &str) -> String {
    let found = links(node).into_iter().find(|(link, _)| link == name);
    found.expect("the link").1
}

#[test]
fn a_world_is_measured_and_left_as_it_was() {
    let _machine = machine::alone();
    let world = World::start();
    let (names, site) = (
        world.names(),
        get(world.origin.admin, "/catalogue", &[]).body,
    );
    let scenario = Scenario::new(SCENARIO);
    let ratio = |what: &str, command: &mut Command| {
        let output = command.output().expect("the binary starts");
        // 3: a machine too busy for exact times; what is hit and missed is the same.
        assert!(
            matches!(output.status.code(), Some(0 | 3)),
            "{what}: {}",
            printed(&output)
        );
        let report = scenario.report();
        let figure = &report["variants"][0]["total"]["request_hit_ratio"];
        figure["value"]
            .as_f64()
            .unwrap_or_else(|| panic!("{what}: {figure}"))
    };
    let attached = || {
        let mut command = scenario.command("run", &["--attach", &world.links]);
        command.env("CDNLAB_ADMIN_TOKEN", TOKEN);
        command
    };
    let first = ratio("attached", &mut attached());
    assert_eq!(world.names(), names, "no link is left, and none is lost");
    assert_eq!(get(world.origin.admin, "/catalogue", &[]).body, site);
    // From empty caches again, and in virtual time.
    let second = ratio("attached again", &mut attached());
    let simulated = ratio("simulated", &mut scenario.command("simulate", &[]));
    for (what, other) in [("again", second), ("simulated", simulated)] {
        assert!(
            (first - other).abs() <= 0.04,
            "{first} attached, {other} {what}"
        );
    }
}

#[test]
fn a_world_that_is_not_the_scenarios_is_refused() {
    let _machine = machine::shared();
    let world = World::start();
    let refused = |yaml: &str, token: &str| {
        let scenario = Scenario::new(yaml);
        let mut command = scenario.command("run", &["--attach", &world.links]);
        let output = command.env("CDNLAB_ADMIN_TOKEN", token).output();
        let output = output.expect("the binary starts");
        assert_eq!(output.status.code(), Some(2), "{}", printed(&output));
        printed(&output)
    };
    let other = SCENARIO.replace("{fra: {at: FRA}}", "{fra: {at: FRA, memory: 1MiB}}");
    let words = refused(&other, TOKEN);
    assert!(
        words.contains("memory is 67108864 where 1048576 is wanted"),
        "{words}"
    );
    let other = SCENARIO.replace("{fra: {at: FRA}}", "{fra: {at: FRA, nodes: 2}}");
    let words = refused(&other, TOKEN);
    assert!(
        words.contains("no link `admin.fra-2`; it has admin.fra-1"),
        "{words}"
    );
}

/// A child that is told to end as by Ctrl-C.
fn interrupt(child: &std::process::Child) {
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(status.expect("kill runs").success());
}

#[test]
fn a_run_that_is_interrupted_leaves_the_world_as_it_was() {
    let _machine = machine::shared();
    let world = World::start();
    let (names, site) = (
        world.names(),
        get(world.origin.admin, "/catalogue", &[]).body,
    );
    let scenario = Scenario::new(SCENARIO);
    let mut run = scenario.command("run", &["--attach", &world.links]);
    let run = run.env("CDNLAB_ADMIN_TOKEN", TOKEN).stdout(Stdio::null());
    let mut run = run
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    // Under way: the origin has the scenario's content by then, and the clients their links.
    while get(world.origin.admin, "/catalogue", &[]).body == site {
        assert!(
            run.try_wait().expect("a child").is_none(),
            "it ended by itself"
        );
        std::thread::yield_now();
    }
    assert!(world.names().len() > names.len());
    interrupt(&run);
    assert!(!run.wait().expect("an ended run").success());
    assert_eq!(world.names(), names, "its links are gone");
    assert_eq!(get(world.origin.admin, "/catalogue", &[]).body, site);
}

#[test]
fn a_front_before_a_world_tells_everyone_and_obeys_this_machine() {
    use std::io::{BufRead, BufReader, Write};
    let _machine = machine::shared();
    let world = World::start();
    let names = world.names();
    let scenario = Scenario::new(SCENARIO);
    let mut up = Command::new(binary())
        .arg("up")
        .arg(scenario.path())
        .args(["--attach", &world.links, "--front", "127.0.0.1:0"])
        .env("CDNLAB_ADMIN_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let lines = BufReader::new(up.stdout.take().expect("a pipe")).lines();
    let mut opened = lines.map_while(Result::ok).filter_map(|line| {
        let address = line.strip_prefix("Open http://")?.trim_end_matches('/');
        address.parse::<std::net::SocketAddr>().ok()
    });
    let front = opened.next().expect("it says where to open it");
    let local = ("Host", "localhost");
    let post = |path: &str, fields: &[(&str, &str)]| {
        let answer = super::support::wire::send(front, "POST", path, fields);
        (
            answer.status,
            String::from_utf8_lossy(&answer.body).into_owned(),
        )
    };
    let page = get(front, "/", &[local]);
    assert_eq!(page.status, 200);
    assert!(String::from_utf8_lossy(&page.body).contains("fra-1"));
    // Another site's name, resolved to here; another site's page; a visitor who came under the name of a proxy.
    assert_eq!(get(front, "/", &[("Host", "evil.example")]).status, 421);
    assert_eq!(
        get(front, "/events", &[("Host", "evil.example")]).status,
        421
    );
    let foreign = [local, ("Origin", "http://evil.example")];
    assert_eq!(post("/lab/heal", &foreign).0, 403);
    assert_eq!(
        post("/lab/ask?from=FRA&path=/pages/1.html", &foreign).0,
        403
    );
    let afar = ("Host", "192.0.2.7");
    assert_eq!(post("/lab/heal", &[afar]).0, 401);
    let shown = ("Authorization", "Bearer for-this-test");
    assert_eq!(post("/lab/heal", &[afar, shown]).0, 200);
    // A reader that takes nothing; one beside it still gets every look.
    let feed = || {
        let mut stream = std::net::TcpStream::connect(front).expect("a connection");
        write!(stream, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
        stream
    };
    let idle = feed();
    let events = BufReader::new(feed()).lines().map_while(Result::ok);
    let mut ids = events.filter_map(|line| line.strip_prefix("id: ")?.parse::<u64>().ok());
    let first = ids.next().expect("a first look");
    let (status, way) = post("/lab/ask?from=FRA&path=/own/1", &[local]);
    assert_eq!(status, 200, "{way}");
    assert!(
        way.contains(r#""node":"fra-1""#) && way.contains(r#""outcome":"miss""#),
        "{way}"
    );
    // Each hop as its nodes measured it, the origin last.
    assert!(
        way.contains(r#""what":"the origin""#) && !way.contains(r#""measured":false"#),
        "{way}"
    );
    assert_eq!(post("/lab/ask?from=XXX&path=/own/1", &[local]).0, 400);
    assert_eq!(post("/lab/ask?from=FRA&path=http://evil/", &[local]).0, 400);
    let (status, done) = post("/lab/purge?all=true", &[local]);
    assert_eq!(
        (status, done.trim()),
        (200, r#"{"done":["purge of everything"]}"#)
    );
    let (second, third) = (ids.next(), ids.next());
    assert!(
        Some(first) < second && second < third,
        "{first} {second:?} {third:?}"
    );
    drop(idle);
    interrupt(&up);
    assert!(up.wait().expect("an ended front").success());
    assert_eq!(world.names(), names, "its links are gone");
}
