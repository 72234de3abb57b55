//! Values as people read them: one way for terminal, verdicts and messages.

use super::{Figure, Unit};

/// What stands where there are no samples.
pub const NOT_AVAILABLE: &str = "n/a";

impl Unit {
    /// A value in its unit, such as `73.2 %`, `12.4 ms`, `1.5 MiB`, `12,345` or `1.20x`.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Ratio => percent(value),
            Self::Seconds => seconds(value),
            Self::Bytes => bytes(value),
            Self::Count if value.fract() == 0.0 => thousands(value),
            Self::Count => format!("{value:.1}"),
            Self::Factor => format!("{value:.2}x"),
        }
    }

    /// A value with half of its band, such as `69.9 ± 0.3 %`: as many decimals as the noise leaves meaning to.
    #[must_use]
    pub fn show_with_noise(self, value: f64, half: Option<f64>) -> String {
        let Some(half) = half else {
            return self.show(value);
        };
        let larger = value.abs().max(half);
        let (scale, suffix) = match self {
            Self::Ratio => (100.0, " %"),
            Self::Seconds if larger < 0.999_5 => (1e3, " ms"),
            Self::Seconds => (1.0, " s"),
            Self::Bytes => match larger {
                m if m >= 1073741824.0 => (1.0 / 1073741824.0, " GiB"),
                m if m >= 1048576.0 => (1.0 / 1048576.0, " MiB"),
                _ => (1.0 / 1024.0, " KiB"),
            },
            Self::Count => {
                let whole = |value: f64| Self::Count.show(value.round());
                return format!("{} ± {}", whole(value), whole(half.ceil()));
            }
            Self::Factor => (1.0, "x"),
        };
        let (value, half) = (value * scale, half * scale);
        let decimals = match half {
            half if half >= 9.95 => 0,
            half if half >= 0.095 || half == 0.0 => 1,
            half if half >= 0.0095 => 2,
            _ => 3,
        };
        format!("{value:.decimals$} ± {half:.decimals$}{suffix}")
    }

    /// A difference with half of its band, such as `+2.1 ± 0.3 points`.
    #[must_use]
    pub fn show_difference(self, difference: f64, half: Option<f64>) -> String {
        let shown = self.show_with_noise(difference, half);
        let shown = match (self, shown.strip_suffix('%')) {
            (Self::Ratio, Some(number)) => format!("{number}points"),
            _ => shown,
        };
        let number = shown.split(' ').next().unwrap_or_default();
        match number.parse::<f64>() {
            // What rounds to nothing has no direction.
            Ok(0.0) => shown.trim_start_matches('-').to_owned(),
            _ if difference > 0.0 => format!("+{shown}"),
            _ => shown,
        }
    }

    /// A figure, or `n/a`.
    #[must_use]
    pub fn show_figure(self, figure: Figure) -> String {
        figure
            .value
            .map_or_else(|| NOT_AVAILABLE.to_owned(), |value| self.show(value))
    }
}

/// One decimal; more where it would otherwise claim 0 % or 100 %, none where it is exactly that.
fn percent(value: f64) -> String {
    if value == 0.0 || value == 1.0 {
        return format!("{} %", if value == 0.0 { 0 } else { 100 });
    }
    let percent = value * 100.0;
    let mut decimals = 1;
    while decimals < 4 {
        let shown: f64 = format!("{percent:.decimals$}").parse().unwrap_or(percent);
        let claims_the_end =
            (shown == 0.0 && percent != 0.0) || (shown == 100.0 && percent != 100.0);
        if !claims_the_end {
            break;
        }
        decimals += 1;
    }
    format!("{percent:.decimals$} %")
}

/// Three significant digits from microseconds to minutes.
fn seconds(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        0.0 => return "0 ms".to_owned(),
        v if v < 0.000_999_5 => (value * 1e6, "µs"),
        v if v < 0.999_5 => (value * 1e3, "ms"),
        v if v < 120.0 => (value, "s"),
        v => {
            let whole = v.round() as u64;
            let sign = if value < 0.0 { "-" } else { "" };
            return match whole / 60 {
                minutes if minutes < 120 => format!("{sign}{minutes} min {} s", whole % 60),
                minutes => format!("{sign}{} h {} min", minutes / 60, minutes % 60),
            };
        }
    };
    let decimals = match scaled.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{scaled:.decimals$} {unit}")
}

fn bytes(value: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = value;
    let mut unit = 0;
    while scaled.abs() >= 1023.5 && unit + 1 < units.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{scaled:.0} B")
    } else {
        format!("{scaled:.1} {}", units[unit])
    }
}

/// A whole number with a comma between thousands.
fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    if value < 0.0 {
        format!("-{shown}")
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_well_and_never_claim_an_end_they_do_not_reach() {
        let check = |unit: Unit, value, expected: &str| assert_eq!(unit.show(value), expected);
        for (value, shown) in [
            (0.0, "0 %"),
            (-0.0, "0 %"),
            (1.0, "100 %"),
            (0.7321, "73.2 %"),
            (0.99987, "99.99 %"),
        ] {
            check(Unit::Ratio, value, shown);
        }
        check(Unit::Ratio, 0.000_04, "0.004 %");
        check(Unit::Ratio, -0.25, "-25.0 %");
        for (value, shown) in [
            (0.0, "0 ms"),
            (0.000_083, "83.0 µs"),
            (0.012_34, "12.3 ms"),
            (0.9999, "1.00 s"),
            (75.0, "75.0 s"),
        ] {
            check(Unit::Seconds, value, shown);
        }
        check(Unit::Seconds, 125.4, "2 min 5 s");
        check(Unit::Seconds, 9000.0, "2 h 30 min");
        check(Unit::Bytes, 1536.0, "1.5 KiB");
        check(Unit::Bytes, 12.0, "12 B");
        check(Unit::Count, 1_234_567.0, "1,234,567");
        check(Unit::Count, 123.0, "123");
        check(Unit::Factor, 1.5, "1.50x");
        assert_eq!(Unit::Ratio.show_figure(Figure::ratio(0, 0)), "n/a");
    }

    #[test]
    fn noise_says_how_many_decimals_mean_something() {
        let check = |unit: Unit, value, half, expected: &str| {
            assert_eq!(unit.show_difference(value, half), expected);
        };
        check(Unit::Ratio, 0.021, Some(0.003), "+2.1 ± 0.3 points");
        check(Unit::Ratio, -0.021, None, "-2.1 points");
        check(Unit::Seconds, 0.0, Some(0.0), "0.0 ± 0.0 ms");
        check(Unit::Seconds, -0.25, Some(2.0), "-0.2 ± 2.0 s");
        check(Unit::Count, 12_345.0, Some(6.2), "+12,345 ± 7");
        check(Unit::Factor, 0.5, Some(0.02), "+0.50 ± 0.02x");
        assert_eq!(
            Unit::Bytes.show_with_noise(1536.0, Some(1024.0)),
            "1.5 ± 1.0 KiB"
        );
    }
}
