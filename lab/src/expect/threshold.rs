//! Thresholds on how far one run may lie from another: what `cdnlab compare --fail-if` takes.
//!
//! ```text
//! condition = "worse" | METRIC "worse" | METRIC SIGN limit
//! limit     = term | ("max" | "min") "(" term { "," term } ")"
//! term      = NUMBER "x"                   so many times the first side's value
//!           | ("+" | "-") NUMBER UNIT      the first side's value and so much more or less
//!           | NUMBER UNIT                  a value by itself
//! ```
//!
//! Metrics are those of the catalogue; `p50`, `p90`, `p99`, `p999` are short for `latency_p50` and so on. Units are those of
//! expectations; of shares, `%`, `points` and `pp` are all percentage points after a sign.

use std::str::FromStr;

use super::known::did_you_mean;
use super::parse::{comparison, in_base_unit};
use super::scan::Scan;
use super::{Comparison, ExpectError, Name};
use crate::metrics::{METRICS, Metric, MetricInfo, Unit};

/// A condition under which a comparison fails.
#[derive(Debug, Clone)]
pub struct Threshold {
    /// As written.
    pub text: String,
    /// What is asked.
    pub test: Test,
}

/// What is asked of the sides.
#[derive(Debug, Clone)]
pub enum Test {
    /// Whether this metric is worse beyond the noise; none: any metric.
    Worse(Option<&'static MetricInfo>),
    /// Whether the side's value relates so to the limit.
    Limit(&'static MetricInfo, Comparison, Limit),
}

/// What a value is held against.
#[derive(Debug, Clone, PartialEq)]
pub enum Limit {
    /// The largest of these; one alone is its own largest.
    Max(Vec<Term>),
    /// The smallest.
    Min(Vec<Term>),
}

/// A value that follows from that of the first side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Term {
    /// So many times as much.
    Times(f64),
    /// So much more; less if it is negative.
    More(f64),
    /// This, whatever the first side's value is.
    Value(f64),
}

impl Limit {
    /// The limit, given the first side's value.
    #[must_use]
    pub fn of(&self, first: f64) -> f64 {
        let value = |term: &Term| match term {
            Term::Times(factor) => factor * first,
            Term::More(more) => first + more,
            Term::Value(value) => *value,
        };
        match self {
            Self::Max(terms) => terms.iter().map(value).fold(f64::NEG_INFINITY, f64::max),
            Self::Min(terms) => terms.iter().map(value).fold(f64::INFINITY, f64::min),
        }
    }
}

impl FromStr for Threshold {
    type Err = ExpectError;

    fn from_str(text: &str) -> Result<Self, ExpectError> {
        let mut scan = Scan::new(text);
        let test = test(&mut scan)?;
        if !scan.rest().trim().is_empty() {
            let found = scan.rest().trim().escape_debug().to_string();
            return Err(scan.error(format!("`{found}` is not expected here")));
        }
        Ok(Self {
            text: text.to_owned(),
            test,
        })
    }
}

fn test(scan: &mut Scan<'_>) -> Result<Test, ExpectError> {
    let name = scan.name();
    if name.text == "worse" {
        return Ok(Test::Worse(None));
    }
    let metric = metric(scan, &name)?;
    if scan.take("worse") {
        return Ok(Test::Worse(Some(metric)));
    }
    let sign = comparison(scan)?;
    Ok(Test::Limit(metric, sign, limit(scan, metric)?))
}

fn metric(scan: &mut Scan<'_>, name: &Name) -> Result<&'static MetricInfo, ExpectError> {
    if name.text.is_empty() {
        let found = scan.found();
        return Err(scan.error(format!("a metric is expected here, not {found}")));
    }
    let long = match name.text.as_str() {
        quantile @ ("p50" | "p90" | "p99" | "p999") => format!("latency_{quantile}"),
        other => other.to_owned(),
    };
    match Metric::named(&long) {
        // Shares of a class or a cause are of one that is named, and none can be named here.
        Some(info) if !matches!(info.metric, Metric::ClassShare | Metric::MissShare) => Ok(info),
        Some(_) => Err(scan.error_at(
            name.column,
            format!("`{long}` is of one class or cause, and is not compared"),
        )),
        None => {
            let hint = did_you_mean(&name.text, METRICS.iter().map(|info| info.name));
            let message = format!("there is no metric `{}`{hint}", name.text.escape_debug());
            Err(scan.error_at(name.column, message))
        }
    }
}

fn limit(scan: &mut Scan<'_>, metric: &'static MetricInfo) -> Result<Limit, ExpectError> {
    let of: fn(Vec<Term>) -> Limit = match () {
        () if scan.take("max") => Limit::Max,
        () if scan.take("min") => Limit::Min,
        () => return Ok(Limit::Max(vec![term(scan, metric)?])),
    };
    if !scan.take("(") {
        let found = scan.found();
        return Err(scan.error(format!("`(` is expected here, not {found}")));
    }
    let mut terms = vec![term(scan, metric)?];
    while scan.take(",") {
        terms.push(term(scan, metric)?);
    }
    if !scan.take(")") {
        let found = scan.found();
        return Err(scan.error(format!("`,` or `)` is expected here, not {found}")));
    }
    Ok(of(terms))
}

fn term(scan: &mut Scan<'_>, metric: &'static MetricInfo) -> Result<Term, ExpectError> {
    let sign = match () {
        () if scan.take("+") => Some(1.0),
        () if scan.take("-") => Some(-1.0),
        () => None,
    };
    let digits = scan.run(|c| c.is_ascii_digit() || c == '.');
    let number = digits.text.parse::<f64>().ok();
    let Some(number) = number.filter(|number| number.is_finite()) else {
        let found = match digits.text.is_empty() {
            true => scan.found(),
            false => format!("`{}`", digits.text),
        };
        let message = format!(
            "a limit is expected here, as in 1.3x (so many times), +50ms (so much more) or 300ms, not {found}"
        );
        return Err(scan.error_at(digits.column, message));
    };
    let mut unit = scan.run(|c| !c.is_whitespace() && !matches!(c, ',' | '(' | ')'));
    let points = metric.unit == Unit::Ratio && matches!(unit.text.as_str(), "points" | "pp");
    match sign {
        None if unit.text == "x" => Ok(Term::Times(number)),
        None => in_base_unit(scan, metric, number, &unit).map(Term::Value),
        Some(_) if unit.text == "x" => Err(scan.error_at(
            unit.column,
            "so many times as much has no sign: write 1.3x for three tenths more",
        )),
        Some(sign) => {
            if points {
                "%".clone_into(&mut unit.text);
            }
            let more = in_base_unit(scan, metric, number, &unit)?;
            Ok(Term::More(sign * more))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit_of(text: &str) -> (&'static str, Comparison, Limit) {
        match text.parse::<Threshold>().map(|threshold| threshold.test) {
            Ok(Test::Limit(metric, sign, limit)) => (metric.name, sign, limit),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn limits_follow_from_the_first_side() {
        let (name, sign, limit) = limit_of("p99 > max(1.3x, +50ms)");
        assert_eq!((name, sign), ("latency_p99", Comparison::More));
        assert_eq!(limit, Limit::Max(vec![Term::Times(1.3), Term::More(0.05)]));
        assert!((limit.of(0.1) - 0.15).abs() < 1e-12 && (limit.of(1.0) - 1.3).abs() < 1e-12);
        let (_, _, limit) = limit_of("request_hit_ratio<-2 points");
        assert!((limit.of(0.7) - 0.68).abs() < 1e-12);
        for same in ["-2%", "-2 %", "- 2pp", "-0.02"] {
            assert_eq!(limit_of(&format!("request_hit_ratio < {same}")).2, limit);
        }
        let (_, _, limit) = limit_of("origin_bytes >= min(2x,3MB)");
        assert_eq!(limit, Limit::Min(vec![Term::Times(2.0), Term::Value(3e6)]));
        assert_eq!(limit_of("availability < 99.9 %").2.of(0.1), 99.9 * 0.01);
        assert!(matches!(
            "worse".parse::<Threshold>().unwrap().test,
            Test::Worse(None)
        ));
        assert!(matches!(
            "p50 worse".parse::<Threshold>().unwrap().test,
            Test::Worse(Some(info)) if info.name == "latency_p50"
        ));
    }

    #[test]
    fn mistakes_are_told_with_their_column() {
        for (text, column, words) in [
            ("", 1, "a metric is expected"),
            ("latency_p98 > 1x", 1, "did you mean `latency_p9"),
            ("class_share > 1x", 1, "is not compared"),
            ("p99", 4, "one of <"),
            ("p99 >", 6, "a limit is expected"),
            ("p99 > max 1x", 11, "`(` is expected"),
            ("p99 > max(1x", 13, "`,` or `)`"),
            ("p99 > max(1x,)", 14, "a limit is expected"),
            ("p99 > +1.3x", 11, "no sign"),
            ("p99 > 50", 9, "a time with its unit"),
            ("p99 > +5%", 9, "a time with its unit"),
            ("p99 > 1..3x", 7, "a limit is expected"),
            ("p99 > 1x and more", 10, "not expected here"),
            ("p99{pop=fra} > 1x", 4, "one of <"),
            ("\u{1b}[31m > 1", 1, "a metric is expected"),
        ] {
            let error = text.parse::<Threshold>().unwrap_err();
            assert!(error.message.contains(words), "{text}: {error}");
            assert_eq!(error.column, column, "{text}: {error}");
            assert!(!error.message.contains('\u{1b}'));
        }
    }
}
