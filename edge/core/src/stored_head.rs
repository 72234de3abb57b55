//! The head of a stored response, packed into one block of bytes: a header map costs kilobytes per
//! stored object. Knows nothing about caching beyond which fields are not stored.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::{
    Policy, ResponseHead,
    fields::{
        connection::remove_hop_by_hop,
        directives::{directives, qualified},
    },
};

/// Names that take one byte. Blocks may be on disk: names are only ever added at the end.
const NAMES: [HeaderName; 41] = [
    header::ACCEPT_RANGES,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
    header::ALLOW,
    header::ALT_SVC,
    header::CACHE_CONTROL,
    HeaderName::from_static("cache-status"),
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_LOCATION,
    header::CONTENT_RANGE,
    header::CONTENT_SECURITY_POLICY,
    header::CONTENT_TYPE,
    header::DATE,
    header::ETAG,
    header::EXPIRES,
    header::LAST_MODIFIED,
    header::LINK,
    header::LOCATION,
    header::PRAGMA,
    header::REFERRER_POLICY,
    header::SERVER,
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    header::VARY,
    header::VIA,
    header::WARNING,
    header::X_CONTENT_TYPE_OPTIONS,
    header::X_FRAME_OPTIONS,
    header::X_XSS_PROTECTION,
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("cache-groups"),
    HeaderName::from_static("timing-allow-origin"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("surrogate-control"),
];

/// Says that the name is spelled out.
const SPELLED: u8 = u8::MAX;

/// The head of a stored response. One block: the status, then the field lines in their order.
/// Cloning shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHead {
    block: Bytes,
}

impl StoredHead {
    /// Packs a head. Left out are fields that belong to the connection (RFC 9111 section 3.1) and
    /// Age, which is worked out anew for each use.
    pub fn new(head: &ResponseHead) -> Self {
        let mut kept;
        let mut headers = &head.headers;
        if headers.contains_key(header::CONNECTION) || headers.contains_key("transfer-encoding") {
            kept = headers.clone();
            remove_hop_by_hop(&mut kept);
            headers = &kept;
        }
        let mut block = Vec::with_capacity(64 + headers.len() * 24);
        block.extend_from_slice(&head.status.as_u16().to_be_bytes());
        for (name, value) in headers {
            if *name == header::AGE || crate::fields::connection::is_hop_by_hop(name) {
                continue;
            }
            push_name(&mut block, name);
            push_length(&mut block, value.len());
            block.extend_from_slice(value.as_bytes());
        }
        Self {
            block: Bytes::from(block.into_boxed_slice()),
        }
    }

    /// Packs a head for a cache of this policy: without the fields, too, that a qualified `private`
    /// or `no-cache` keeps out of the store (RFC 9111 section 3.1).
    pub fn of(head: &ResponseHead, policy: &Policy) -> Self {
        if !directives(&head.headers, &policy.targeted).is_qualified() {
            return Self::new(head);
        }
        let mut kept = head.clone();
        for name in qualified(&head.headers, &policy.targeted) {
            kept.headers.remove(name);
        }
        Self::new(&kept)
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        let code = match *self.block {
            [high, low, ..] => u16::from_be_bytes([high, low]),
            _ => 500,
        };
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The field lines, in the order they came. Values share the block.
    pub fn iter(&self) -> Fields<'_> {
        Fields {
            block: &self.block,
            at: 2,
        }
    }

    /// All field lines as a map.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(16);
        for (name, value) in self.iter() {
            headers.append(name, value);
        }
        headers
    }

    /// The first line of a field.
    pub fn first(&self, name: &HeaderName) -> Option<HeaderValue> {
        self.iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value)
    }

    /// Status and fields, unpacked.
    pub fn to_head(&self) -> ResponseHead {
        ResponseHead {
            status: self.status(),
            headers: self.headers(),
        }
    }

    /// How many bytes of memory it holds, this handle included.
    pub fn size(&self) -> usize {
        self.block.len() + size_of::<Self>()
    }

    /// The packed bytes, for a store on disk.
    pub fn as_bytes(&self) -> &Bytes {
        &self.block
    }

    /// Reads packed bytes back; `None` if they are damaged.
    pub fn from_bytes(block: Bytes) -> Option<Self> {
        let [high, low, ..] = *block else { return None };
        StatusCode::from_u16(u16::from_be_bytes([high, low])).ok()?;
        let mut fields = Fields {
            block: &block,
            at: 2,
        };
        while fields.next().is_some() {}
        (fields.at == block.len()).then_some(())?;
        Some(Self { block })
    }
}

impl<'a> IntoIterator for &'a StoredHead {
    type Item = (HeaderName, HeaderValue);
    type IntoIter = Fields<'a>;

    fn into_iter(self) -> Fields<'a> {
        self.iter()
    }
}

/// Iterator over the field lines of a [`StoredHead`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    block: &'a Bytes,
    at: usize,
}

impl Fields<'_> {
    fn parse(&self) -> Option<(HeaderName, HeaderValue, usize)> {
        let mut at = self.at;
        let tag = *self.block.get(at)?;
        at += 1;
        let name = if tag == SPELLED {
            let length = take_length(self.block, &mut at)?;
            let name = HeaderName::from_bytes(self.block.get(at..at.checked_add(length)?)?).ok()?;
            at += length;
            name
        } else {
            NAMES.get(usize::from(tag))?.clone()
        };
        let length = take_length(self.block, &mut at)?;
        let end = at
            .checked_add(length)
            .filter(|end| *end <= self.block.len())?;
        let value = HeaderValue::from_maybe_shared(self.block.slice(at..end)).ok()?;
        Some((name, value, end))
    }
}

impl Iterator for Fields<'_> {
    type Item = (HeaderName, HeaderValue);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value, end) = self.parse()?;
        self.at = end;
        Some((name, value))
    }
}

fn push_name(block: &mut Vec<u8>, name: &HeaderName) {
    let tag = NAMES.iter().position(|known| known == name);
    match tag.and_then(|tag| u8::try_from(tag).ok()) {
        Some(tag) => block.push(tag),
        None => {
            block.push(SPELLED);
            push_length(block, name.as_str().len());
            block.extend_from_slice(name.as_str().as_bytes());
        }
    }
}

/// Seven bits per byte, the lowest first; the top bit says that more follow.
fn push_length(block: &mut Vec<u8>, mut length: usize) {
    while length > 0x7f {
        block.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    block.push(length as u8);
}

fn take_length(block: &[u8], at: &mut usize) -> Option<usize> {
    let mut length = 0_usize;
    for shift in [0, 7, 14, 21, 28] {
        let byte = *block.get(*at)?;
        *at += 1;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(lines: &[(&str, &str)]) -> ResponseHead {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::try_from(*name).unwrap();
            headers.append(name, HeaderValue::try_from(*value).unwrap());
        }
        ResponseHead {
            status: StatusCode::OK,
            headers,
        }
    }

    #[test]
    fn keeps_lines_and_leaves_out_what_is_not_stored() {
        let packed = StoredHead::new(&head(&[
            ("content-type", "text/html"),
            ("link", "<a>"),
            ("link", "<b>"),
            ("x-own", "1"),
            ("age", "5"),
            ("connection", "x-gone"),
            ("x-gone", "1"),
            ("transfer-encoding", "chunked"),
        ]));
        let lines: Vec<_> = packed
            .iter()
            .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
            .collect();
        assert_eq!(
            lines,
            ["content-type=text/html", "link=<a>", "link=<b>", "x-own=1"]
        );
        // Without a Connection field, too.
        let bare = StoredHead::new(&head(&[("keep-alive", "timeout=5"), ("te", "trailers")]));
        assert_eq!(bare.iter().count(), 0);
        assert_eq!(packed.status(), StatusCode::OK);
        let first = |name: &'static str| packed.first(&HeaderName::from_static(name));
        assert_eq!(first("link"), Some(HeaderValue::from_static("<a>")));
        assert_eq!(first("age"), None);
        let block = packed.as_bytes().len();
        assert_eq!(packed.size(), block + size_of::<StoredHead>());
    }

    #[test]
    fn qualified_fields_are_not_stored() {
        let packed = StoredHead::of(
            &head(&[
                (
                    "cache-control",
                    "max-age=60, private=\"set-cookie\", no-cache=\"x-own\"",
                ),
                ("set-cookie", "a"),
                ("set-cookie", "b"),
                ("x-own", "1"),
                ("x-other", "2"),
            ]),
            &Policy::default(),
        );
        let names: Vec<_> = packed.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, ["cache-control", "x-other"]);
    }

    #[test]
    fn is_small() {
        let packed = StoredHead::new(&head(&[
            ("cache-control", "max-age=60"),
            ("content-type", "text/html"),
            ("content-length", "1024"),
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("etag", "\"0123456789\""),
        ]));
        assert!(packed.size() < 130, "{}", packed.size());
    }

    proptest! {
        #[test]
        fn packing_is_lossless(
            lines in prop::collection::vec(("[a-z][a-z-]{0,20}", "[ -~]{0,300}"), 0..12)
        ) {
            let lines: Vec<_> = lines.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let mut plain = head(&lines);
            remove_hop_by_hop(&mut plain.headers);
            plain.headers.remove(header::AGE);
            let packed = StoredHead::new(&plain);
            prop_assert_eq!(packed.headers(), plain.headers);
            let again = StoredHead::from_bytes(packed.as_bytes().clone());
            prop_assert_eq!(again, Some(packed));
        }

        #[test]
        fn damage_is_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(head) = StoredHead::from_bytes(Bytes::from(bytes)) {
                let _ = (head.status(), head.headers());
            }
        }
    }
}
