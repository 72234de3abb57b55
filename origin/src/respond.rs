//! The answer to a request, worked out without doing anything.
//!
//! Methods, status, validators, conditional requests (RFC 9110 section 13), byte ranges (section
//! 14) and faults; the driver only waits and sends. Knows nothing about sockets or queues.

use std::ops::Range;

use bytes::Bytes;
use http::header;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::body::BodyBytes;
use crate::catalogue::{Catalogue, ObjectId};
use crate::conditions::{self, Current, Verdict};
use crate::faults::Faults;
use crate::fields::{bodiless, date, fields};
use crate::ranges::{self, Ranges};
use crate::versions::Versions;

/// What the origin looks at in a request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query.
    pub target: &'a str,
    /// The fields.
    pub headers: &'a HeaderMap,
}

/// What is to be done with a request.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Answer it.
    Answer(Box<Answer>),
    /// Close the connection without an answer, after so many nanoseconds of service.
    Refuse {
        /// Nanoseconds.
        service_ns: u64,
    },
}

/// A response, and what it took.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// All fields, `Date` and, where the length is announced, `Content-Length` included.
    pub headers: HeaderMap,
    /// The body's parts in order; empty for HEAD, 304 and the like.
    pub parts: Vec<Part>,
    /// Think time and fault delay: how long the request holds one of the origin's slots.
    pub service_ns: u64,
    /// The object, if the target names one.
    pub object: Option<ObjectId>,
    /// The variant that the request selected.
    pub variant: u16,
    /// The version current at the time of the request, if there is an object and no fault.
    pub version: Option<u32>,
    /// Whether the request carried a precondition (If-Match and its kin; If-Range is none here).
    pub conditional: bool,
}

/// A stretch of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// These very bytes.
    Bytes(Bytes),
    /// Bytes of an object's version.
    Object {
        /// Whose.
        body: BodyBytes,
        /// Which.
        range: Range<u64>,
    },
}

impl Part {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::Object { range, .. } => range.end.saturating_sub(range.start),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Answer {
    /// Length of the body that follows the head, in bytes.
    pub fn body_bytes(&self) -> u64 {
        self.parts.iter().map(Part::len).sum()
    }
}

/// How long a request holds one of the origin's slots, in nanoseconds: fault delay, and think time
/// where an object is served. `nth` is the number of requests that the origin got before this one.
pub fn service_ns(catalogue: &Catalogue, faults: &Faults, request: Request<'_>, nth: u64) -> u64 {
    let delay_ns = faults.delay_ms.saturating_mul(1_000_000);
    let served = !faults.refuse && faults.status.is_none() && reads(request.method);
    let object = catalogue.resolve(request.target).filter(|_| served);
    delay_ns.saturating_add(object.map_or(0, |id| catalogue.think(id, nth)))
}

/// Answers a request; `now_ms` (Unix time) is the end of its service, so version and `Date` are those
/// of the moment at which the response goes out.
pub fn respond(
    catalogue: &Catalogue,
    versions: &Versions,
    faults: &Faults,
    request: Request<'_>,
    now_ms: i64,
    nth: u64,
) -> Outcome {
    let service_ns = service_ns(catalogue, faults, request, nth);
    if faults.refuse {
        return Outcome::Refuse { service_ns };
    }
    let object = catalogue.resolve(request.target);
    let mut answer = if let Some(status) = faults.status {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        plain(status, "the origin was told to fail\n", now_ms)
    } else if !reads(request.method) {
        let text = "only GET and HEAD are served here\n";
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, text, now_ms);
        let allowed = HeaderValue::from_static("GET, HEAD");
        answer.headers.insert(header::ALLOW, allowed);
        answer
    } else if let Some(id) = object {
        serve(catalogue, versions, id, request, now_ms)
    } else {
        plain(StatusCode::NOT_FOUND, "no object has this path\n", now_ms)
    };
    answer.service_ns = service_ns;
    answer.object = object;
    answer.conditional = conditions::any(request.headers);
    if request.method == Method::HEAD {
        answer.parts.clear();
    }
    Outcome::Answer(Box::new(answer))
}

fn reads(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn serve(
    catalogue: &Catalogue,
    versions: &Versions,
    id: ObjectId,
    request: Request<'_>,
    now_ms: i64,
) -> Answer {
    let version = versions.version_at(id, versions.offset(now_ms));
    let variant = catalogue.variant(id, request.headers);
    let whole = fields(catalogue, versions, id, variant, version, now_ms);
    let current = Current {
        tag: whole.tag.as_deref(),
        modified: whole.modified,
        // A second in which the object changed twice makes Last-Modified a weak validator.
        modified_strong: version == 1
            || whole.modified != Some(versions.last_modified(id, version - 1)),
    };
    let mut answer = Answer {
        status: whole.status,
        headers: whole.headers,
        parts: vec![Part::Object {
            body: whole.body,
            range: 0..whole.size,
        }],
        service_ns: 0,
        object: Some(id),
        variant,
        version: Some(version),
        conditional: false,
    };
    // RFC 9110 section 13.2.1: preconditions apply to what would be a success without them.
    if answer.status.is_success() {
        match conditions::evaluate(request.method, request.headers, current) {
            Verdict::Proceed => {}
            Verdict::NotModified => return not_modified(answer),
            Verdict::Failed => return failed(answer, now_ms),
        }
    }
    if answer.status == StatusCode::OK
        && request.method == Method::GET
        && conditions::if_range(request.headers, current)
    {
        match ranges::select(request.headers, whole.size) {
            Ranges::Whole => {}
            Ranges::Unsatisfiable => return unsatisfiable(answer, whole.size, now_ms),
            Ranges::Some(list) => partial(&mut answer, whole.body, whole.size, &list),
        }
    }
    answer
}

/// RFC 9110 section 15.4.5: what guides a cache stays, metadata of the content goes.
fn not_modified(mut answer: Answer) -> Answer {
    answer.status = StatusCode::NOT_MODIFIED;
    answer.parts.clear();
    for name in [
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
        header::ACCEPT_RANGES,
    ] {
        answer.headers.remove(name);
    }
    if answer.headers.contains_key(header::ETAG) {
        answer.headers.remove(header::LAST_MODIFIED);
    }
    answer
}

fn failed(answer: Answer, now_ms: i64) -> Answer {
    let text = "a precondition of the request does not hold\n";
    Answer {
        variant: answer.variant,
        version: answer.version,
        ..plain(StatusCode::PRECONDITION_FAILED, text, now_ms)
    }
}

fn unsatisfiable(answer: Answer, size: u64, now_ms: i64) -> Answer {
    let text = "no byte of the requested range exists\n";
    let mut refusal = plain(StatusCode::RANGE_NOT_SATISFIABLE, text, now_ms);
    refusal.variant = answer.variant;
    refusal.version = answer.version;
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{size}")) {
        refusal.headers.insert(header::CONTENT_RANGE, value);
    }
    refusal
}

/// RFC 9110 section 15.3.7: one range as it is, several as multipart/byteranges.
fn partial(answer: &mut Answer, body: BodyBytes, size: u64, list: &[Range<u64>]) {
    answer.status = StatusCode::PARTIAL_CONTENT;
    if let [range] = list {
        if let Ok(value) = HeaderValue::from_str(&content_range(range, size)) {
            answer.headers.insert(header::CONTENT_RANGE, value);
        }
        answer.parts = vec![Part::Object {
            body,
            range: range.clone(),
        }];
    } else {
        // No body byte is a letter after `o`, so this cannot occur inside a part.
        let boundary = format!("zyx-{:016x}", body.fingerprint());
        let kind = answer
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("application/octet-stream")
            .to_owned();
        answer.parts.clear();
        for range in list {
            let head = format!(
                "\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {}\r\n\r\n",
                content_range(range, size)
            );
            answer.parts.push(Part::Bytes(head.into()));
            answer.parts.push(Part::Object {
                body,
                range: range.clone(),
            });
        }
        answer
            .parts
            .push(Part::Bytes(format!("\r\n--{boundary}--\r\n").into()));
        let kind = format!("multipart/byteranges; boundary={boundary}");
        if let Ok(value) = HeaderValue::from_str(&kind) {
            answer.headers.insert(header::CONTENT_TYPE, value);
        }
    }
    let length = HeaderValue::from(answer.body_bytes());
    answer.headers.insert(header::CONTENT_LENGTH, length);
}

fn content_range(range: &Range<u64>, size: u64) -> String {
    format!(
        "bytes {}-{}/{size}",
        range.start,
        range.end.saturating_sub(1)
    )
}

/// A short answer in words.
pub(crate) fn plain(status: StatusCode, text: &'static str, now_ms: i64) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(header::DATE, date(now_ms.div_euclid(1000)));
    let mut parts = Vec::new();
    if !bodiless(status) {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
        parts.push(Part::Bytes(Bytes::from_static(text.as_bytes())));
    }
    Answer {
        status,
        headers,
        parts,
        service_ns: 0,
        object: None,
        variant: 0,
        version: None,
        conditional: false,
    }
}

#[cfg(test)]
#[path = "respond_tests/mod.rs"]
mod tests;
