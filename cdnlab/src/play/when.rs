//! Instants as reports and folders show them, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// `2026-11-22T16:30:05Z` (RFC 3339).
pub(super) fn rfc3339(at: SystemTime) -> String {
    let ((year, month, day), (hour, minute, second)) = parts(at);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `20261122-163005`, for names of folders: sorted by name they are sorted by time.
pub(super) fn compact(at: SystemTime) -> String {
    let ((year, month, day), (hour, minute, second)) = parts(at);
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

fn parts(at: SystemTime) -> ((u64, u64, u64), (u64, u64, u64)) {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let time = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    (date(seconds / 86_400), time)
}

/// Year, month and day of a day since 1970-01-01. Years are counted from March, so that the leap day is the last
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn date(days: u64) -> (u64, u64, u64) {
    let since_0000 = days + 719_468;
    let era = since_0000 / 146_097;
    let day_of_era = since_0000 % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn instants() {
        let check = |seconds: u64, expected: &str| {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        };
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_399, "2000-02-28T23:59:59Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(951_868_800, "2000-03-01T00:00:00Z");
        check(1_795_364_600, "2026-11-22T16:23:20Z");
        check(4_107_542_399, "2100-02-28T23:59:59Z");
        check(4_107_542_400, "2100-03-01T00:00:00Z");
        assert_eq!(
            compact(UNIX_EPOCH + Duration::from_secs(951_782_400)),
            "20000229-000000"
        );
    }
}
