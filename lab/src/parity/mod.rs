//! The two drivers held against each other: the same plan, played live and simulated, figure by figure.
//!
//! Both execute the same arrivals, so what differs is what one of them leaves out. Shares and counts agree within one
//! point (of the requests) and the sampling noise. Medians of latency, a benchmark since a busy machine delays real
//! processes, agree within 5 ms or 5 %. They are taken per place and request class: over several places, or over hits and
//! misses, half of the requests lie on either side of a gap, and any instant within it is as good a median as another.
//! Knows figures, and nothing of scenarios or drivers.

mod row;
mod text;

use serde::Serialize;

use crate::metrics::{Measured, Metric, Selector, Stat, Unit};
use crate::observe::RequestClass;
pub use row::{Median, Row, Rule};

/// Fewer samples than this on either side are no median worth a comparison.
const ENOUGH: u64 = 100;

/// One scenario, played by both drivers.
#[derive(Debug, Clone, Serialize)]
pub struct Parity {
    /// Its name.
    pub scenario: String,
    /// The seed of both.
    pub seed: u64,
    /// Whether every share and count of every variant agrees.
    pub agrees: bool,
    /// Whether every median of every variant agrees.
    pub medians_agree: bool,
    /// Its variants, in the order of the file.
    pub variants: Vec<VariantParity>,
}

/// One variant, played by both drivers.
#[derive(Debug, Clone, Serialize)]
pub struct VariantParity {
    /// Its name.
    pub name: String,
    /// Why the live run cannot be believed; empty if it can.
    pub invalid: Vec<String>,
    /// Shares and counts.
    pub rows: Vec<Row>,
    /// Medians of latency, by place and request class.
    pub medians: Vec<Median>,
}

/// What is compared beside latency.
const FIGURES: [(&str, Metric, Unit, Rule); 5] = [
    (
        "request_hit_ratio",
        Metric::RequestHitRatio,
        Unit::Ratio,
        Rule::Share,
    ),
    (
        "origin_fetches",
        Metric::OriginFetches,
        Unit::Count,
        Rule::Count,
    ),
    ("stale_ratio", Metric::StaleRatio, Unit::Ratio, Rule::Share),
    (
        "outdated_ratio",
        Metric::OutdatedRatio,
        Unit::Ratio,
        Rule::Share,
    ),
    (
        "availability",
        Metric::Availability,
        Unit::Ratio,
        Rule::Share,
    ),
];

impl Parity {
    /// Compares variants: name, live, simulated.
    #[must_use]
    pub fn of(scenario: &str, seed: u64, variants: &[(&str, &Measured, &Measured)]) -> Self {
        let variants: Vec<_> = variants
            .iter()
            .map(|(name, live, simulated)| VariantParity::of(name, live, simulated))
            .collect();
        let rows = || variants.iter().flat_map(|variant| &variant.rows);
        let medians = || variants.iter().flat_map(|variant| &variant.medians);
        Self {
            scenario: scenario.to_owned(),
            seed,
            agrees: rows().all(|row| row.agrees),
            medians_agree: medians().all(|median| median.agrees != Some(false)),
            variants,
        }
    }

    /// Whether every live run can be believed.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.variants
            .iter()
            .all(|variant| variant.invalid.is_empty())
    }
}

impl VariantParity {
    fn of(name: &str, live: &Measured, simulated: &Measured) -> Self {
        let all = Selector::default();
        let requests = live.figure(Metric::Requests, &all).samples;
        let rows = FIGURES.map(|(figure, metric, unit, rule)| {
            let sides = (live.figure(metric, &all), simulated.figure(metric, &all));
            Row::of(figure, unit, rule, sides, requests)
        });
        let validity = live.validity();
        Self {
            name: name.to_owned(),
            invalid: if validity.valid {
                Vec::new()
            } else {
                validity.reasons
            },
            rows: rows.into(),
            medians: medians(live, simulated),
        }
    }
}

/// Those places and classes that were asked for often enough on both sides.
fn medians(live: &Measured, simulated: &Measured) -> Vec<Median> {
    let mut medians = Vec::new();
    for (place, name) in live.places().iter().enumerate() {
        for class in RequestClass::ALL {
            // An error takes as long as patience does, or no time at all.
            if class == RequestClass::Error {
                continue;
            }
            let selector = Selector {
                place: Some(place),
                class: Some(class),
                ..Selector::default()
            };
            let median = Metric::Ttfb(Stat::P50);
            let sides = (
                live.figure(median, &selector),
                simulated.figure(median, &selector),
            );
            if sides.0.samples.min(sides.1.samples) >= ENOUGH {
                let name = format!("latency_p50{{place={name}, class={}}}", class.name());
                medians.push(Median::of(name, sides, simulated.latency(&selector)));
            }
        }
    }
    medians
}
