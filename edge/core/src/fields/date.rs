//! HTTP dates (RFC 9110 section 5.6.7): strict reading of the three forms, writing of the one.

use http::HeaderValue;

use crate::Timestamp;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LONG_DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The latest instant that IMF-fixdate can say: its year has four digits.
const LATEST: i64 = 253_402_300_799;
/// 50 mean years of the Gregorian calendar, in seconds.
const FIFTY_YEARS: i64 = 50 * 31_556_952;
/// The first second of the year 0.
const EARLIEST: i64 = -62_167_219_200;

/// Reads an HTTP date: IMF-fixdate, RFC 850 (its two-digit year is in the past if it would be more
/// than 50 years after `now`) or asctime, in any case (RFC 9111 section 4.2). Returns seconds since
/// the Unix epoch, or `None` for anything else: other zones, missing digits, doubled spaces are not
/// dates. The day of the week must be one; whether it is that day's, no RFC asks.
pub fn parse(value: &[u8], now: Timestamp) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let text = text.trim_matches([' ', '\t']);
    match text.as_bytes().get(3)? {
        b',' => imf_fixdate(text),
        b' ' => asctime(text),
        _ => rfc850(text, now),
    }
}

/// Writes an instant as IMF-fixdate, in whole seconds rounded down.
pub fn value(at: Timestamp) -> HeaderValue {
    HeaderValue::from_str(&format(at)).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Writes an instant as IMF-fixdate, in whole seconds rounded down. Years beyond four digits are
/// held at the ends of the range.
pub fn format(at: Timestamp) -> String {
    let seconds = at.seconds().clamp(EARLIEST, LATEST);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil_from_days(days);
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        DAYS[weekday(days)],
        MONTHS[usize::try_from(month - 1).unwrap_or(0)],
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 29 || &bytes[3..5] != b", " || bytes[7] != b' ' || bytes[11] != b' ' {
        return None;
    }
    if bytes[16] != b' ' || !bytes[25..].eq_ignore_ascii_case(b" GMT") {
        return None;
    }
    let day = digits(&bytes[5..7])?;
    let month = named(&bytes[8..11], &MONTHS)?;
    let year = digits(&bytes[12..16])?;
    named(&bytes[..3], &DAYS)?;
    seconds(year, month, day, &bytes[17..25])
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850(text: &str, now: Timestamp) -> Option<i64> {
    let (name, rest) = text.split_once(", ")?;
    named(name.as_bytes(), &LONG_DAYS)?;
    let bytes = rest.as_bytes();
    if bytes.len() != 22 || bytes[2] != b'-' || bytes[6] != b'-' || bytes[9] != b' ' {
        return None;
    }
    if !bytes[18..].eq_ignore_ascii_case(b" GMT") {
        return None;
    }
    let day = digits(&bytes[..2])?;
    let month = named(&bytes[3..6], &MONTHS)?;
    let two = digits(&bytes[7..9])?;
    let (this_year, _, _) = civil_from_days(now.seconds().div_euclid(86_400));
    let year = this_year - this_year.rem_euclid(100) + two;
    let found = seconds(year, month, day, &bytes[10..18]);
    match found {
        Some(at) if at - now.seconds() <= FIFTY_YEARS => found,
        _ => seconds(year - 100, month, day, &bytes[10..18]),
    }
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 24 || bytes[7] != b' ' || bytes[10] != b' ' || bytes[19] != b' ' {
        return None;
    }
    named(&bytes[..3], &DAYS)?;
    let month = named(&bytes[4..7], &MONTHS)?;
    let day = if bytes[8] == b' ' {
        digits(&bytes[9..10])?
    } else {
        digits(&bytes[8..10])?
    };
    let year = digits(&bytes[20..24])?;
    seconds(year, month, day, &bytes[11..19])
}

/// Puts the parts together; `time` is `08:49:37`, `month` counts from 0.
fn seconds(year: i64, month: usize, day: i64, time: &[u8]) -> Option<i64> {
    if time.len() != 8 || time[2] != b':' || time[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (
        digits(&time[..2])?,
        digits(&time[3..5])?,
        digits(&time[6..])?,
    );
    let month = i64::try_from(month).ok()? + 1;
    // A leap second (60) is allowed by the grammar.
    if hour > 23 || minute > 59 || second > 60 || day < 1 || day > days_in(year, month) {
        return None;
    }
    let days = days_from_civil(year, month, day);
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + i64::from(byte - b'0'))
    })
}

fn named(bytes: &[u8], names: &[&str]) -> Option<usize> {
    names
        .iter()
        .position(|name| name.as_bytes().eq_ignore_ascii_case(bytes))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Monday is 0; 1 January 1970 was a Thursday.
fn weekday(days: i64) -> usize {
    usize::try_from((days + 3).rem_euclid(7)).unwrap_or(0)
}

/// Days since the epoch in the proleptic Gregorian calendar (Howard Hinnant's algorithm).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

    #[test]
    fn three_forms_say_the_same() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "sun, 06 NOV 1994 08:49:37 gmt",
            "SUNDAY, 06-nov-94 08:49:37 Gmt",
            // It was a Sunday, but no RFC asks.
            "Mon, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse(text.as_bytes(), NOW), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_date() {
        for text in [
            "",
            "0",
            "-1",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun,  06 Nov 1994 08:49:37 GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT",
            "Xxx, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT x",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GM\u{fffd}",
        ] {
            assert_eq!(parse(text.as_bytes(), NOW), None, "{text}");
        }
    }

    #[test]
    fn every_byte_counts() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun Nov 16 08:49:37 1994",
        ] {
            for at in 0..text.len() {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = b'x';
                assert_eq!(parse(&bytes, NOW), None, "{text} with x at {at}");
                bytes.remove(at);
                assert_eq!(parse(&bytes, NOW), None, "{text} without {at}");
            }
        }
    }

    #[test]
    fn days_and_times_that_there_are() {
        let is = |date: &str| parse(format!("Sun, {date} GMT").as_bytes(), NOW).is_some();
        for there in [
            "29 Feb 2024 00:00:00",
            "29 Feb 2000 00:00:00",
            "28 Feb 2023 00:00:00",
            "31 Dec 2023 23:59:59",
            "30 Apr 2023 23:59:60",
            "31 Jul 2023 00:00:00",
        ] {
            assert!(is(there), "{there}");
        }
        for not in [
            "29 Feb 2023 00:00:00",
            "29 Feb 1900 00:00:00",
            "29 Feb 2100 00:00:00",
            "30 Feb 2024 00:00:00",
            "31 Apr 2023 00:00:00",
            "31 Jun 2023 00:00:00",
            "31 Sep 2023 00:00:00",
            "31 Nov 2023 00:00:00",
            "32 Jan 2023 00:00:00",
            "00 Jan 2023 00:00:00",
            "01 Jan 2023 24:00:00",
            "01 Jan 2023 23:60:00",
            "01 Jan 2023 23:59:61",
        ] {
            assert!(!is(not), "{not}");
        }
    }

    #[test]
    fn a_two_digit_year_is_near() {
        // `now` is 18 November 2026: a day later in 76 is more than 50 years ahead.
        let year = |text: &str| parse(text.as_bytes(), NOW).map(|s| civil_from_days(s / 86_400).0);
        assert_eq!(year("Wednesday, 01-Jan-76 00:00:00 GMT"), Some(2076));
        assert_eq!(year("Sunday, 15-Nov-76 00:00:00 GMT"), Some(2076));
        assert_eq!(year("Saturday, 20-Nov-76 00:00:00 GMT"), Some(1976));
        assert_eq!(year("Saturday, 01-Jan-77 00:00:00 GMT"), Some(1977));
        // A leap day that only one of the two years has.
        assert_eq!(year("Tuesday, 29-Feb-00 00:00:00 GMT"), Some(2000));
    }

    #[test]
    fn writing_agrees_with_httpdate() {
        use std::time::{Duration, SystemTime};
        for seconds in [
            0_u64,
            1,
            86_399,
            951_782_400,
            1_795_000_000,
            4_107_542_399,
            253_402_300_799,
        ] {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let text = format(Timestamp::from_seconds(seconds as i64));
            assert_eq!(text, httpdate::fmt_http_date(at));
            assert_eq!(parse(text.as_bytes(), NOW), Some(seconds as i64));
        }
        assert_eq!(format(Timestamp(i64::MAX)), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(format(Timestamp(i64::MIN)), "Sat, 01 Jan 0000 00:00:00 GMT");
    }
}
