//! Stored parts of bodies (RFC 9111 sections 3.3 and 3.4). A response of which only parts are here
//! is stored as upstream sends one: status 206, a Content-Range for each part, and their bytes in
//! order. Knows nothing of upstream; what is missing is fetched in [`crate::assembly`].

use bytes::Bytes;
use edge_core::fields::{date, etag::ETag};
use edge_core::ranges::{ByteRange, ContentRange, Spec, Specs, missing};
use edge_core::{
    Body as Which, CacheKey, Digest, From, Handling, Lookup, MethodClass, NotStorable, Policy,
    RequestHead, RequestKind, ResponseHead, Source, Stored, StoredHead, Timestamp, client_response,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use smallvec::SmallVec;

use crate::cut;
use crate::store::{Body, Found, Response};

/// What a response is known by: parts belong together only if it is the same strong validator
/// (RFC 9110 section 8.8.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tie(HeaderValue);

impl Tie {
    /// A strong entity tag; else a Last-Modified that is strong, as one is that is older than Date
    /// (RFC 9110 section 8.8.2.2).
    pub(crate) fn of(headers: &HeaderMap, now: Timestamp) -> Option<Self> {
        if let Some(tag) = ETag::of(headers) {
            let value = headers.get(header::ETAG)?;
            return (!tag.weak).then(|| Self(value.clone()));
        }
        let modified = headers.get(header::LAST_MODIFIED)?;
        let when = |value: &HeaderValue| date::parse(value.as_bytes(), now);
        let strong = when(modified)? < when(headers.get(header::DATE)?)?;
        strong.then(|| Self(modified.clone()))
    }

    /// For If-Range.
    pub(crate) fn value(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// Where the stored parts of a response lie.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Bytes of the whole body.
    pub(crate) total: u64,
    /// It is stored in slices: see [`crate::slices`].
    pub(crate) sheet: bool,
    /// In order; each with where its bytes begin in the stored body.
    spans: SmallVec<[(ByteRange, u64); 1]>,
}

/// Whether only parts of a response are stored.
pub(crate) fn partial(digest: &Digest) -> bool {
    digest.status == StatusCode::PARTIAL_CONTENT.as_u16()
}

/// Whether a look-up has found parts only.
pub(crate) fn is_partial(found: &Found) -> bool {
    matches!(found.lookup, Lookup::Hit(facts) if partial(&facts.digest))
}

/// Whether a response is stored in slices.
pub(crate) fn is_sheet(response: &Response) -> bool {
    Parts::of(response).is_some_and(|parts| parts.sheet)
}

impl Parts {
    /// The parts of a stored response; `None` if it is whole, or says nothing of its parts.
    pub(crate) fn of(response: &Response) -> Option<Self> {
        if !partial(&response.facts.digest) {
            return None;
        }
        let mut parts = Self {
            total: 0,
            sheet: false,
            spans: SmallVec::new(),
        };
        let mut offset = 0;
        for (_, value) in response
            .head
            .iter()
            .filter(|(name, _)| name == header::CONTENT_RANGE)
        {
            match ContentRange::parse(value.as_bytes())? {
                ContentRange::Part(range, Some(total)) => {
                    parts.total = total;
                    parts.spans.push((range, offset));
                    offset += range.len();
                }
                ContentRange::Unsatisfied(total) => {
                    parts.total = total;
                    parts.sheet = true;
                }
                ContentRange::Part(_, None) => return None,
            }
        }
        (offset == response.body.length() && parts.sheet == (offset == 0)).then_some(parts)
    }

    /// What of `wanted` is not here.
    pub(crate) fn missing(&self, wanted: ByteRange) -> SmallVec<[ByteRange; 2]> {
        missing(self.spans.iter().map(|(range, _)| *range), wanted)
    }

    /// The bytes of `wanted` that are here, as far as they are without a gap from its start on.
    pub(crate) fn held(&self, body: &Body, wanted: ByteRange) -> SmallVec<[Bytes; 1]> {
        let mut bytes = SmallVec::new();
        let mut at = wanted.start;
        for (range, offset) in &self.spans {
            if !(range.start..range.end).contains(&at) {
                continue;
            }
            let end = range.end.min(wanted.end);
            let from = offset + (at - range.start);
            bytes.extend(body.part(from, from + (end - at)));
            at = end;
        }
        bytes
    }
}

/// The head of the whole response that a 206 is a part of.
pub(crate) fn whole_head(mut head: ResponseHead) -> ResponseHead {
    head.status = StatusCode::OK;
    head.headers.remove(header::CONTENT_RANGE);
    head.headers.remove(header::CONTENT_LENGTH);
    head
}

/// The digest of a response that may be a part: the rules are those of the whole.
pub(crate) fn digest(
    request: &RequestHead,
    head: &ResponseHead,
    policy: &Policy,
    received: Timestamp,
) -> Result<Digest, NotStorable> {
    if head.status != StatusCode::PARTIAL_CONTENT {
        return edge_core::digest(request, head, policy, received);
    }
    let digest = edge_core::digest(request, &whole_head(head.clone()), policy, received)?;
    Ok(Digest {
        status: head.status.as_u16(),
        ..digest
    })
}

/// The part that a 206 brings and the length of the whole, if its length, where that is known, is
/// what it says.
pub(crate) fn brought(head: &ResponseHead, length: Option<u64>) -> Option<(ByteRange, u64)> {
    if head.status != StatusCode::PARTIAL_CONTENT {
        return None;
    }
    let part = part_of(&head.headers)?;
    length
        .is_none_or(|length| length == part.0.len())
        .then_some(part)
}

/// What the only Content-Range says: which part, of how many bytes.
pub(crate) fn part_of(headers: &HeaderMap) -> Option<(ByteRange, u64)> {
    let mut lines = headers.get_all(header::CONTENT_RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return None;
    };
    match ContentRange::parse(line.as_bytes())? {
        ContentRange::Part(range, Some(total)) => Some((range, total)),
        _ => None,
    }
}

/// A part that has come whole.
pub(crate) struct Piece {
    pub(crate) head: ResponseHead,
    pub(crate) facts: Stored,
    pub(crate) range: ByteRange,
    pub(crate) total: u64,
    pub(crate) bytes: Vec<Bytes>,
}

/// A part together with what is stored of the same response already: whole if nothing is missing
/// any more (RFC 9111 section 3.4). The fields are those of the newer one. `None`: what is stored
/// is as good or better, or the bytes are not those that the part says. Held to `largest` bytes, for which older parts go first.
pub(crate) fn combine(
    before: Option<&Response>,
    piece: Piece,
    largest: u64,
    policy: &Policy,
    now: Timestamp,
) -> Option<Response> {
    let Piece {
        mut head,
        mut facts,
        range,
        total,
        bytes,
    } = piece;
    if bytes.iter().map(|bytes| bytes.len() as u64).sum::<u64>() != range.len() {
        return None;
    }
    let tie = Tie::of(&head.headers, now);
    let same = before.filter(|before| tie.is_some() && tie == Tie::of(&before.head.headers(), now));
    if same.is_some_and(|before| !partial(&before.facts.digest)) {
        return None;
    }
    let mut all = vec![(range, bytes)];
    let mut size = range.len();
    let known = same.and_then(|before| Some((before, Parts::of(before)?)));
    if let Some((before, parts)) = known.filter(|(_, parts)| parts.total == total) {
        for (old, offset) in &parts.spans {
            for left in old.without(&range).into_iter().flatten() {
                if size + left.len() <= largest {
                    let from = offset + (left.start - old.start);
                    let bytes = before.body.part(from, from + left.len());
                    all.push((left, bytes.into_vec()));
                    size += left.len();
                }
            }
        }
    }
    all.sort_by_key(|(range, _)| range.start);
    head.headers.remove(header::CONTENT_RANGE);
    head.headers.remove(header::CONTENT_LENGTH);
    if size == total {
        head.status = StatusCode::OK;
        facts.digest.status = StatusCode::OK.as_u16();
        head.headers.insert(header::CONTENT_LENGTH, total.into());
    } else {
        for (range, _) in &all {
            let line = range.content_range(total);
            head.headers.append(header::CONTENT_RANGE, line);
        }
    }
    let bytes = all.into_iter().flat_map(|(_, bytes)| bytes).collect();
    Some(Response {
        facts,
        head: StoredHead::of(&head, policy),
        body: Body::new(bytes),
        trailers: None,
    })
}

/// What a request wants of a stored response of which parts are here.
pub(crate) fn wanted(
    request: &RequestHead,
    response: &Response,
    facts: Stored,
    total: u64,
    policy: &Policy,
    now: Timestamp,
) -> Which {
    let source = Source {
        from: From::Stored,
        stored: Some(facts),
        length: Some(total),
        passed: false,
        boundary: cut::boundary,
    };
    let head = whole_head(response.head.to_head());
    let handling = Handling::default();
    client_response(request, head, source, &handling, None, policy, now).body
}

/// The ranges of a body of `total` bytes that are wanted.
pub(crate) fn ranges(which: &Which, total: u64) -> SmallVec<[ByteRange; 2]> {
    match which {
        Which::None => SmallVec::new(),
        Which::Whole => ByteRange::new(0, total).into_iter().collect(),
        Which::Part(range) => SmallVec::from_slice(&[*range]),
        Which::Parts(multipart) => multipart.parts().map(|(_, range)| range).collect(),
    }
}

/// Whether what is stored of a response is all that a request wants of it.
pub(crate) fn holds(
    request: &RequestHead,
    response: &Response,
    facts: Stored,
    policy: &Policy,
    now: Timestamp,
) -> bool {
    !partial(&facts.digest)
        || Parts::of(response).is_some_and(|parts| {
            if parts.sheet {
                // Whatever slices are missing are fetched when it is their turn.
                return true;
            }
            let which = wanted(request, response, facts, parts.total, policy, now);
            let ranges = ranges(&which, parts.total);
            ranges.iter().all(|range| parts.missing(*range).is_empty())
        })
}

/// A look-up's result for this request: parts that are not all that it wants are of no use to it.
pub(crate) fn fit(found: Found, request: &RequestHead, policy: &Policy, now: Timestamp) -> Found {
    let (Lookup::Hit(facts), Some(response)) = (found.lookup, &found.response) else {
        return found;
    };
    if holds(request, response, facts, policy, now) {
        return found;
    }
    found.without_response()
}

/// The one range that a request is about, and its field, if upstream can be asked for it as it
/// stands: an If-Range speaks of something that the client has, and not of what is here.
pub(crate) fn asked(request: &RequestHead, kind: &RequestKind) -> Option<(Spec, HeaderValue)> {
    let headers = &request.headers;
    if !kind.range() || kind.method != MethodClass::Get || headers.contains_key(header::IF_RANGE) {
        return None;
    }
    let mut lines = headers.get_all(header::RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return None;
    };
    let spec = Specs::parse(line.as_bytes())?.single()?;
    Some((spec, line.clone()))
}

/// What is missing behind the beginning of a response that has no validator to tie anything to it,
/// for a request that wants the whole. An upstream that sends the whole instead costs nothing more
/// than without the question; a part cannot be put to what is here (RFC 9111 section 3.4).
pub(crate) fn rest(
    request: &RequestHead,
    kind: &RequestKind,
    looked: &Found,
    now: Timestamp,
) -> Option<(Spec, HeaderValue)> {
    let response = looked.response.as_deref()?;
    if kind.method != MethodClass::Get || request.headers.contains_key(header::RANGE) {
        return None;
    }
    let parts = Parts::of(response).filter(|parts| !parts.sheet)?;
    let whole = ByteRange::new(0, parts.total)?;
    let missing = parts.missing(whole);
    let [gap] = missing[..] else { return None };
    let open = gap.start > 0 && gap.end == parts.total;
    let tied = Tie::of(&response.head.headers(), now).is_some();
    let field = HeaderValue::from_str(&format!("bytes={}-", gap.start)).ok()?;
    (open && !tied).then_some((Spec::From(gap.start), field))
}

/// Where those meet who ask for the same range of something that is not here.
pub(crate) fn flight_key(key: &CacheKey, range: &HeaderValue) -> CacheKey {
    key.with_part(&String::from_utf8_lossy(range.as_bytes()))
}

/// Where those meet who ask for any range of something that is not here, before upstream has shown
/// whether it knows ranges.
pub(crate) fn first_flight_key(key: &CacheKey) -> CacheKey {
    key.with_part("first range")
}
