//! What a run tells while it goes on. The binary shows it; drivers know no terminal.

use crate::plan::Nanos;

/// A listener to the progress of one run. Every method does nothing unless it is written.
pub trait Progress: Send {
    /// What is being done now, such as `starting fra-1`.
    fn stage(&mut self, _what: &str) {}
    /// The traffic has come to `at` of `of`; `requests` have been answered or given up. About ten
    /// times a second live; the sim calls it about every 100 ms of wall time.
    fn advance(&mut self, _at: Nanos, _of: Nanos, _requests: u64) {}
    /// A planned event has taken effect.
    fn event(&mut self, _at: Nanos, _label: &str) {}
    /// Something did not go as planned and the run goes on, such as a node that died unasked.
    fn warn(&mut self, _at: Nanos, _what: &str) {}
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {}
