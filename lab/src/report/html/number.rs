//! Numbers of the report in HTML, each with its place in `report.json`.

use maud::{Markup, html};

use super::key::Key;
use crate::metrics::{Figure, NOT_AVAILABLE, Unit};

/// A value that may be missing; `key` leads to the value itself.
pub(super) fn value(key: &Key, value: Option<f64>, unit: Unit) -> Markup {
    html! {
        @match value {
            Some(value) => data.n data-key=(key) value=(value) { (unit.show(value)) },
            None => data.n.na data-key=(key) value="" { (NOT_AVAILABLE) },
        }
    }
}

/// A figure; `key` leads to the figure.
pub(super) fn figure(key: &Key, figure: Figure, unit: Unit) -> Markup {
    value(&key.at("value"), figure.value, unit)
}

/// A figure with the count of samples behind it.
pub(super) fn with_samples(key: &Key, figure: Figure, unit: Unit) -> Markup {
    html! {
        (self::figure(key, figure, unit))
        " "
        small.samples { "n " (count(&key.at("samples"), figure.samples)) }
    }
}

/// A count.
pub(super) fn count(key: &Key, count: u64) -> Markup {
    value(key, Some(count as f64), Unit::Count)
}

/// A number of bytes.
pub(super) fn bytes(key: &Key, bytes: u64) -> Markup {
    value(key, Some(bytes as f64), Unit::Bytes)
}

/// A length of time.
pub(super) fn seconds(key: &Key, seconds: f64) -> Markup {
    value(key, Some(seconds), Unit::Seconds)
}

/// A share as a bar behind its figure.
pub(super) fn bar(share: Option<f64>) -> Markup {
    let width = share.unwrap_or(0.0).clamp(0.0, 1.0) * 100.0;
    html! { span.bar aria-hidden="true" { span style={ "width:" (format!("{width:.2}")) "%" } {} } }
}
