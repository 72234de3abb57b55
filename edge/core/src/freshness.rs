//! Corrected age (RFC 9111 section 4.2.3). Instants in milliseconds; apparent age subtracts whole
//! seconds from whole seconds, since that is all that a Date can say; a sent Age is rounded down.

use http::{HeaderMap, HeaderValue, header};

use crate::{
    Millis, ResponseHead, Stored, Timestamp,
    fields::{age, date},
};

/// The instant from which the age of a response counts: when its head came, less the age that it
/// had then. Its age at `now` is `now - born`.
pub fn born(response: &ResponseHead, sent: Timestamp, received: Timestamp) -> Timestamp {
    let claimed = age::of(&response.headers).unwrap_or(0);
    let age = corrected_initial_age(
        date_of(&response.headers, received),
        claimed,
        sent,
        received,
    );
    received.minus(age)
}

/// The same from integers: `date` in seconds since the epoch, `claimed` the Age field in seconds.
/// Milliseconds, never negative.
pub fn corrected_initial_age(
    date: Option<i64>,
    claimed: u64,
    sent: Timestamp,
    received: Timestamp,
) -> Millis {
    let apparent = date.map_or(0, |date| received.seconds().saturating_sub(date).max(0));
    let delay = received.since(sent).max(0);
    let claimed = i64::try_from(claimed).unwrap_or(i64::MAX / 2000);
    let corrected = claimed.saturating_mul(1000).saturating_add(delay);
    apparent.saturating_mul(1000).max(corrected)
}

/// The Date of a message in seconds since the epoch, if it is one.
pub(crate) fn date_of(headers: &HeaderMap, now: Timestamp) -> Option<i64> {
    date::parse(headers.get(header::DATE)?.as_bytes(), now)
}

/// The Age field for a stored response: whole seconds, rounded down.
pub fn age_value(stored: &Stored, now: Timestamp) -> HeaderValue {
    HeaderValue::from(stored.age(now) / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initial_age() {
        let check = |date: Option<i64>, claimed: u64, sent: i64, received: i64, expected: i64| {
            let age = corrected_initial_age(date, claimed, Timestamp(sent), Timestamp(received));
            assert_eq!(age, expected, "{date:?} {claimed} {sent} {received}");
        };
        check(Some(100), 0, 100_000, 100_000, 0);
        check(Some(100), 0, 100_000, 100_120, 120);
        // Whole seconds from whole seconds: 100.9 -> 101.1 is one second apart.
        check(Some(100), 0, 100_900, 101_100, 1_000);
        check(Some(100), 7, 100_000, 100_120, 7_120);
        check(Some(90), 7, 100_000, 100_120, 10_000);
        // A Date in the future is no age.
        check(Some(200), 0, 100_000, 100_000, 0);
        check(None, 3, 100_000, 100_000, 3_000);
        // A clock that was set back between question and answer.
        check(None, 0, 100_000, 99_000, 0);
        // As old as can be said, and no overflow.
        check(None, u64::MAX, 0, 0, i64::MAX / 2000 * 1000);
        check(Some(i64::MIN), u64::MAX, i64::MIN, i64::MAX, i64::MAX);
    }
}
