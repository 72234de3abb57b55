//! What the origin served, by request: a bounded log, and counts that are never lost.
//!
//! A record is written before the last byte of its response goes out, so whoever has the whole
//! response finds it here. Records are numbered from 1; the ring forgets the oldest first and says
//! how many a reader missed. Knows nothing about how it is read over the wire.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::catalogue::ObjectId;

/// One request that was answered, or ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Number of the record, from 1, in the order in which responses ended.
    #[serde(default)]
    pub seq: u64,
    /// `X-Request-Id` of the request, if it had one (cut to 128 characters).
    pub id: Option<String>,
    /// When the request arrived, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The object, if the target names one of the catalogue.
    pub object: Option<ObjectId>,
    /// Variant that the request selected.
    #[serde(default)]
    pub variant: u16,
    /// Version that was current when it was answered.
    pub version: Option<u32>,
    /// Path and query, where no object is known (cut to 256 characters).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Method.
    pub method: String,
    /// Status that was sent; 0 if the connection was closed instead.
    pub status: u16,
    /// Body bytes that were handed to the connection.
    pub body_bytes: u64,
    /// Whether the request carried a precondition.
    pub conditional: bool,
    /// Whether the whole response was handed to the connection.
    pub complete: bool,
}

/// The first line of a log page; the records follow, one a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// Records between the one asked for and the oldest still held: lost to this reader.
    pub lost: u64,
    /// How many records follow.
    pub records: u64,
    /// What to ask for next: `after=` this.
    pub next: u64,
    /// Whether more are waiting already.
    pub more: bool,
}

/// Sums over all requests so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests whose response has ended.
    pub requests: u64,
    /// Requests under way, queued ones included.
    pub in_flight: u64,
    /// Body bytes handed to connections.
    pub body_bytes: u64,
    /// Requests with a precondition.
    pub conditional: u64,
    /// Responses that ended early, and connections closed without one.
    pub incomplete: u64,
    /// Requests by status; 0 stands for a connection closed without an answer.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests by index of their class; requests for no object are missing here.
    pub by_class: BTreeMap<u16, u64>,
}

/// The log.
#[derive(Debug)]
pub struct Log {
    capacity: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    ring: VecDeque<Record>,
    counts: Counts,
}

impl Log {
    /// A log that holds up to `capacity` records.
    pub fn new(capacity: usize) -> Log {
        Log {
            capacity,
            inner: Mutex::default(),
        }
    }

    /// A request has arrived.
    pub fn begin(&self) {
        self.lock().counts.in_flight += 1;
    }

    /// Its response has ended. The record's number is set here.
    pub fn end(&self, mut record: Record) {
        let mut inner = self.lock();
        let counts = &mut inner.counts;
        counts.in_flight = counts.in_flight.saturating_sub(1);
        counts.requests += 1;
        counts.body_bytes += record.body_bytes;
        counts.conditional += u64::from(record.conditional);
        counts.incomplete += u64::from(!record.complete);
        *counts.by_status.entry(record.status).or_default() += 1;
        if let Some(id) = record.object {
            *counts.by_class.entry(id.class).or_default() += 1;
        }
        record.seq = counts.requests;
        if self.capacity == 0 {
            return;
        }
        if inner.ring.len() == self.capacity {
            inner.ring.pop_front();
        }
        inner.ring.push_back(record);
    }

    /// The counts.
    pub fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// Up to `limit` records with numbers above `after`.
    pub fn page(&self, after: u64, limit: usize) -> (LogPage, Vec<Record>) {
        let inner = self.lock();
        let last = inner.counts.requests;
        let oldest = last - inner.ring.len() as u64 + 1;
        let from = after.saturating_add(1).max(oldest);
        let skip = usize::try_from(from - oldest).unwrap_or(usize::MAX);
        let records: Vec<Record> = inner.ring.iter().skip(skip).take(limit).cloned().collect();
        // A reader from before a restart asks beyond the end, and stays where it is.
        let next = records
            .last()
            .map_or_else(|| after.max(from - 1), |record| record.seq);
        let page = LogPage {
            lost: (from - 1).saturating_sub(after),
            records: records.len() as u64,
            next,
            more: next < last,
        };
        (page, records)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Nothing panics while the lock is held; if it did, counts would still be whole.
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
