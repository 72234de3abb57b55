//! From text to an [`Expectation`]. Metrics and labels are known here; a scenario's own names are checked by
//! [`Expectation::check`](super::Expectation::check).

use super::known::did_you_mean;
use super::scan::Scan;
use super::{Bound, Comparison, ExpectError, Expectation, Name, Reading};
use crate::metrics::{Cause, Label, METRICS, Metric, MetricInfo, Unit};
use crate::observe::RequestClass;

/// Reads one expectation and checks its metrics, labels and units.
///
/// # Errors
/// With the column of the first mistake and the nearest known name.
pub fn parse(text: &str) -> Result<Expectation, ExpectError> {
    let mut scan = Scan::new(text);
    let (variant, left) = first_reading(&mut scan)?;
    let comparison = comparison(&mut scan)?;
    let right = bound(&mut scan, &left, variant)?;
    let may_be_empty = if scan.rest().trim().is_empty() {
        false
    } else {
        let column = scan.column();
        let words: Vec<_> = scan.rest().split_whitespace().collect();
        if words != ["may", "be", "empty"] {
            let message = format!(
                "`{}` is not expected here; only `may be empty` can follow",
                words.join(" ").escape_debug()
            );
            return Err(scan.error_at(column, message));
        }
        true
    };
    Ok(Expectation {
        text: text.to_owned(),
        left,
        comparison,
        right,
        may_be_empty,
    })
}

/// A reading, perhaps after `variant:`, which then stands for both sides.
fn first_reading(scan: &mut Scan<'_>) -> Result<(Option<Name>, Reading), ExpectError> {
    let mut ahead = Scan::new(scan.rest());
    let name = ahead.name();
    if name.text.is_empty() || !ahead.take(":") {
        return Ok((None, reading(scan, None)?));
    }
    let variant = scan.name();
    scan.take(":");
    Ok((Some(variant.clone()), reading(scan, Some(variant))?))
}

fn reading(scan: &mut Scan<'_>, variant: Option<Name>) -> Result<Reading, ExpectError> {
    let mut name = scan.name();
    let mut variant = variant;
    if name.text.is_empty() {
        let found = scan.found();
        return Err(scan.error(format!("a metric is expected here, not {found}")));
    }
    if scan.take(".") {
        variant = Some(std::mem::replace(&mut name, scan.name()));
    }
    let Some(metric) = Metric::named(&name.text) else {
        let hint = did_you_mean(&name.text, METRICS.iter().map(|info| info.name));
        let message = match name.text.is_empty() {
            true => "a metric is expected after the dot".to_owned(),
            false => format!("there is no metric `{}`{hint}", name.text.escape_debug()),
        };
        return Err(scan.error_at(name.column, message));
    };
    let labels = if scan.take("{") {
        labels(scan, metric)?
    } else {
        Vec::new()
    };
    Ok(Reading {
        variant,
        metric,
        labels,
    })
}

fn labels(
    scan: &mut Scan<'_>,
    metric: &'static MetricInfo,
) -> Result<Vec<(Label, Name)>, ExpectError> {
    let mut labels: Vec<(Label, Name)> = Vec::new();
    if scan.take("}") {
        return Ok(labels);
    }
    loop {
        let name = scan.name();
        let label = label(scan, metric, &name)?;
        if labels.iter().any(|(known, _)| *known == label) {
            return Err(scan.error_at(
                name.column,
                format!("the label `{}` stands here twice", name.text),
            ));
        }
        if !scan.take("=") {
            let found = scan.found();
            return Err(scan.error(format!(
                "`=` is expected after the label `{}`, not {found}",
                name.text
            )));
        }
        let value = label_value(scan)?;
        if value.text.is_empty() {
            return Err(scan.error_at(
                value.column,
                format!("the label `{}` has no value", name.text),
            ));
        }
        fixed_value(scan, label, &value)?;
        labels.push((label, value));
        if scan.take("}") {
            return Ok(labels);
        }
        if !scan.take(",") {
            let found = scan.found();
            return Err(scan.error(format!(
                "`,` or `}}` is expected after a label, not {found}"
            )));
        }
    }
}

fn label(scan: &mut Scan<'_>, metric: &MetricInfo, name: &Name) -> Result<Label, ExpectError> {
    let known = Label::ALL
        .into_iter()
        .find(|label| label.name() == name.text);
    match known {
        Some(label) if metric.labels.contains(&label) => Ok(label),
        _ => {
            let names = metric.labels.iter().map(|label| label.name());
            let list: Vec<_> = names.clone().collect();
            let message = match known {
                None if name.text.is_empty() => {
                    format!("a label is expected here: {}", list.join(", "))
                }
                None => {
                    let hint = did_you_mean(&name.text, names);
                    format!(
                        "there is no label `{}`{hint}; `{}` has {}",
                        name.text,
                        metric.name,
                        list.join(", ")
                    )
                }
                Some(_) => format!(
                    "`{}` has no label `{}`; it has {}",
                    metric.name,
                    name.text,
                    list.join(", ")
                ),
            };
            Err(scan.error_at(name.column, message))
        }
    }
}

fn label_value(scan: &mut Scan<'_>) -> Result<Name, ExpectError> {
    if scan.take("\"") {
        let value = scan.run(|c| c != '"');
        if !scan.take("\"") {
            return Err(scan.error("the quotation mark is never closed"));
        }
        return Ok(value);
    }
    let value = scan.run(|c| c != ',' && c != '}');
    Ok(Name {
        text: value.text.trim_end().to_owned(),
        column: value.column,
    })
}

/// Classes and causes are the same in every scenario.
fn fixed_value(scan: &mut Scan<'_>, label: Label, value: &Name) -> Result<(), ExpectError> {
    let names = match label {
        Label::Class => RequestClass::ALL.map(RequestClass::name).to_vec(),
        Label::Cause => Cause::ALL.map(Cause::name).to_vec(),
        _ => return Ok(()),
    };
    if names.contains(&value.text.as_str()) {
        return Ok(());
    }
    let hint = did_you_mean(&value.text, names.iter().copied());
    let message = format!(
        "there is no {} `{}`{hint}; known are {}",
        label.name(),
        value.text.escape_debug(),
        names.join(", ")
    );
    Err(scan.error_at(value.column, message))
}

pub(super) fn comparison(scan: &mut Scan<'_>) -> Result<Comparison, ExpectError> {
    if let Some(comparison) = Comparison::ALL
        .into_iter()
        .find(|comparison| scan.take(comparison.sign()))
    {
        return Ok(comparison);
    }
    let found = scan.found();
    let hint = if found == "`=`" {
        "; equality is `==`"
    } else {
        ""
    };
    Err(scan.error(format!(
        "one of <, <=, >, >=, ==, != is expected here, not {found}{hint}"
    )))
}

fn bound(scan: &mut Scan<'_>, left: &Reading, variant: Option<Name>) -> Result<Bound, ExpectError> {
    scan.column();
    let numeric = scan
        .rest()
        .starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    let (factor, column) = if numeric {
        let column = scan.column();
        let (number, unit) = number(scan)?;
        if !scan.take("*") {
            return in_base_unit(scan, left.metric, number, &unit).map(Bound::Number);
        }
        let factor = match unit.text.as_str() {
            "" | "x" => number,
            "%" => number / 100.0,
            _ => {
                return Err(scan.error_at(unit.column, "a factor has no unit, unless it is % or x"));
            }
        };
        (factor, column)
    } else {
        (1.0, scan.column())
    };
    let right = reading(scan, variant)?;
    if right.metric.unit != left.metric.unit {
        let message = format!(
            "`{}` and `{}` have different units",
            left.metric.name, right.metric.name
        );
        return Err(scan.error_at(column, message));
    }
    Ok(Bound::Times(factor, right))
}

fn number(scan: &mut Scan<'_>) -> Result<(f64, Name), ExpectError> {
    let digits = scan.run(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | ',' | '_'));
    let plain = !digits.text.contains(['+', ',', '_']);
    let number = digits
        .text
        .parse::<f64>()
        .ok()
        .filter(|number| plain && number.is_finite());
    let Some(number) = number else {
        return Err(scan.error_at(digits.column, format!("`{}` is no number", digits.text)));
    };
    // `may be empty` may follow without a unit.
    scan.column();
    let suffix = scan
        .rest()
        .split(|c: char| c.is_whitespace() || c == '*')
        .next()
        .unwrap_or_default();
    let unit = match suffix {
        "may" => Name {
            text: String::new(),
            column: scan.column(),
        },
        _ => scan.run(|c| !c.is_whitespace() && c != '*'),
    };
    Ok((number, unit))
}

pub(super) fn in_base_unit(
    scan: &Scan<'_>,
    metric: &MetricInfo,
    number: f64,
    unit: &Name,
) -> Result<f64, ExpectError> {
    let (factor, allowed) = match metric.unit {
        Unit::Ratio => (
            scale(&unit.text, &[("", 1.0), ("%", 0.01)]),
            "a share (0.6) or per cent (60 %)",
        ),
        Unit::Seconds => {
            let units = [
                ("us", 1e-6),
                ("µs", 1e-6),
                ("ms", 1e-3),
                ("s", 1.0),
                ("m", 60.0),
                ("min", 60.0),
                ("h", 3600.0),
            ];
            let bare = number == 0.0 || metric.name.contains("_seconds");
            let factor =
                scale(&unit.text, &units).or((unit.text.is_empty() && bare).then_some(1.0));
            (factor, "a time with its unit (200ms, 1.5s)")
        }
        Unit::Bytes => {
            let units = [
                ("", 1.0),
                ("B", 1.0),
                ("KB", 1e3),
                ("MB", 1e6),
                ("GB", 1e9),
                ("KiB", 1024.0),
                ("MiB", 1_048_576.0),
                ("GiB", 1_073_741_824.0),
            ];
            (scale(&unit.text, &units), "bytes (500, 12KiB, 3MB)")
        }
        Unit::Count => (scale(&unit.text, &[("", 1.0)]), "a plain number"),
        Unit::Factor => (
            scale(&unit.text, &[("", 1.0), ("x", 1.0)]),
            "a factor (2 or 2x)",
        ),
    };
    factor.map(|factor| number * factor).ok_or_else(|| {
        let written = if unit.text.is_empty() {
            "a number without unit".to_owned()
        } else {
            format!("`{}`", unit.text.escape_debug())
        };
        scan.error_at(
            unit.column,
            format!(
                "`{}` is compared with {allowed}, not with {written}",
                metric.name
            ),
        )
    })
}

fn scale(unit: &str, units: &[(&str, f64)]) -> Option<f64> {
    units
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, factor)| *factor)
}
