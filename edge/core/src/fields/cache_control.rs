//! `Cache-Control` and `Pragma` (RFC 9111 sections 5.2 and 5.4).

use http::{HeaderMap, header};

use super::{age::delta_seconds, list, split};
use crate::Millis;

/// A directive that may name fields: `no-cache` and `private`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole response.
    Whole,
    /// Only the fields that its argument names.
    Fields,
}

/// The directives of one message that bear on caching. Unknown ones are ignored, as they must be.
/// Times are in milliseconds. Of a repeated directive the stricter one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheControl {
    /// There was a Cache-Control field at all, or a targeted one in its place.
    pub present: bool,
    /// A targeted field (RFC 9213): Expires does not count.
    pub targeted: bool,
    /// max-age.
    pub max_age: Option<Millis>,
    /// s-maxage.
    pub s_maxage: Option<Millis>,
    /// max-age or s-maxage was there but malformed: its response counts as stale (section 4.2.1).
    pub invalid: bool,
    /// no-cache.
    pub no_cache: Option<Scope>,
    /// private.
    pub private: Option<Scope>,
    /// no-store.
    pub no_store: bool,
    /// public.
    pub public: bool,
    /// must-revalidate.
    pub must_revalidate: bool,
    /// proxy-revalidate.
    pub proxy_revalidate: bool,
    /// must-understand.
    pub must_understand: bool,
    /// no-transform.
    pub no_transform: bool,
    /// immutable (RFC 8246).
    pub immutable: bool,
    /// stale-while-revalidate (RFC 5861 section 3).
    pub stale_while_revalidate: Option<Millis>,
    /// stale-if-error (RFC 5861 section 4).
    pub stale_if_error: Option<Millis>,
    /// only-if-cached, of requests.
    pub only_if_cached: bool,
    /// min-fresh, of requests.
    pub min_fresh: Option<Millis>,
    /// max-stale, of requests; `Millis::MAX` without a value.
    pub max_stale: Option<Millis>,
}

/// The directives of a response. `Pragma` is none of them: its meaning there was never specified.
pub fn response_directives(headers: &HeaderMap) -> CacheControl {
    read(headers)
}

/// The directives of a request. `Pragma: no-cache` counts where there is no Cache-Control.
pub fn request_directives(headers: &HeaderMap) -> CacheControl {
    let mut directives = read(headers);
    if !directives.present && pragma_no_cache(headers) {
        directives.no_cache = Some(Scope::Whole);
    }
    directives
}

/// Whether Pragma says no-cache.
pub(crate) fn pragma_no_cache(headers: &HeaderMap) -> bool {
    list(headers, &header::PRAGMA).any(|member| member.eq_ignore_ascii_case(b"no-cache"))
}

fn read(headers: &HeaderMap) -> CacheControl {
    let mut found = CacheControl {
        present: headers.contains_key(header::CACHE_CONTROL),
        ..CacheControl::default()
    };
    let mut lines = headers.get_all(header::CACHE_CONTROL).iter();
    let (first, more) = (lines.next(), lines.next().is_some());
    let joined;
    let value = match first {
        Some(line) if !more => line.as_bytes(),
        // A quoted string may go on in the next line.
        _ => {
            joined = super::directives::joined(headers, &header::CACHE_CONTROL);
            &joined
        }
    };
    for member in split(value) {
        let (name, argument) = match member.iter().position(|byte| *byte == b'=') {
            Some(at) => (&member[..at], Some(&member[at + 1..])),
            None => (member, None),
        };
        found.take(name, argument);
    }
    found
}

impl CacheControl {
    pub(super) fn take(&mut self, name: &[u8], argument: Option<&[u8]>) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        if is("max-age") {
            self.lifetime(argument, |found| &mut found.max_age);
        } else if is("s-maxage") {
            self.lifetime(argument, |found| &mut found.s_maxage);
        } else if is("no-cache") {
            self.no_cache = stricter(self.no_cache, argument);
        } else if is("private") {
            self.private = stricter(self.private, argument);
        } else if is("no-store") {
            self.no_store = true;
        } else if is("public") {
            self.public = true;
        } else if is("must-revalidate") {
            self.must_revalidate = true;
        } else if is("proxy-revalidate") {
            self.proxy_revalidate = true;
        } else if is("must-understand") {
            self.must_understand = true;
        } else if is("no-transform") {
            self.no_transform = true;
        } else if is("immutable") {
            self.immutable = true;
        } else if is("stale-while-revalidate") {
            shorter(&mut self.stale_while_revalidate, seconds(argument));
        } else if is("stale-if-error") {
            shorter(&mut self.stale_if_error, seconds(argument));
        } else if is("only-if-cached") {
            self.only_if_cached = true;
        } else if is("min-fresh") {
            self.min_fresh = self.min_fresh.max(seconds(argument));
        } else if is("max-stale") {
            let value = if argument.is_none() {
                Some(Millis::MAX)
            } else {
                seconds(argument)
            };
            shorter(&mut self.max_stale, value);
        }
    }

    fn lifetime(
        &mut self,
        argument: Option<&[u8]>,
        field: impl Fn(&mut Self) -> &mut Option<Millis>,
    ) {
        match seconds(argument) {
            Some(value) => shorter(field(self), Some(value)),
            None => {
                self.invalid = true;
                shorter(field(self), Some(0));
            }
        }
    }
}

/// Of two values the shorter counts; what is malformed counts for nothing.
fn shorter(slot: &mut Option<Millis>, value: Option<Millis>) {
    if let Some(value) = value {
        *slot = Some(slot.map_or(value, |old| old.min(value)));
    }
}

/// An argument, even a malformed one, that names nothing counts for the whole response.
fn stricter(old: Option<Scope>, argument: Option<&[u8]>) -> Option<Scope> {
    let new = match argument.map(unquoted) {
        Some(Some(fields)) if !fields.trim_ascii().is_empty() => Scope::Fields,
        _ => Scope::Whole,
    };
    if old == Some(Scope::Whole) {
        old
    } else {
        Some(new)
    }
}

/// An argument as seconds, in milliseconds. Both forms, token and quoted string, are understood
/// (RFC 9111 section 5.2); single quotes, signs, fractions and white space are not.
fn seconds(argument: Option<&[u8]>) -> Option<Millis> {
    let value = unquoted(argument?)?;
    Millis::try_from(delta_seconds(value)?)
        .ok()?
        .checked_mul(1000)
}

/// The inside of a quoted string (numbers and field names need no escapes), or a token as it is.
fn unquoted(argument: &[u8]) -> Option<&[u8]> {
    match argument {
        [b'"', inside @ .., b'"'] => Some(inside),
        [b'"', ..] => None,
        _ => Some(argument),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn parse(lines: &[&'static str]) -> CacheControl {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::CACHE_CONTROL, HeaderValue::from_static(line));
        }
        response_directives(&headers)
    }

    #[test]
    fn lifetimes() {
        let check = |lines: &[&'static str], max_age: Option<Millis>, invalid: bool| {
            let found = parse(lines);
            assert_eq!(
                (found.max_age, found.invalid),
                (max_age, invalid),
                "{lines:?}"
            );
        };
        check(&["max-age=60"], Some(60_000), false);
        check(&["MAX-AGE=60"], Some(60_000), false);
        check(&["public,,max-age=60 , x"], Some(60_000), false);
        check(&["max-age=\"60\""], Some(60_000), false);
        check(&["max-age=60", "max-age=5"], Some(5_000), false);
        check(&["x=\"a, max-age=1\", max-age=60"], Some(60_000), false);
        check(&["x=\"a\\\", max-age=1\", max-age=60"], Some(60_000), false);
        check(
            &["max-age=99999999999999999999"],
            Some((1_i64 << 31) * 1000),
            false,
        );
        check(&["x=\"a", "max-age=1\", max-age=60"], Some(60_000), false);
        check(&["max-age='60'"], Some(0), true);
        check(&["max-age=+60"], Some(0), true);
        check(&["max-age=-1"], Some(0), true);
        check(&["max-age=6.0"], Some(0), true);
        check(&["max-age= 60"], Some(0), true);
        check(&["max-age =60"], None, false);
        check(&["max-age"], Some(0), true);
        check(&["max-age=\"60"], Some(0), true);
        check(&["xmax-age=60"], None, false);
    }

    #[test]
    fn scopes() {
        assert_eq!(parse(&["no-cache"]).no_cache, Some(Scope::Whole));
        assert_eq!(
            parse(&["no-cache=\"set-cookie, x\""]).no_cache,
            Some(Scope::Fields)
        );
        assert_eq!(
            parse(&["no-cache=x, no-cache"]).no_cache,
            Some(Scope::Whole)
        );
        assert_eq!(
            parse(&["no-cache, no-cache=x"]).no_cache,
            Some(Scope::Whole)
        );
        assert_eq!(parse(&["private=\"\""]).private, Some(Scope::Whole));
        assert_eq!(parse(&["private=\"x"]).private, Some(Scope::Whole));
        assert!(parse(&["a=\"b, no-store\""]).private.is_none());
        assert!(!parse(&["a=\"b, no-store\""]).no_store);
        assert!(parse(&["No-Store=anything"]).no_store);
    }

    #[test]
    fn request_side() {
        assert_eq!(parse(&["max-stale"]).max_stale, Some(Millis::MAX));
        assert_eq!(parse(&["max-stale=10"]).max_stale, Some(10_000));
        assert_eq!(parse(&["max-stale=x"]).max_stale, None);
        let mut headers = HeaderMap::new();
        headers.insert(header::PRAGMA, HeaderValue::from_static("x, No-Cache"));
        assert_eq!(request_directives(&headers).no_cache, Some(Scope::Whole));
        assert_eq!(response_directives(&headers).no_cache, None);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=1"));
        assert_eq!(request_directives(&headers).no_cache, None);
    }
}
