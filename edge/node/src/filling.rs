//! An upstream response that is stored: where it goes, what of it, and who is told.

use std::sync::Arc;

use edge_core::purge::Sequence;
use edge_core::{Answer, CacheKey, Detail, From, NotStorable, ResponseHead, Stored, StoredHead};
use http::{HeaderMap, StatusCode, header};
use http_body::Body as _;

use crate::fill::{Fill, Stores};
use crate::flights::{Arrived, Cargo, Landed};
use crate::laggard::Resume;
use crate::parts;
use crate::ride::{Ride, nobody};
use crate::serve::{self, Reply};
use crate::slices::{self, Writer};
use crate::store::Place;
use crate::transfer::Transfer;
use crate::upstream::UpstreamBody;

impl Ride {
    /// A response that is stored once its body is whole: its head goes to all who wait, its body
    /// through a transfer.
    pub(crate) fn fill(
        mut self,
        reply: &edge_core::Reply,
        mut head: ResponseHead,
        body: UpstreamBody,
        answer: Answer,
        stamp: Sequence,
        sent: HeaderMap,
    ) -> (Reply, Option<Fill>) {
        let node = Arc::clone(self.node());
        let length = body.size_hint().exact();
        let part = (head.status == StatusCode::PARTIAL_CONTENT)
            .then(|| parts::part_of(&head.headers))
            .flatten();
        let total = part.map_or(length, |(_, total)| Some(total));
        let slices = slices::sliced(&node, &self.ask.head.method, &head, total);
        // One slice, asked for as such; what else comes is cut into slices on its way.
        let slice = slices.zip(part).and_then(|(slices, (range, _))| {
            let number = slices.number(range.start);
            (slices.slice(number) == Some(range)).then_some(number)
        });
        let cut = slices.filter(|_| slice.is_none());
        let bytes = part.map_or(length, |(range, _)| Some(range.len()));
        let keep = node.keep(cut.is_none(), bytes);
        let fits = keep.whole > 0 || cut.is_some();
        let mut handling = reply.handling;
        if !fits {
            node.counters.too_large.inc();
            handling.stored = false;
            handling.detail = Some(Detail::NotStored(NotStorable::TooLarge));
        }
        let Ok(digest) = answer.storable else {
            return (self.synthetic(502, &handling), None);
        };
        // Whether they are announced differs from client to client; behind a length there are none.
        let trailer = head.headers.remove(header::TRAILER);
        let trailer = trailer.filter(|_| length.is_none() && part.is_none());
        let facts = Stored {
            digest,
            born: answer.born,
        };
        let transfer = Transfer::new(keep);
        let (ask, leading) = (&self.ask, &mut self.leading);
        let flight_key = |key: &CacheKey| match (slices.zip(slice), part, &ask.range) {
            (Some((slices, number)), ..) => slices::key(key, slices.size(), number),
            (None, Some(_), Some((_, field))) => parts::flight_key(key, field),
            _ => key.clone(),
        };
        let rekey = |key: &CacheKey| {
            if let Some(leading) = leading {
                leading.rekey(flight_key(key));
            }
        };
        let Place { key, varies } =
            node.store
                .place(&ask.key, stamp, &ask.head.headers, &head.headers, rekey);
        if let (Some(_), Some(leading)) = (&self.ask.range, &mut self.leading) {
            // Who wants the same range comes here now; if upstream has sent the whole, who wants any of it.
            leading.rekey(flight_key(&key));
        }
        let kept = StoredHead::of(&head, &node.config.policy);
        let sheet = slices
            .filter(|_| part.is_some())
            .map(|slices| Arc::new(slices::sheet(&kept.headers(), facts, slices.length())));
        if let Some(sheet) = &sheet {
            node.store
                .insert_response(key.clone(), stamp, Arc::clone(sheet));
        }
        let writer = cut.map(|slices| {
            let at = part.map_or(0, |(range, _)| range.start);
            let mut writer = Writer::new(key.clone(), stamp, facts, kept.clone(), slices, at);
            writer.listed = part.is_some();
            writer
        });
        let arrived = Arc::new(Arrived {
            facts,
            head: kept,
            resume: Resume::of(&self, &head, sent),
            transfer: Arc::clone(&transfer),
            length: total,
            slice: slice.is_some(),
            offset: part.map_or(0, |(range, _)| range.start),
            part: part.map(|(range, _)| range),
            varies,
            trailer,
        });
        // The client's own place in the transfer comes before anything can move on without it.
        let reader = transfer.reader().filter(|_| reply.from == From::Upstream);
        let leading = self.leading.take();
        if let (Some(leading), Some(landing)) = (&leading, reply.land) {
            leading.land(Landed {
                landing,
                cargo: Cargo::Arrived(Arc::clone(&arrived)),
            });
        }
        let fill = Fill {
            node: Arc::clone(&node),
            body,
            transfer,
            length,
            stores: Stores {
                key: slice.map_or_else(|| key.clone(), |_| flight_key(&key)),
                stamp,
                facts,
                head: arrived.head.clone(),
                part: part
                    .filter(|_| slices.is_none())
                    .map(|(range, total)| (range, total, self.ask.key.clone())),
            },
            slices: writer,
            leading,
            _task: node.tasks.begin(),
        };
        let reply = match (reader, sheet.filter(|_| slice.is_some())) {
            // What is wanted may go on beyond this slice.
            (Some(_), Some(sheet)) => serve::stored(
                &self.worker,
                &self.ask.head,
                &self.ask.key,
                &key,
                &sheet,
                sheet.facts,
                From::Upstream,
                &handling,
                node.now(),
            ),
            (Some(reader), None) => self.shared(head, &arrived, reader, From::Upstream, &handling),
            (None, _) => nobody(&node),
        };
        (reply, Some(fill))
    }
}
