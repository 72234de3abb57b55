//! How each node of a plan is started: its arguments and its configuration files.
//!
//! It translates a plan into command lines and JSON. It starts nothing and asks nothing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use origin::Catalogue;
use serde_json::json;

use super::child::ChildSpec;
use crate::plan::{Nanos, OriginKind, Plan};

/// Peers of our nodes are our relays.
const LOOPBACK: &str = "127.0.0.0/8";

/// A file that a node reads could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct FileError {
    /// Where.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// The name that redirects send clients to, and that the node maps to the site.
pub fn public_name(node: &str) -> String {
    format!("{node}.localhost")
}

fn write(path: PathBuf, value: &impl serde::Serialize) -> Result<String, FileError> {
    let text = serde_json::to_vec(value).map_err(std::io::Error::other);
    match text.and_then(|text| std::fs::write(&path, text)) {
        Ok(()) => Ok(path.to_string_lossy().into_owned()),
        Err(source) => Err(FileError { path, source }),
    }
}

fn span(nanos: Nanos) -> String {
    // The finest unit, so that nothing is rounded.
    format!("{nanos}ns")
}

/// The link process.
pub fn links(exe: &Path) -> ChildSpec {
    ChildSpec {
        exe: exe.to_owned(),
        role: "link",
        name: "links".to_owned(),
        args: Vec::new(),
        listens: false,
    }
}

/// The origin, with its catalogue or its pass-through. `epoch_ms` is the wall time of offset 0.
///
/// # Errors
/// When the catalogue's file cannot be written.
pub fn origin(
    exe: &Path,
    folder: &Path,
    plan: &Plan,
    epoch_ms: i64,
) -> Result<ChildSpec, FileError> {
    let args = match &plan.origin.kind {
        OriginKind::Synthetic => {
            let catalogue = Catalogue {
                epoch_ms,
                ..plan.origin.catalogue.clone()
            };
            vec![
                "--catalogue".to_owned(),
                write(folder.join("catalogue.json"), &catalogue)?,
            ]
        }
        OriginKind::Own { url, host, .. } => {
            let mut args = vec!["--pass".to_owned(), url.clone()];
            if let Some(host) = host {
                args.extend(["--host".to_owned(), host.clone()]);
            }
            args
        }
    };
    Ok(ChildSpec {
        exe: exe.to_owned(),
        role: "origin",
        name: "origin".to_owned(),
        args,
        listens: true,
    })
}

/// An edge node whose upstream is behind the link that listens at `upstream`.
///
/// # Errors
/// When its policy's file cannot be written.
pub fn edge(
    exe: &Path,
    folder: &Path,
    plan: &Plan,
    node: u16,
    upstream: SocketAddr,
) -> Result<ChildSpec, FileError> {
    let planned = &plan.nodes[usize::from(node)];
    let policy = write(
        folder.join(format!("{}.json", planned.name)),
        &planned.policy,
    )?;
    let pairs = [
        ("--name", planned.name.clone()),
        ("--upstream", format!("http://{upstream}")),
        ("--upstream-host", plan.site.clone()),
        ("--memory", format!("{}B", planned.memory)),
        ("--eviction", planned.eviction.name().to_owned()),
        // The nodes of a run share one machine.
        ("--threads", "1".to_owned()),
        ("--trust", LOOPBACK.to_owned()),
        (
            "--alias",
            format!("{}={}", public_name(&planned.name), plan.site),
        ),
        ("--connect-timeout", span(planned.timeouts.connect)),
        ("--first-byte-timeout", span(planned.timeouts.first_byte)),
        ("--idle-timeout", span(planned.timeouts.idle)),
        ("--config", policy),
    ];
    let mut args: Vec<String> = pairs
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect();
    if let Some(most) = planned.max_objects {
        args.extend(["--max-objects".to_owned(), most.to_string()]);
    }
    if let Some(size) = planned.disk {
        // In the run's folder: it outlives the node, not the run.
        let disk = folder.join(format!("{}.disk", planned.name));
        args.extend(["--disk".to_owned(), disk.display().to_string()]);
        args.extend(["--disk-size".to_owned(), format!("{size}B")]);
    }
    Ok(ChildSpec {
        exe: exe.to_owned(),
        role: "edge",
        name: planned.name.clone(),
        args,
        listens: true,
    })
}

/// The router. `reach` gives the address of the link from the router to a node.
///
/// # Errors
/// When its configuration's file cannot be written.
pub fn router(
    exe: &Path,
    folder: &Path,
    plan: &Plan,
    geo: Option<&Path>,
    reach: impl Fn(u16) -> Option<SocketAddr>,
) -> Result<ChildSpec, FileError> {
    let mut config = router_config(plan, |node| reach(node).map(|to| to.to_string()));
    if let (Some(geo), Some(config)) = (geo, config.as_object_mut()) {
        config.insert("geo".to_owned(), json!(geo));
    }
    let file = write(folder.join("router.json"), &config)?;
    Ok(ChildSpec {
        exe: exe.to_owned(),
        role: "router",
        name: "router".to_owned(),
        args: vec!["--config".to_owned(), file],
        listens: true,
    })
}

/// The router's configuration; `reach` gives `host:port` of the link from the router to a node.
pub fn router_config(plan: &Plan, reach: impl Fn(u16) -> Option<String>) -> serde_json::Value {
    const MS: Nanos = 1_000_000;
    let pops: Vec<_> = plan
        .pops
        .iter()
        .filter(|pop| pop.serves_clients)
        .map(|pop| {
            let nodes: Vec<_> = pop
                .nodes
                .iter()
                .filter_map(|&node| {
                    let name = &plan.nodes[usize::from(node)].name;
                    let url = format!("http://{}", reach(node)?);
                    Some(json!({ "name": name, "url": url, "host": public_name(name) }))
                })
                .collect();
            json!({ "name": pop.name, "lat": pop.point.lat, "lon": pop.point.lon, "nodes": nodes })
        })
        .collect();
    let health = &plan.routing.health;
    json!({
        "name": "router",
        "at": plan.routing.name,
        "pops": pops,
        "default_pop": plan.pops[usize::from(plan.routing.default_pop)].name,
        "ttl_ms": plan.routing.ttl / MS,
        "health": {
            "interval_ms": health.interval / MS,
            "timeout_ms": health.timeout / MS,
            "rise": health.rise,
            "fall": health.fall,
        },
        "trust": [LOOPBACK],
    })
}
