//! A reply from stored parts and what is missing of them (RFC 9111 section 3.3): upstream is only
//! asked for the gaps, each on condition that it is still the same response (RFC 9110 section
//! 13.1.5). Once a head has gone out, anything else ends the reply short.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use edge_core::ranges::ByteRange;
use edge_core::{
    Body as Which, CacheKey, Detail, Fwd, Handling, Lookup, RequestHead, RequestKind, Reuse,
    Source, Stored, StoredHead, UpstreamError, decide,
};
use http::{HeaderValue, StatusCode};
use tokio::sync::mpsc;

use crate::body::ReplyBody;
use crate::cut;
use crate::gap::{Gap, Obstacle};
use crate::node::Node;
use crate::parts::{self, Parts, Piece, Tie};
use crate::serve::{self, Reply};
use crate::slicing;
use crate::store::{Found, Response};
use crate::upstream::{Failure, Upstream};
use crate::worker::Worker;

/// Pieces that wait for the client to take them.
const AHEAD: usize = 2;

/// A stored response of which a request wants more than is here.
pub(crate) struct Assembly {
    pub(crate) node: Arc<Node>,
    pub(crate) upstream: Upstream,
    pub(crate) request: RequestHead,
    /// Where the response stands, and the key of its resource.
    pub(crate) key: CacheKey,
    pub(crate) primary: CacheKey,
    pub(crate) response: Arc<Response>,
    pub(crate) parts: Parts,
    pub(crate) tie: Tie,
    /// The first request upstream has the client's id; the others get their own.
    id: Mutex<Option<HeaderValue>>,
    /// What is at hand before the head goes out: a gap, or a slice.
    gap: Option<Gap>,
    pub(crate) slice: Option<(u64, slicing::Source)>,
}

impl Assembly {
    /// `None`: what is here cannot be put together with anything.
    pub(crate) fn new(
        worker: &Worker,
        request: RequestHead,
        primary: &CacheKey,
        variant: Option<&CacheKey>,
        response: &Arc<Response>,
        id: &HeaderValue,
    ) -> Option<Self> {
        let now = worker.node.now();
        Some(Self {
            node: Arc::clone(&worker.node),
            upstream: worker.upstream.clone(),
            request,
            key: variant.unwrap_or(primary).clone(),
            primary: primary.clone(),
            parts: Parts::of(response)?,
            tie: Tie::of(&response.head.headers(), now)?,
            response: Arc::clone(response),
            id: Mutex::new(Some(id.clone())),
            gap: None,
            slice: None,
        })
    }

    /// The client's id, if no request has it yet.
    pub(crate) fn id(&self) -> Option<HeaderValue> {
        let mut id = self.id.lock().unwrap_or_else(PoisonError::into_inner);
        id.take()
    }

    /// The reply, once what comes first is at hand; `None` if what is stored is of no use any more,
    /// or nothing is missing.
    pub(crate) async fn reply(mut self, facts: Stored) -> Option<Reply> {
        let node = Arc::clone(&self.node);
        let policy = &node.config.policy;
        let total = self.parts.total;
        let (request, response) = (self.request.clone(), Arc::clone(&self.response));
        let which = parts::wanted(&request, &response, facts, total, policy, node.now());
        let ranges = parts::ranges(&which, total);
        let forwarded = Handling::forwarded(Fwd::Partial);
        let complete = self.parts.sheet && ranges.iter().all(|range| self.has(*range));
        let made = |failure: Failure| {
            node.counters.upstream_failures.inc();
            let error = UpstreamError::from(failure);
            let handling = Handling {
                detail: Some(Detail::Upstream(error)),
                ..forwarded
            };
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_GATEWAY);
            Some(serve::made(
                &node,
                &request.method,
                status,
                &handling,
                node.now(),
            ))
        };
        match self.begin_with(&ranges).await {
            Ok(true) => {}
            Ok(false) => return None,
            Err(Obstacle::Failed(failure)) => return made(failure),
            // The slices that are here still hold.
            Err(Obstacle::Other) if self.parts.sheet => return made(Failure::Malformed),
            Err(Obstacle::Other) => return None,
            Err(Obstacle::Changed) => {
                node.forget(&self.primary).await;
                return None;
            }
        }
        // The fields of the newest part are those of the whole (RFC 9110 section 15.3.7.3).
        let (head, newest) = match &self.gap {
            Some(gap) => (StoredHead::of(&gap.head, policy).to_head(), gap.facts),
            None => (response.head.to_head(), Some(facts)),
        };
        let facts = newest.unwrap_or(facts);
        let ttl = facts.ttl(node.now());
        let handling = if complete {
            Handling::hit(ttl)
        } else {
            Handling {
                fwd_status: Some(
                    self.gap
                        .as_ref()
                        .map_or(206, |gap| gap.head.status.as_u16()),
                ),
                stored: newest.is_some(),
                ttl: newest.map(|_| ttl),
                ..forwarded
            }
        };
        let source = Source {
            from: edge_core::From::Stored,
            stored: Some(facts),
            length: Some(total),
            passed: false,
            boundary: cut::boundary,
        };
        let key = self.primary.clone();
        let head = parts::whole_head(head);
        let now = node.now();
        let reply = serve::reply(
            &node,
            &request,
            &key,
            head,
            source,
            &handling,
            now,
            |which| self.body(which),
        );
        Some(reply)
    }

    /// Has what comes first at hand; false if nothing is missing.
    async fn begin_with(&mut self, ranges: &[ByteRange]) -> Result<bool, Obstacle> {
        if self.parts.sheet {
            let Some(range) = ranges.first() else {
                return Ok(false);
            };
            let number = self.slices().number(range.start);
            self.slice = Some((number, self.open(number).await?));
            return Ok(true);
        }
        let mut gaps = ranges.iter().map(|range| self.parts.missing(*range));
        let Some(gap) = gaps.find_map(|gaps| gaps.first().copied()) else {
            return Ok(false);
        };
        self.gap = Some(self.fetch(gap).await?);
        Ok(true)
    }

    /// All that is wanted, fetched as the client takes it.
    pub(crate) fn body(self, which: Which) -> ReplyBody {
        let node = Arc::clone(&self.node);
        let length = match &which {
            Which::Parts(multipart) => multipart.length(),
            which => {
                let ranges = parts::ranges(which, self.parts.total);
                ranges.iter().map(ByteRange::len).sum()
            }
        };
        let (tx, rx) = mpsc::channel(AHEAD);
        let task = node.tasks.begin();
        drop(tokio::spawn(async move {
            let _task = task;
            self.send(which, tx).await;
        }));
        ReplyBody::assembled(rx, length, Arc::clone(&node.counters))
    }

    /// Sends all that is wanted, or as much as can be had and then an error.
    async fn send(mut self, which: Which, tx: mpsc::Sender<Result<Bytes, Failure>>) {
        if let Err(failure) = self.send_all(which, &tx).await {
            // Nobody may be left who wants to know.
            drop(tx.send(Err(failure)).await);
        }
    }

    async fn send_all(
        &mut self,
        which: Which,
        tx: &mpsc::Sender<Result<Bytes, Failure>>,
    ) -> Result<(), Failure> {
        let Which::Parts(multipart) = which else {
            for range in parts::ranges(&which, self.parts.total) {
                self.send_range(range, tx).await?;
            }
            return Ok(());
        };
        for (head, range) in multipart.parts() {
            say(tx, head).await?;
            self.send_range(range, tx).await?;
        }
        say(tx, multipart.end()).await
    }

    async fn send_range(
        &mut self,
        wanted: ByteRange,
        tx: &mpsc::Sender<Result<Bytes, Failure>>,
    ) -> Result<(), Failure> {
        if self.parts.sheet {
            return self.send_slices(wanted, tx).await;
        }
        let mut at = wanted.start;
        for gap in self.parts.missing(wanted) {
            self.send_held(at, gap.start, tx).await?;
            let gap = match self.gap.take_if(|first| first.range == gap) {
                Some(first) => first,
                None => match self.fetch(gap).await {
                    Ok(gap) => gap,
                    Err(Obstacle::Failed(failure)) => return Err(failure),
                    Err(Obstacle::Changed | Obstacle::Other) => {
                        self.node.forget(&self.primary).await;
                        return Err(Failure::Changed);
                    }
                },
            };
            at = gap.range.end;
            self.send_gap(gap, tx).await?;
        }
        self.send_held(at, wanted.end, tx).await
    }

    async fn send_held(
        &self,
        start: u64,
        end: u64,
        tx: &mpsc::Sender<Result<Bytes, Failure>>,
    ) -> Result<(), Failure> {
        let held = ByteRange::new(start, end);
        let held = held.map(|range| self.parts.held(&self.response.body, range));
        for bytes in held.unwrap_or_default() {
            say(tx, bytes).await?;
        }
        Ok(())
    }

    /// Sends a gap on as it comes, and stores it when it is whole.
    async fn send_gap(
        &self,
        gap: Gap,
        tx: &mpsc::Sender<Result<Bytes, Failure>>,
    ) -> Result<(), Failure> {
        let Gap {
            head,
            range,
            facts,
            stamp,
            mut body,
            mut over,
        } = gap;
        let largest = self.node.store.largest();
        let mut kept = (facts.is_some() && range.len() <= largest).then(Vec::new);
        let mut left = range.len();
        while left > 0 {
            let Some(chunk) = body.chunk().await else {
                return Err(Failure::Truncated);
            };
            let mut chunk = chunk.inspect_err(|_| {
                self.node.counters.truncated.inc();
                self.node.counters.upstream_failures.inc();
            })?;
            cut::pass_over(&mut chunk, &mut over);
            chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len()));
            if chunk.is_empty() {
                continue;
            }
            left -= chunk.len() as u64;
            if let Some(kept) = &mut kept {
                // Copied to its size: the chunk may hold a whole buffer.
                kept.push(Bytes::copy_from_slice(&chunk));
            }
            if left == 0
                && let (Some(bytes), Some(facts)) = (kept.take(), facts)
            {
                let total = self.parts.total;
                let piece = Piece {
                    head: head.clone(),
                    facts,
                    range,
                    total,
                    bytes,
                };
                // Stored before the client has the last bytes: who asks again finds it.
                store(&self.node, &self.key, &self.primary, stamp, piece);
            }
            say(tx, chunk).await?;
        }
        Ok(())
    }
}

/// The reply to a request that needs more than is stored of a fresh response, if the rest can be had.
pub(crate) async fn assembled(
    worker: &Worker,
    head: &RequestHead,
    key: &CacheKey,
    kind: &RequestKind,
    looked: &Found,
    id: &HeaderValue,
) -> Option<Reply> {
    let (Lookup::Hit(facts), Some(response)) = (looked.lookup, &looked.response) else {
        return None;
    };
    let node = &worker.node;
    let reuse = decide(
        &node.config.policy,
        &facts.digest,
        facts.born,
        kind,
        node.now(),
    );
    if !parts::partial(&facts.digest) || reuse != Reuse::Hit || kind.only_if_cached() {
        return None;
    }
    let variant = looked.variant.as_ref();
    let assembly = Assembly::new(worker, head.clone(), key, variant, response, id)?;
    Box::pin(assembly.reply(facts)).await
}

pub(crate) async fn say(
    tx: &mpsc::Sender<Result<Bytes, Failure>>,
    bytes: Bytes,
) -> Result<(), Failure> {
    tx.send(Ok(bytes)).await.map_err(|_| Failure::Unwanted)
}

/// Stores a part that has come whole, together with what is there.
pub(crate) fn store(
    node: &Node,
    key: &CacheKey,
    primary: &CacheKey,
    stamp: edge_core::purge::Sequence,
    piece: Piece,
) {
    let before = node.store.response(key, primary);
    let combined = parts::combine(
        before.as_deref(),
        piece,
        node.store.largest(),
        &node.config.policy,
        node.now(),
    );
    if let Some(response) = combined {
        node.store
            .insert_response(key.clone(), stamp, Arc::new(response));
        node.counters.stored.inc();
    }
}
