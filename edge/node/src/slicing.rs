//! Sending a response that is stored in slices: each slice from the store, from whoever is fetching
//! it already, or from upstream.

use std::sync::Arc;

use bytes::Bytes;
use edge_core::Landing;
use edge_core::ranges::{ByteRange, Slices};
use http::StatusCode;
use tokio::sync::mpsc;

use crate::assembly::{Assembly, say};
use crate::cut::{self, Cut};
use crate::fill::{Fill, Stores};
use crate::flights::{Arrived, Cargo, Joined, Landed, Leading};
use crate::gap::{Gap, Obstacle};
use crate::parts::{self, Tie};
use crate::slices;
use crate::store::Response;
use crate::transfer::{Next, Reader, Transfer};
use crate::upstream::Failure;

/// Where a slice's bytes come from.
pub(crate) enum Source {
    Stored(Arc<Response>),
    Flight(Reader),
    /// Upstream has sent the whole.
    Own(Box<Gap>),
}

/// How often a slice is tried that others begin to fetch and fail to.
const TRIES: usize = 3;

impl Assembly {
    pub(crate) fn slices(&self) -> Slices {
        Slices::new(self.node.slice_size(), self.parts.total)
    }

    /// Whether all slices that a range touches are stored.
    pub(crate) fn has(&self, range: ByteRange) -> bool {
        let slices = self.slices();
        let key = |number| slices::key(&self.key, slices.size(), number);
        slices
            .touched(range)
            .all(|number| self.node.store.holds(&key(number), &self.primary))
    }

    /// Sends a range, slice by slice.
    pub(crate) async fn send_slices(
        &mut self,
        wanted: ByteRange,
        tx: &mpsc::Sender<Result<Bytes, Failure>>,
    ) -> Result<(), Failure> {
        let slices = self.slices();
        let mut numbers = slices.touched(wanted).peekable();
        let mut ahead = None;
        while let Some(number) = numbers.next() {
            let Some(range) = slices.slice(number) else {
                return Err(Failure::Truncated);
            };
            let Some(part) = range.common(&wanted) else {
                continue;
            };
            let first = self.slice.take_if(|(first, _)| *first == number);
            let found = match (first, ahead.take()) {
                (Some((_, source)), _) => Ok(source),
                (None, Some(found)) => found,
                (None, None) => self.open(number).await,
            };
            let source = match found {
                Ok(source) => source,
                Err(Obstacle::Failed(failure)) => return Err(failure),
                Err(Obstacle::Changed | Obstacle::Other) => {
                    self.node.forget(&self.primary).await;
                    return Err(Failure::Changed);
                }
            };
            if let (Source::Own(_), Some(rest)) = (&source, ByteRange::new(part.start, wanted.end))
            {
                // All the rest comes behind: asking for the next slice would bring the whole again.
                return self.send_slice(source, range, rest, tx).await;
            }
            // One slice ahead, so that a client that takes what it gets never waits for a head.
            let next = async {
                match numbers.peek() {
                    Some(next) => Ok(Some(self.open(*next).await)),
                    None => Ok(None),
                }
            };
            ((), ahead) = tokio::try_join!(self.send_slice(source, range, part, tx), next)?;
        }
        Ok(())
    }

    async fn send_slice(
        &self,
        mut source: Source,
        range: ByteRange,
        part: ByteRange,
        tx: &mpsc::Sender<Result<Bytes, Failure>>,
    ) -> Result<(), Failure> {
        if let Source::Stored(slice) = &source {
            let (start, end) = (part.start - range.start, part.end - range.start);
            for bytes in slice.body.part(start, end) {
                say(tx, bytes).await?;
            }
            return Ok(());
        }
        let mut cut = Cut::part(part).from(range.start);
        let mut chunk = Bytes::new();
        while cut.next() == cut::Next::More {
            if chunk.is_empty() {
                chunk = source.chunk().await?;
            }
            let bytes = cut.take(&mut chunk);
            if !bytes.is_empty() {
                say(tx, bytes).await?;
            }
        }
        Ok(())
    }

    /// Finds a slice, or begins to fetch it.
    pub(crate) async fn open(&self, number: u64) -> Result<Source, Obstacle> {
        let node = Arc::clone(&self.node);
        let slices = self.slices();
        let range = slices.slice(number).ok_or(Obstacle::Changed)?;
        let key = slices::key(&self.key, slices.size(), number);
        for _ in 0..TRIES {
            let stored = node.store.load(&key, &self.primary).await;
            if let Some(slice) = stored.filter(|slice| self.is_slice(slice, range)) {
                return Ok(Source::Stored(slice));
            }
            let primary = self.primary.clone();
            let joined = node.flights.join(
                &key,
                node.store.stamp(),
                |stamp| node.store.current(stamp, &primary),
                || {
                    let stored = node.store.response(&key, &primary);
                    stored.filter(|slice| self.is_slice(slice, range))
                },
            );
            match joined {
                Joined::Found(slice) => return Ok(Source::Stored(slice)),
                Joined::Lead(leading) => {
                    let gap = self.fetch(range).await?;
                    return Ok(self.begin(gap, leading, number));
                }
                Joined::Follow(flight) => {
                    let mut landed = flight.landed();
                    let landed = landed.wait_for(Option::is_some).await;
                    if let Ok(landed) = landed
                        && let Some(Landed {
                            cargo: Cargo::Arrived(arrived),
                            ..
                        }) = &*landed
                        && Tie::of(&arrived.head.headers(), node.now()).as_ref() == Some(&self.tie)
                        && let Some(reader) = arrived.transfer.reader()
                    {
                        return Ok(Source::Flight(reader));
                    }
                }
            }
        }
        Err(Obstacle::Failed(Failure::Closed))
    }

    /// Whether what is stored as a slice is this one of this very response.
    fn is_slice(&self, slice: &Response, range: ByteRange) -> bool {
        let headers = slice.head.headers();
        parts::part_of(&headers) == Some((range, self.parts.total))
            && slice.body.length() == range.len()
            && Tie::of(&headers, self.node.now()).as_ref() == Some(&self.tie)
    }

    /// A slice that has begun to come goes to all who want it, and into the store.
    fn begin(&self, gap: Gap, leading: Leading, number: u64) -> Source {
        if gap.head.status == StatusCode::OK {
            return Source::Own(Box::new(gap));
        }
        let node = Arc::clone(&self.node);
        let (range, total) = (gap.range, self.parts.total);
        let facts = gap.facts.unwrap_or(self.response.facts);
        let head = slices::slice(&gap.head.headers, facts, range, total, Vec::new()).head;
        let keep = node.keep(gap.facts.is_some(), Some(range.len()));
        let transfer = Transfer::new(keep);
        let arrived = Arrived {
            facts,
            head: head.clone(),
            transfer: Arc::clone(&transfer),
            length: Some(total),
            offset: range.start,
            part: Some(range),
            resume: None,
            varies: None,
            trailer: None,
            slice: true,
        };
        let Some(reader) = transfer.reader() else {
            return Source::Own(Box::new(gap));
        };
        leading.land(Landed {
            landing: Landing::NotShareable,
            cargo: Cargo::Arrived(Arc::new(arrived)),
        });
        let fill = Fill {
            body: gap.body,
            transfer,
            length: Some(range.len()),
            stores: Stores {
                key: slices::key(&self.key, self.slices().size(), number),
                stamp: gap.stamp,
                facts,
                head,
                part: None,
            },
            leading: Some(leading),
            slices: None,
            _task: node.tasks.begin(),
            node,
        };
        drop(tokio::spawn(fill.run()));
        Source::Flight(reader)
    }
}

impl Source {
    async fn chunk(&mut self) -> Result<Bytes, Failure> {
        match self {
            Self::Stored(_) => Err(Failure::Truncated),
            Self::Flight(reader) => match std::future::poll_fn(|cx| reader.poll_next(cx)).await {
                Next::Chunk(chunk) => Ok(chunk),
                Next::End => Err(Failure::Truncated),
                Next::Failed(failure) => Err(failure),
                Next::Behind(_) => Err(Failure::Changed),
            },
            Self::Own(gap) => loop {
                let Some(chunk) = gap.body.chunk().await else {
                    return Err(Failure::Truncated);
                };
                let mut chunk = chunk?;
                cut::pass_over(&mut chunk, &mut gap.over);
                if !chunk.is_empty() {
                    return Ok(chunk);
                }
            },
        }
    }
}
