//! A body on its way from upstream to all who read it and, once it is whole, into the store.

use std::sync::Arc;

use edge_core::fields::directives::qualified;
use edge_core::purge::Sequence;
use edge_core::ranges::ByteRange;
use edge_core::{CacheKey, Stored, StoredHead};
use http::{HeaderMap, StatusCode};

use crate::assembly;
use crate::flights::Leading;
use crate::node::Node;
use crate::parts::Piece;
use crate::slices::Writer;
use crate::store::{self, Body};
use crate::tasks::Task;
use crate::trailers::Trailers;
use crate::transfer::{Patience, Transfer};
use crate::upstream::{Failure, UpstreamBody};

/// What is stored when a body is whole.
pub(crate) struct Stores {
    pub(crate) key: CacheKey,
    /// The purge sequence from before it was asked for.
    pub(crate) stamp: Sequence,
    pub(crate) facts: Stored,
    pub(crate) head: StoredHead,
    /// Which part of how many bytes it is, if it is not the whole, and the resource's key.
    pub(crate) part: Option<(ByteRange, u64, CacheKey)>,
}

/// A body on its way from upstream into a transfer and, whole, into the store.
pub(crate) struct Fill {
    pub(crate) node: Arc<Node>,
    pub(crate) body: UpstreamBody,
    pub(crate) transfer: Arc<Transfer>,
    /// The body's length, where upstream has said it.
    pub(crate) length: Option<u64>,
    pub(crate) stores: Stores,
    /// Cuts it into slices, if it is stored in slices.
    pub(crate) slices: Option<Writer>,
    /// In the table of flights until the store has it.
    pub(crate) leading: Option<Leading>,
    /// A node that stops waits for it.
    pub(crate) _task: Task,
}

/// Bytes that are handed on at once: small against any window, so that a reader near the end of
/// the window is not left behind by one large read.
const PIECE: usize = 64 << 10;

impl Fill {
    /// Carries the body to its end.
    pub(crate) async fn run(mut self) {
        match self.carry().await {
            Ok(()) => {}
            Err(failure) => {
                // First nobody new finds it, then those who read it hear of its end. The slices that
                // have come stay.
                if let Some(slices) = &mut self.slices {
                    slices.end(&self.node);
                }
                self.leading = None;
                self.transfer.fail(failure);
            }
        }
    }

    async fn carry(&mut self) -> Result<(), Failure> {
        let mut patience = Patience::default();
        let mut come = 0;
        while let Some(chunk) = self.body.chunk().await {
            let chunk = chunk.inspect_err(|_| {
                self.node.counters.truncated.inc();
                self.node.counters.upstream_failures.inc();
            })?;
            for piece in chunk.chunks(PIECE) {
                if self.transfer.room(&mut patience).await.is_err() {
                    // Nobody reads it and it is too large to be kept.
                    return Err(Failure::Unwanted);
                }
                come += piece.len() as u64;
                if self.length == Some(come) {
                    // The last bytes: who has them may ask again at once, and is to find it stored.
                    self.end(piece);
                    return Ok(());
                }
                self.push(piece);
            }
        }
        let trailers = self.body.take_trailers();
        self.transfer
            .trail(trailers.and_then(|all| self.shared(all)));
        self.end(&[]);
        Ok(())
    }

    /// The trailers that are for all: those of a part do not belong to the whole, and what may not be
    /// stored (RFC 9111 section 3.1) is for nobody else.
    fn shared(&self, mut trailers: HeaderMap) -> Option<Trailers> {
        if self.stores.facts.digest.status == StatusCode::PARTIAL_CONTENT.as_u16() {
            return None;
        }
        let targeted = &self.node.config.policy.targeted;
        for name in qualified(&self.stores.head.headers(), targeted) {
            trailers.remove(name);
        }
        (!trailers.is_empty()).then(|| Arc::new(trailers))
    }

    fn push(&mut self, piece: &[u8]) {
        let whole = self.transfer.whole();
        self.transfer.push(piece);
        if whole && !self.transfer.whole() {
            self.node.counters.too_large.inc();
        }
        let at_start = self.transfer.at_start();
        if let Some(slices) = &mut self.slices {
            slices.push(&self.node, piece);
            if !at_start {
                slices.list(&self.node);
            }
        }
        if !at_start {
            // Who comes now finds no beginning here and begins a flight of its own.
            self.leading = None;
        }
    }

    fn end(&mut self, last: &[u8]) {
        if let Some(slices) = &mut self.slices {
            slices.push(&self.node, last);
            slices.end(&self.node);
        }
        self.transfer.push_last(last, |pieces| self.store(pieces));
        self.leading = None;
    }

    fn store(&self, pieces: Vec<bytes::Bytes>) {
        let Stores {
            key,
            stamp,
            facts,
            head,
            part,
        } = &self.stores;
        if let Some((range, total, primary)) = part {
            let piece = Piece {
                head: head.to_head(),
                facts: *facts,
                range: *range,
                total: *total,
                bytes: pieces,
            };
            assembly::store(&self.node, key, primary, *stamp, piece);
            return;
        }
        let response = store::Response {
            facts: *facts,
            head: head.clone(),
            body: Body::new(pieces),
            trailers: self.transfer.trailers(),
        };
        self.node
            .store
            .insert_response(key.clone(), *stamp, Arc::new(response));
        self.node.counters.stored.inc();
    }
}
