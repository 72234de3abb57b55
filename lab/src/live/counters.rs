//! An edge's counters, read from its JSON. Pure.

use crate::observe::{NodeStats, RequestClass};

/// Reads an edge's `/stats`. Counters that a node does not have stay 0, so that another cache which
/// offers some of them can stand in.
pub(super) fn node_stats(stats: &serde_json::Value) -> NodeStats {
    let number = |path: &str| {
        stats
            .pointer(path)
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0)
    };
    let mut read = NodeStats {
        downstream_bytes: number("/client_bytes"),
        upstream_requests: number("/upstream_requests"),
        upstream_bytes: number("/upstream_bytes"),
        background_requests: number("/background_refreshes"),
        background_bytes: number("/background_bytes"),
        retries: number("/upstream_retries"),
        evictions: number("/evictions"),
        stored_objects: number("/stored_objects"),
        stored_bytes: number("/stored_bytes"),
        resident_bytes: number("/resident_bytes"),
        ..NodeStats::default()
    };
    for (class, count) in RequestClass::ALL.iter().zip(&mut read.classes) {
        *count = number(&format!("/requests/{}", class.name()));
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_are_read_by_class_and_what_is_missing_is_zero() {
        let stats = serde_json::json!({
            "requests": {"hit": 7, "miss": 2, "hit-stale-swr": 1},
            "upstream_requests": 3,
            "background_refreshes": 1,
        });
        let stats = node_stats(&stats);
        assert_eq!(stats.classes[0], 7);
        assert_eq!(stats.classes[1], 1);
        assert_eq!(stats.classes.iter().sum::<u64>(), 10);
        assert_eq!(
            (
                stats.upstream_requests,
                stats.background_requests,
                stats.evictions
            ),
            (3, 1, 0)
        );
    }
}
