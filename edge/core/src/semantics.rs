//! What http-cache-semantics is asked, and how its answer is corrected. The only file that knows it.
//!
//! It is right about precedence (s-maxage, max-age, Expires, heuristics), about when a response
//! may be stored, and about Authorization. It departs from RFC 9111 in what it reads (directive
//! names, quoted strings, dates, Age) and in which statuses it takes. So it is never shown a message
//! from the wire: it gets a synthetic one, made of values that were parsed strictly here, and only
//! its word on storability and lifetime counts.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_cache_semantics::{CacheOptions, CachePolicy};

use crate::{Millis, Timestamp, fields::date};

/// What bears on storability and lifetime, read strictly. Times in seconds.
pub(crate) struct Canonical {
    pub(crate) status: StatusCode,
    pub(crate) authorization: bool,
    pub(crate) public: bool,
    pub(crate) must_revalidate: bool,
    pub(crate) s_maxage: Option<i64>,
    pub(crate) max_age: Option<i64>,
    /// The inner `None`: there is an Expires, and it is not a date.
    pub(crate) expires: Option<Option<i64>>,
    pub(crate) date: i64,
    pub(crate) last_modified: Option<i64>,
    pub(crate) heuristic_percent: u8,
}

impl Canonical {
    /// Whether its lifetime is explicit (RFC 9111 section 4.2.1).
    pub(crate) const fn explicit(&self) -> bool {
        self.s_maxage.is_some() || self.max_age.is_some() || self.expires.is_some()
    }

    /// Whether a shared cache may store it, and its lifetime then, in milliseconds; 0 where there
    /// is no information.
    pub(crate) fn lifetime(&self, received: Timestamp) -> Option<Millis> {
        let mut request = HeaderMap::new();
        if self.authorization {
            request.insert(header::AUTHORIZATION, HeaderValue::from_static("x"));
        }
        let now = system_time(received.seconds());
        let policy = CachePolicy::new_options(
            &synthetic_request(request),
            &self.response(),
            now,
            CacheOptions {
                shared: true,
                cache_heuristic: f32::from(self.heuristic_percent) / 100.0,
                immutable_min_time_to_live: Duration::ZERO,
                ignore_cargo_cult: false,
            },
        );
        if !policy.is_storable() {
            return None;
        }
        let lifetime = policy.time_to_live(now).as_millis();
        let lifetime = Millis::try_from(lifetime).unwrap_or(Millis::MAX);
        Some(match self.last_modified {
            // The crate guesses in whole seconds: whether, it knows; how long is worked out here.
            Some(modified) if !self.explicit() => self
                .date
                .saturating_sub(modified)
                .max(0)
                .saturating_mul(Millis::from(self.heuristic_percent) * 10),
            _ => lifetime,
        })
    }

    fn response(&self) -> http::response::Response<()> {
        let mut response = http::response::Response::new(());
        *response.status_mut() = self.corrected_status();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, self.cache_control());
        insert_date(headers, header::DATE, self.date);
        match self.expires {
            Some(Some(expires)) => insert_date(headers, header::EXPIRES, expires),
            Some(None) => {
                headers.insert(header::EXPIRES, HeaderValue::from_static("0"));
            }
            None => {}
        }
        if let Some(last_modified) = self.last_modified {
            insert_date(headers, header::LAST_MODIFIED, last_modified);
        }
        response
    }

    /// The correction for statuses: with explicit freshness, or with public, all final statuses may
    /// be stored (RFC 9111 sections 3 and 4.2.2); the crate refuses 201, 403, 429, 503 and others.
    fn corrected_status(&self) -> StatusCode {
        if self.explicit() || self.public {
            StatusCode::OK
        } else {
            self.status
        }
    }

    fn cache_control(&self) -> HeaderValue {
        let mut text = String::new();
        if self.public {
            text.push_str("public,");
        }
        if self.must_revalidate {
            text.push_str("must-revalidate,");
        }
        if let Some(seconds) = self.s_maxage {
            text.push_str(&format!("s-maxage={seconds},"));
        }
        if let Some(seconds) = self.max_age {
            text.push_str(&format!("max-age={seconds}"));
        }
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("no-store"))
    }
}

fn synthetic_request(headers: HeaderMap) -> http::Request<()> {
    let mut request = http::Request::new(());
    *request.headers_mut() = headers;
    request
}

/// The crate reads dates from 1970 on.
fn insert_date(headers: &mut HeaderMap, name: HeaderName, seconds: i64) {
    headers.insert(name, date::value(Timestamp::from_seconds(seconds.max(0))));
}

fn system_time(seconds: i64) -> SystemTime {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    SystemTime::UNIX_EPOCH
        .checked_add(since)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}
