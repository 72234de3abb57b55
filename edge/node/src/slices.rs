//! Large bodies in slices (configured: [`crate::Config::slice`]). Under the response's own key stands
//! a *sheet*: its head, and how long the whole is; each slice is stored by itself under that key and
//! the slice's number. So a body may be larger than memory, and a seek fetches only the slices that
//! it touches. Slices belong to a sheet by the same strong validator.

use std::sync::Arc;

use bytes::Bytes;
use edge_core::purge::Sequence;
use edge_core::ranges::{ByteRange, Slices, Spec};
use edge_core::{CacheKey, Lookup, RequestHead, ResponseHead, Stored, StoredHead};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::node::Node;
use crate::parts::{self, Parts, Tie};
use crate::store::{Body, Found, Response};

/// The key of one slice of what stands under `place`.
pub(crate) fn key(place: &CacheKey, size: u64, number: u64) -> CacheKey {
    place.with_part(&format!("slice {size} {number}"))
}

/// What a slice keeps of a head: what ties it to its sheet.
fn tying(headers: &HeaderMap) -> HeaderMap {
    let names = [header::ETAG, header::LAST_MODIFIED, header::DATE];
    let line = |name: &header::HeaderName| Some((name.clone(), headers.get(name)?.clone()));
    names.iter().filter_map(line).collect()
}

fn partial(mut headers: HeaderMap, range: HeaderValue, facts: Stored, body: Body) -> Response {
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_RANGE, range);
    let status = StatusCode::PARTIAL_CONTENT;
    let mut facts = facts;
    facts.digest.status = status.as_u16();
    Response {
        facts,
        head: StoredHead::new(&ResponseHead { status, headers }),
        body,
        trailers: None,
    }
}

/// The sheet of a response of which `total` bytes are to be stored in slices.
pub(crate) fn sheet(headers: &HeaderMap, facts: Stored, total: u64) -> Response {
    let range = HeaderValue::from_str(&format!("bytes */{total}"));
    let range = range.unwrap_or_else(|_| HeaderValue::from_static("bytes */0"));
    partial(headers.clone(), range, facts, Body::new(Vec::new()))
}

/// A slice that has come whole.
pub(crate) fn slice(
    headers: &HeaderMap,
    facts: Stored,
    range: ByteRange,
    total: u64,
    bytes: Vec<Bytes>,
) -> Response {
    partial(
        tying(headers),
        range.content_range(total),
        facts,
        Body::new(bytes),
    )
}

/// Whether a response is stored in slices: a large one that was asked for by GET, whole or a part of
/// it, with a strong validator; and its length.
pub(crate) fn sliced(
    node: &Node,
    method: &Method,
    head: &ResponseHead,
    length: Option<u64>,
) -> Option<Slices> {
    let size = node.config.slice?;
    let total = length.filter(|total| *total > size && *method == Method::GET)?;
    let fine = matches!(head.status, StatusCode::OK | StatusCode::PARTIAL_CONTENT);
    Tie::of(&head.headers, node.now()).filter(|_| fine)?;
    Some(Slices::new(size, total))
}

/// A look-up's result where upstream sends nothing but the whole: slices are of no use then unless all
/// that a request wants are here, since each of the others would be the whole again.
pub(crate) fn fit(node: &Node, found: Found, request: &RequestHead, primary: &CacheKey) -> Found {
    let (Lookup::Hit(facts), Some(response)) = (found.lookup, &found.response) else {
        return found;
    };
    let now = node.now();
    let Some(parts) = Parts::of(response).filter(|parts| parts.sheet) else {
        return found;
    };
    if node.ranged.knows(primary, now) != Some(false) {
        return found;
    }
    let policy = &node.config.policy;
    let which = parts::wanted(request, response, facts, parts.total, policy, now);
    let slices = Slices::new(node.slice_size(), parts.total);
    let place = found.variant.as_ref().unwrap_or(primary);
    let here = |number| node.store.contains(&key(place, slices.size(), number));
    let ranges = parts::ranges(&which, parts.total);
    if ranges.iter().all(|range| slices.touched(*range).all(here)) {
        return found;
    }
    found.without_response()
}

/// What upstream is asked for instead of a range: the first slice that it touches. Where a suffix
/// begins is not known before upstream has said the length.
pub(crate) fn ask(node: &Node, asked: (Spec, HeaderValue)) -> (Spec, HeaderValue) {
    let Some(size) = node.config.slice else {
        return asked;
    };
    let (Spec::From(start) | Spec::Closed(start, _)) = asked.0 else {
        return asked;
    };
    let slices = Slices::new(size, u64::MAX);
    match slices.slice(slices.number(start)) {
        Some(range) => (Spec::Closed(range.start, range.end - 1), range.range()),
        None => asked,
    }
}

/// Cuts a body that comes in order into slices, and stores those that come whole.
pub(crate) struct Writer {
    pub(crate) place: CacheKey,
    pub(crate) stamp: Sequence,
    pub(crate) facts: Stored,
    pub(crate) head: StoredHead,
    pub(crate) slices: Slices,
    /// Where in the whole body the next byte belongs.
    pub(crate) at: u64,
    /// The slice that is coming, from its first byte on.
    coming: Vec<u8>,
    /// Requests find the sheet.
    pub(crate) listed: bool,
}

impl Writer {
    pub(crate) fn new(
        place: CacheKey,
        stamp: Sequence,
        facts: Stored,
        head: StoredHead,
        slices: Slices,
        at: u64,
    ) -> Self {
        Self {
            place,
            stamp,
            facts,
            head,
            slices,
            at,
            coming: Vec::new(),
            listed: false,
        }
    }

    /// The end: the sheet is listed once more, since its own slices may have pushed it out.
    pub(crate) fn end(&mut self, node: &Node) {
        self.listed = false;
        self.list(node);
    }

    /// From now on requests find the sheet.
    pub(crate) fn list(&mut self, node: &Node) {
        if !std::mem::replace(&mut self.listed, true) {
            let sheet = sheet(&self.head.headers(), self.facts, self.slices.length());
            node.store
                .insert_response(self.place.clone(), self.stamp, Arc::new(sheet));
        }
    }

    /// Takes in the bytes that come next.
    pub(crate) fn push(&mut self, node: &Node, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let number = self.slices.number(self.at);
            let Some(range) = self.slices.slice(number) else {
                return;
            };
            let here = usize::try_from(range.end - self.at).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(here.min(bytes.len()));
            if self.at == range.start + self.coming.len() as u64 {
                self.coming.extend_from_slice(now);
            }
            self.at += now.len() as u64;
            bytes = later;
            if self.at == range.end {
                let coming = std::mem::take(&mut self.coming);
                if coming.len() as u64 == range.len() {
                    self.store(node, number, range, Bytes::from(coming.into_boxed_slice()));
                }
            }
        }
    }

    fn store(&self, node: &Node, number: u64, range: ByteRange, bytes: Bytes) {
        let (headers, total) = (self.head.headers(), self.slices.length());
        let slice = slice(&headers, self.facts, range, total, vec![bytes]);
        let key = key(&self.place, self.slices.size(), number);
        node.store.insert_response(key, self.stamp, Arc::new(slice));
        node.counters.stored.inc();
    }
}
