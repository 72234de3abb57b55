//! The head of a whole response: what a class sends, and the validators of a version.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::body::BodyBytes;
use crate::catalogue::{Catalogue, ObjectId};
use crate::validator::etag;
use crate::versions::Versions;

/// Fields that the origin sets itself; classes cannot.
pub(crate) const OWN_FIELDS: [HeaderName; 9] = [
    header::ETAG,
    header::LAST_MODIFIED,
    header::DATE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::ACCEPT_RANGES,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::TE,
];

/// The head of a whole response, before conditions and ranges.
pub(crate) struct Fields {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: BodyBytes,
    pub(crate) size: u64,
    pub(crate) tag: Option<String>,
    pub(crate) modified: Option<i64>,
}

pub(crate) fn fields(
    catalogue: &Catalogue,
    versions: &Versions,
    id: ObjectId,
    variant: u16,
    version: u32,
    now_ms: i64,
) -> Fields {
    let body = BodyBytes::new(catalogue.seed, &catalogue.path(id), variant, version);
    let mut fields = Fields {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body,
        size: catalogue.size(id),
        tag: None,
        modified: None,
    };
    let Some(class) = catalogue.class(id) else {
        fields.status = StatusCode::NOT_FOUND;
        return fields;
    };
    fields.status = StatusCode::from_u16(class.status).unwrap_or(StatusCode::OK);
    let headers = &mut fields.headers;
    headers.insert(header::DATE, date(now_ms.div_euclid(1000)));
    for (name, value) in &class.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            headers.append(name, value);
        }
    }
    if let Some(value) = class
        .vary
        .as_ref()
        .and_then(|vary| HeaderValue::from_str(&vary.header).ok())
    {
        headers.append(header::VARY, value);
    }
    headers
        .entry(header::CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("application/octet-stream"));
    if class.etag {
        let tag = etag(&body);
        if let Ok(value) = HeaderValue::from_str(&tag) {
            headers.insert(header::ETAG, value);
        }
        fields.tag = Some(tag);
    }
    if class.last_modified {
        let modified = versions.last_modified(id, version);
        headers.insert(header::LAST_MODIFIED, date(modified));
        fields.modified = Some(modified);
    }
    // RFC 9110 section 8.6: no Content-Length with 204 and 304.
    if bodiless(fields.status) {
        fields.size = 0;
        headers.remove(header::CONTENT_TYPE);
    } else if !class.chunked {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(fields.size));
    }
    if fields.status == StatusCode::OK {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    fields
}

pub(crate) fn bodiless(status: StatusCode) -> bool {
    status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

/// An HTTP date of whole Unix seconds; years outside 1970 to 9999 become the nearest inside.
pub(crate) fn date(seconds: i64) -> HeaderValue {
    const LAST: u64 = 253_402_300_799;
    let seconds = u64::try_from(seconds).unwrap_or(0).min(LAST);
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    HeaderValue::from_str(&httpdate::fmt_http_date(time))
        .unwrap_or_else(|_| HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))
}
