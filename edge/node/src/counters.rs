//! What a node counts. The names are part of its interface: dashboards and the lab read them.

use std::sync::atomic::AtomicU64;

use edge_core::Class;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use serde::Serialize;

use crate::store::DiskStats;

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Handling {
    handling: &'static str,
}

/// Upper bounds of the reply histogram: from a hit in memory to a fetch around the world.
const REPLY_SECONDS: [f64; 13] = [
    0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 2.0, 10.0,
];

/// All counters of one node.
#[derive(Debug)]
pub(crate) struct Counters {
    requests: Family<Handling, Counter>,
    /// The members of `requests`, found once, so that counting takes no lock.
    handled: [Counter; Class::ALL.len()],
    pub(crate) client_bytes: Counter,
    pub(crate) upstream_requests: Counter,
    pub(crate) upstream_retries: Counter,
    pub(crate) upstream_failures: Counter,
    pub(crate) upstream_bytes: Counter,
    pub(crate) background: Counter,
    pub(crate) background_bytes: Counter,
    pub(crate) stored: Counter,
    pub(crate) too_large: Counter,
    pub(crate) truncated: Counter,
    pub(crate) laggards_refetched: Counter,
    pub(crate) laggards_ended: Counter,
    pub(crate) loops: Counter,
    pub(crate) purges: Counter,
    pub(crate) connections: Counter,
    pub(crate) open_connections: Gauge,
    /// Seconds from a request's head to its reply's.
    pub(crate) reply_seconds: Histogram,
    stored_bytes: Gauge<u64, AtomicU64>,
    stored_objects: Gauge<u64, AtomicU64>,
    filling_bytes: Gauge<u64, AtomicU64>,
}

impl Default for Counters {
    fn default() -> Self {
        let requests = Family::<Handling, Counter>::default();
        let handled = Class::ALL.map(|class| {
            requests
                .get_or_create(&Handling {
                    handling: class.as_str(),
                })
                .clone()
        });
        Self {
            requests,
            handled,
            client_bytes: Counter::default(),
            upstream_requests: Counter::default(),
            upstream_retries: Counter::default(),
            upstream_failures: Counter::default(),
            upstream_bytes: Counter::default(),
            background: Counter::default(),
            background_bytes: Counter::default(),
            stored: Counter::default(),
            too_large: Counter::default(),
            truncated: Counter::default(),
            laggards_refetched: Counter::default(),
            laggards_ended: Counter::default(),
            loops: Counter::default(),
            purges: Counter::default(),
            connections: Counter::default(),
            open_connections: Gauge::default(),
            reply_seconds: Histogram::new(REPLY_SECONDS),
            stored_bytes: Gauge::default(),
            stored_objects: Gauge::default(),
            filling_bytes: Gauge::default(),
        }
    }
}

/// What the store holds at the moment, and has lost so far.
#[derive(Clone, Copy)]
pub(crate) struct Levels {
    pub(crate) stored_bytes: u64,
    pub(crate) stored_objects: u64,
    pub(crate) filling_bytes: u64,
    pub(crate) evictions: u64,
}

/// The node's counters as JSON (`GET /stats`). All are totals since the start, except those of the
/// store and the open connections, which are of now.
#[derive(Debug, Clone, Serialize)]
pub struct Stats {
    /// The node's name.
    pub name: String,
    /// Client requests by how they were handled.
    pub requests: std::collections::BTreeMap<&'static str, u64>,
    /// Body bytes handed to clients.
    pub client_bytes: u64,
    /// Requests sent upstream, retries and background ones included.
    pub upstream_requests: u64,
    /// Requests sent again after a kept-alive connection had ended.
    pub upstream_retries: u64,
    /// Upstream requests without a complete response.
    pub upstream_failures: u64,
    /// Body bytes received from upstream.
    pub upstream_bytes: u64,
    /// Upstream requests in the background, for stale-while-revalidate.
    pub background_refreshes: u64,
    /// Of `upstream_bytes`: those of background refreshes.
    pub background_bytes: u64,
    /// Responses stored or updated.
    pub stored: u64,
    /// Responses not stored since they do not fit.
    pub too_large: u64,
    /// Bodies from upstream that ended short.
    pub truncated: u64,
    /// Slow readers that went on with a range request of their own.
    pub laggards_refetched: u64,
    /// Slow readers that were ended.
    pub laggards_ended: u64,
    /// Requests refused since they came round in a loop.
    pub loops: u64,
    /// Purges acknowledged.
    pub purges: u64,
    /// Client connections accepted.
    pub connections: u64,
    /// Client connections open now.
    pub open_connections: i64,
    /// Bytes that stored responses take now.
    pub stored_bytes: u64,
    /// Stored responses now.
    pub stored_objects: u64,
    /// Entries that had to leave the store to make room.
    pub evictions: u64,
    /// Bytes of bodies on their way into the store now.
    pub filling_bytes: u64,
    /// The disk tier, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskStats>,
    /// Resident memory of the process now; 0 where the system does not tell.
    pub resident_bytes: u64,
}

impl Counters {
    /// One client request has got its reply's head.
    pub(crate) fn handled(&self, class: Class) {
        // The classes stand in their own order in `ALL`.
        self.handled[class as usize].inc();
    }

    pub(crate) fn stats(&self, name: &str, levels: Levels, disk: Option<DiskStats>) -> Stats {
        let requests = Class::ALL
            .iter()
            .map(|&class| (class.as_str(), self.handled[class as usize].get()));
        Stats {
            name: name.to_owned(),
            requests: requests.collect(),
            client_bytes: self.client_bytes.get(),
            upstream_requests: self.upstream_requests.get(),
            upstream_retries: self.upstream_retries.get(),
            upstream_failures: self.upstream_failures.get(),
            upstream_bytes: self.upstream_bytes.get(),
            background_refreshes: self.background.get(),
            background_bytes: self.background_bytes.get(),
            stored: self.stored.get(),
            too_large: self.too_large.get(),
            truncated: self.truncated.get(),
            laggards_refetched: self.laggards_refetched.get(),
            laggards_ended: self.laggards_ended.get(),
            loops: self.loops.get(),
            purges: self.purges.get(),
            connections: self.connections.get(),
            open_connections: self.open_connections.get(),
            stored_bytes: levels.stored_bytes,
            stored_objects: levels.stored_objects,
            evictions: levels.evictions,
            filling_bytes: levels.filling_bytes,
            disk,
            resident_bytes: operator::resident_bytes(),
        }
    }

    /// The metrics in OpenMetrics text (`GET /metrics`).
    pub(crate) fn metrics(&self, levels: Levels, disk: Option<DiskStats>) -> String {
        self.stored_bytes.set(levels.stored_bytes);
        self.stored_objects.set(levels.stored_objects);
        self.filling_bytes.set(levels.filling_bytes);
        let mut registry = Registry::with_prefix("cdnlab_edge");
        registry.register(
            "requests",
            "Client requests by handling",
            self.requests.clone(),
        );
        let totals = [
            (
                "client_body_bytes",
                "Body bytes handed to clients",
                &self.client_bytes,
            ),
            (
                "upstream_requests",
                "Requests sent upstream",
                &self.upstream_requests,
            ),
            (
                "upstream_retries",
                "Requests sent again after a dead connection",
                &self.upstream_retries,
            ),
            (
                "upstream_failures",
                "Upstream requests without a complete response",
                &self.upstream_failures,
            ),
            (
                "upstream_body_bytes",
                "Body bytes received from upstream",
                &self.upstream_bytes,
            ),
            (
                "background_refreshes",
                "Refreshes for stale-while-revalidate",
                &self.background,
            ),
            (
                "background_body_bytes",
                "Body bytes received for background refreshes",
                &self.background_bytes,
            ),
            ("stored", "Responses stored or updated", &self.stored),
            (
                "too_large",
                "Responses not stored since they do not fit",
                &self.too_large,
            ),
            (
                "truncated",
                "Bodies from upstream that ended short",
                &self.truncated,
            ),
            (
                "laggards_refetched",
                "Slow readers that went on by a range request",
                &self.laggards_refetched,
            ),
            (
                "laggards_ended",
                "Slow readers that were ended",
                &self.laggards_ended,
            ),
            ("loops", "Requests refused as loops", &self.loops),
            ("purges", "Purges acknowledged", &self.purges),
            (
                "connections",
                "Client connections accepted",
                &self.connections,
            ),
        ];
        for (name, help, counter) in totals {
            registry.register(name, help, counter.clone());
        }
        registry.register_with_unit(
            "reply",
            "From a request's head to its reply's",
            Unit::Seconds,
            self.reply_seconds.clone(),
        );
        let resident = ConstGauge::new(operator::resident_bytes());
        registry.register_with_unit(
            "resident_memory",
            "Memory of the process; 0 where the system does not tell",
            Unit::Bytes,
            resident,
        );
        let evictions = ConstCounter::new(levels.evictions);
        registry.register(
            "evictions",
            "Entries that had to leave the store to make room",
            evictions,
        );
        registry.register(
            "open_connections",
            "Client connections open",
            self.open_connections.clone(),
        );
        registry.register(
            "store_bytes",
            "Bytes that stored responses take",
            self.stored_bytes.clone(),
        );
        registry.register(
            "store_objects",
            "Stored responses",
            self.stored_objects.clone(),
        );
        registry.register(
            "filling_bytes",
            "Bytes of bodies on their way into the store",
            self.filling_bytes.clone(),
        );
        if let Some(disk) = disk {
            register_disk(&mut registry, &disk);
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
}

fn register_disk(registry: &mut Registry, disk: &DiskStats) {
    let totals = [
        (
            "disk_hits",
            "Look-ups that the disk tier answered",
            disk.hits,
        ),
        ("disk_misses", "Reads of the disk tier in vain", disk.misses),
        (
            "disk_slow",
            "Reads not begun or given up since the disk was slow",
            disk.slow,
        ),
        (
            "disk_written",
            "Entries written to the disk tier",
            disk.written,
        ),
        (
            "disk_dropped",
            "Entries not written to the disk tier",
            disk.dropped,
        ),
        (
            "disk_written_bytes",
            "Bytes written to the disk tier",
            disk.written_bytes,
        ),
        (
            "disk_read_bytes",
            "Bytes read from the disk tier",
            disk.read_bytes,
        ),
    ];
    for (name, help, value) in totals {
        registry.register(name, help, ConstCounter::new(value));
    }
    let queued = ConstGauge::new(disk.queued_bytes);
    registry.register(
        "disk_queued_bytes",
        "Bytes that wait to be written to disk",
        queued,
    );
    let failed = ConstGauge::new(u64::from(disk.failed));
    registry.register("disk_failed", "1 from the first failed write on", failed);
}
