//! What a sweep keeps of each run: every metric, and the complements that curves are drawn of.

use std::sync::LazyLock;

use crate::metrics::{Figure, METRICS, Measured, Metric, Selector, Unit};

/// One thing that is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    metric: Metric,
    /// Whether it is 1 less the metric.
    complement: bool,
}

/// Every measure: the metrics in their order, then the miss ratios that the field draws over the size of a cache.
pub(super) static MEASURES: LazyLock<Vec<Measure>> = LazyLock::new(|| {
    let metrics = METRICS.iter().map(|info| Measure {
        name: info.name,
        unit: info.unit,
        metric: info.metric,
        complement: false,
    });
    let complements = [
        ("request_miss_ratio", Metric::RequestHitRatio),
        ("byte_miss_ratio", Metric::ByteHitRatio),
    ]
    .map(|(name, metric)| Measure {
        name,
        unit: Unit::Ratio,
        metric,
        complement: true,
    });
    metrics.chain(complements).collect()
});

impl Measure {
    /// The same, and half of its band within the run.
    pub(super) fn with_noise(&self, measured: &Measured) -> (Figure, Option<f64>) {
        let half = measured.band(self.metric).and_then(|band| band.half);
        (self.of(measured), half)
    }

    /// Its value in a run, over the measured window.
    pub(super) fn of(&self, measured: &Measured) -> Figure {
        let figure = measured.figure(self.metric, &Selector::default());
        match self.complement {
            true => Figure::of(figure.value.map(|value| 1.0 - value), figure.samples),
            false => figure,
        }
    }
}

/// The measure of a name.
pub(super) fn named(name: &str) -> Option<&'static Measure> {
    MEASURES.iter().find(|measure| measure.name == name)
}
