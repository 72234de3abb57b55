//! The response that goes to the client: Age, Via and Cache-Status, 304 to its own preconditions,
//! byte ranges. Knows which bytes of the body go out, and nothing about the bytes.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::{
    From, Handling, Policy, RequestHead, ResponseHead, Stored, Timestamp, age_value, cache_status,
    fields::{
        connection::remove_hop_by_hop,
        date,
        etag::{ETag, list_matches},
    },
    hops::append_via,
    ranges::{Asked, ByteRange, Multipart, Specs},
};

/// Which bytes of the body go to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// None.
    None,
    /// All of it.
    Whole,
    /// This part of it.
    Part(ByteRange),
    /// These parts of it, with what stands between them.
    Parts(Multipart),
}

/// The head that goes to the client, and which bytes of the body.
#[derive(Clone, Debug)]
pub struct ClientResponse {
    /// The status.
    pub status: StatusCode,
    /// The fields. Content-Length is set where it is known.
    pub headers: HeaderMap,
    /// Which bytes.
    pub body: Body,
}

/// Where a client's response comes from.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// As the reply says.
    pub from: From,
    /// What its age is worked out from: of a stored response, or of an upstream answer (its digest
    /// does not matter for that).
    pub stored: Option<Stored>,
    /// The length of the whole body in bytes, where it is known: ranges are answered from it.
    pub length: Option<u64>,
    /// The client's preconditions and Range went upstream as they are, so that this answer is final.
    pub passed: bool,
    /// Makes what tells the parts of a multipart body apart: a number that nobody can foresee.
    pub boundary: fn() -> u64,
}

/// The response for a client, made from a stored head or an upstream one.
///
/// `key` goes into `Cache-Status` if the policy shows keys.
pub fn client_response(
    request: &RequestHead,
    head: ResponseHead,
    source: Source,
    handling: &Handling,
    key: Option<&str>,
    policy: &Policy,
    now: Timestamp,
) -> ClientResponse {
    let ResponseHead {
        status,
        mut headers,
    } = head;
    remove_hop_by_hop(&mut headers);
    if !policy.pass_targeted {
        for name in &policy.targeted {
            headers.remove(name.as_str());
        }
    }
    set_age(&mut headers, &source, now);
    if !headers.contains_key(header::DATE) {
        headers.insert(header::DATE, date::value(now));
    }
    append_via(&mut headers, &policy.name);
    let key = key.filter(|_| policy.status_key);
    headers.append(
        cache_status::NAME,
        cache_status::member(&policy.name, handling, key),
    );

    let mut response = ClientResponse {
        status,
        headers,
        body: Body::Whole,
    };
    let safe = request.method == Method::GET || request.method == Method::HEAD;
    if !source.passed && safe && status == StatusCode::OK {
        if not_modified(&request.headers, &response.headers, now) {
            return response.into_not_modified();
        }
        if let (&Method::GET, Some(length)) = (&request.method, source.length) {
            response.take_range(&request.headers, length, source.boundary, now);
        }
    }
    response.finish(request, source.length)
}

/// A response of the node's own, without a body.
pub fn synthetic(
    status: StatusCode,
    handling: &Handling,
    policy: &Policy,
    now: Timestamp,
) -> ResponseHead {
    let mut headers = HeaderMap::new();
    headers.insert(header::DATE, date::value(now));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        cache_status::NAME,
        cache_status::member(&policy.name, handling, None),
    );
    ResponseHead { status, headers }
}

/// Age says that a response is not first-hand (RFC 9111 section 5.1), so an upstream answer only
/// has one if it came with one.
fn set_age(headers: &mut HeaderMap, source: &Source, now: Timestamp) {
    let first_hand = matches!(source.from, From::Upstream) && !headers.contains_key(header::AGE);
    match &source.stored {
        Some(stored) if !first_hand => {
            headers.insert(header::AGE, age_value(stored, now));
        }
        _ => {}
    }
}

/// Whether the client's own precondition says that it has this response already (RFC 9110 section
/// 13.2.2, RFC 9111 section 4.3.2).
fn not_modified(request: &HeaderMap, response: &HeaderMap, now: Timestamp) -> bool {
    if request.contains_key(header::IF_NONE_MATCH) {
        let tag = ETag::of(response);
        return list_matches(request, &header::IF_NONE_MATCH, tag.as_ref());
    }
    let mut lines = request.get_all(header::IF_MODIFIED_SINCE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return false;
    };
    let Some(since) = date::parse(line.as_bytes(), now) else {
        return false;
    };
    let modified = date_in(response, header::LAST_MODIFIED, now)
        .or_else(|| date_in(response, header::DATE, now));
    modified.is_some_and(|modified| modified <= since)
}

fn date_in(headers: &HeaderMap, name: HeaderName, now: Timestamp) -> Option<i64> {
    date::parse(headers.get(name)?.as_bytes(), now)
}

/// Whether the range is wanted of this very representation (RFC 9110 section 13.1.5): the same
/// strong entity tag, or a Last-Modified that is strong (at least a second before Date).
fn if_range_holds(request: &HeaderMap, response: &HeaderMap, now: Timestamp) -> bool {
    let mut lines = request.get_all(header::IF_RANGE).iter();
    let Some(condition) = lines.next() else {
        return true;
    };
    if lines.next().is_some() {
        return false;
    }
    let condition = condition.as_bytes();
    if condition.starts_with(b"\"") || condition.starts_with(b"W/") {
        let tags = (ETag::parse(condition), ETag::of(response));
        return matches!(tags, (Some(wanted), Some(tag)) if wanted.strongly_equals(&tag));
    }
    let Some(wanted) = date::parse(condition, now) else {
        return false;
    };
    let modified = date_in(response, header::LAST_MODIFIED, now);
    let sent = date_in(response, header::DATE, now);
    modified == Some(wanted) && sent.is_some_and(|sent| sent > wanted)
}

impl ClientResponse {
    /// What describes the body is left out (RFC 9110 section 15.4.5).
    fn into_not_modified(mut self) -> Self {
        for name in [
            header::CONTENT_LENGTH,
            header::CONTENT_TYPE,
            header::CONTENT_ENCODING,
            header::CONTENT_LANGUAGE,
            header::CONTENT_RANGE,
        ] {
            self.headers.remove(name);
        }
        self.status = StatusCode::NOT_MODIFIED;
        self.body = Body::None;
        self
    }

    fn take_range(
        &mut self,
        request: &HeaderMap,
        length: u64,
        boundary: fn() -> u64,
        now: Timestamp,
    ) {
        let mut lines = request.get_all(header::RANGE).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return;
        };
        let Some(specs) = Specs::parse(line.as_bytes()) else {
            return;
        };
        if !if_range_holds(request, &self.headers, now) {
            return;
        }
        let headers = &mut self.headers;
        match specs.of(length) {
            Asked::Whole => {}
            Asked::Part(range) => {
                self.status = StatusCode::PARTIAL_CONTENT;
                headers.insert(header::CONTENT_RANGE, range.content_range(length));
                self.body = Body::Part(range);
            }
            Asked::Parts(parts) => {
                self.status = StatusCode::PARTIAL_CONTENT;
                let media_type = headers.get(header::CONTENT_TYPE);
                let multipart = Multipart::new(parts, length, media_type, boundary());
                headers.insert(header::CONTENT_TYPE, multipart.content_type());
                self.body = Body::Parts(multipart);
            }
            Asked::Unsatisfiable => {
                self.status = StatusCode::RANGE_NOT_SATISFIABLE;
                if let Ok(value) = HeaderValue::try_from(format!("bytes */{length}")) {
                    headers.insert(header::CONTENT_RANGE, value);
                }
                // An answer to this one request: what was said of the stored one is not said of it.
                for name in [
                    header::CONTENT_TYPE,
                    header::CONTENT_ENCODING,
                    header::EXPIRES,
                ] {
                    headers.remove(name);
                }
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                self.body = Body::None;
            }
        }
    }

    /// Settles Content-Length, and the body where the method or the status has none.
    fn finish(mut self, request: &RequestHead, length: Option<u64>) -> Self {
        let code = self.status.as_u16();
        if matches!(code, 100..=199 | 204 | 304) {
            if code != 304 {
                self.headers.remove(header::CONTENT_LENGTH);
            }
            self.body = Body::None;
            return self;
        }
        let bytes = match &self.body {
            Body::None => Some(0),
            Body::Whole => length,
            Body::Part(range) => Some(range.len()),
            Body::Parts(multipart) => Some(multipart.length()),
        };
        if let Some(bytes) = bytes {
            self.headers
                .insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
        }
        if request.method == Method::HEAD {
            self.body = Body::None;
        }
        self
    }
}

#[cfg(test)]
mod tests;
