//! The two drivers held against each other: the same plan, played live and simulated, figure by figure.
//!
//! Both execute the same arrivals, so what differs is what one of them leaves out. Shares and counts agree within one
//! point (of the requests) and the sampling noise, medians of latency within 5 ms or 5 %, or within what one point of
//! rank and its noise move either median by: far, where it lies between two places or between hits and misses. Knows
//! figures, and nothing of scenarios or drivers.

use serde::Serialize;

use crate::metrics::{Figure, Label, Measured, Metric, Selector, Stat, Unit};
use crate::report::terminal::Grid;

/// Shares may differ by so much beside the noise.
const POINT: f64 = 0.01;
/// Standard errors on either side that count as noise: 95 % of samples lie within.
const ERRORS: f64 = 1.96;
/// Medians of latency may differ by so much …
const SECONDS: f64 = 0.005;
/// … or by this share, whichever is more.
const SHARE: f64 = 0.05;

/// One scenario, played by both drivers.
#[derive(Debug, Clone, Serialize)]
pub struct Parity {
    /// Its name.
    pub scenario: String,
    /// The seed of both.
    pub seed: u64,
    /// Whether every figure of every variant agrees.
    pub agrees: bool,
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
    /// The figures.
    pub rows: Vec<Row>,
}

/// One figure from both drivers.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The metric, with its label if it has one.
    pub figure: String,
    /// In the live run.
    pub live: Figure,
    /// In the simulation.
    pub simulated: Figure,
    /// Simulated less live; none if either has no samples.
    pub difference: Option<f64>,
    /// How far they may lie apart.
    pub allowed: f64,
    /// Whether they agree; two figures without samples do.
    pub agrees: bool,
    #[serde(skip)]
    unit: Unit,
}

/// By what a figure is judged.
#[derive(Clone, Copy)]
enum Rule {
    /// A share of its samples.
    Share,
    /// A count, as a share of the requests.
    Count,
    /// A latency, with how far the noise of its rank moves the median.
    Latency(f64),
}

impl Parity {
    /// Compares variants: name, live, simulated.
    #[must_use]
    pub fn of(scenario: &str, seed: u64, variants: &[(&str, &Measured, &Measured)]) -> Self {
        let variants: Vec<_> = variants
            .iter()
            .map(|(name, live, simulated)| VariantParity::of(name, live, simulated))
            .collect();
        Self {
            scenario: scenario.to_owned(),
            seed,
            agrees: variants.iter().all(VariantParity::agrees),
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

    /// As text within 100 columns, with a line break at its end.
    #[must_use]
    pub fn text(&self) -> String {
        let rows = || self.variants.iter().flat_map(|variant| &variant.rows);
        let apart = rows().filter(|row| !row.agrees).count();
        let of = rows().count();
        let (mark, verdict) = match (self.is_valid(), apart) {
            (false, _) => (
                '!',
                "the live run is invalid, so nothing follows from it".to_owned(),
            ),
            (true, 0) => ('✔', format!("run and simulate agree in all {of} figures")),
            (true, apart) => (
                '✘',
                format!("run and simulate disagree in {apart} of {of} figures"),
            ),
        };
        let mut text = format!("{mark} {}, seed {}: {verdict}\n", self.scenario, self.seed);
        for variant in &self.variants {
            for reason in &variant.invalid {
                text.push_str(&format!("  {}: {reason}\n", variant.name));
            }
        }
        for variant in &self.variants {
            let heading = ["", "run", "simulate", "difference", "allowed", ""];
            let mut grid = Grid::new(&variant.name, 1, &heading);
            for row in &variant.rows {
                let show = |value: f64| row.unit.show(value);
                let sign = if row.difference.is_some_and(|value| value > 0.0) {
                    "+"
                } else {
                    ""
                };
                grid.row(vec![
                    row.figure.clone(),
                    row.unit.show_figure(row.live),
                    row.unit.show_figure(row.simulated),
                    row.difference
                        .map_or(String::new(), |value| format!("{sign}{}", show(value))),
                    format!("±{}", show(row.allowed)),
                    if row.agrees { "✔" } else { "✘" }.to_owned(),
                ]);
            }
            text.push('\n');
            text.push_str(&grid.text());
        }
        text
    }
}

impl VariantParity {
    fn of(name: &str, live: &Measured, simulated: &Measured) -> Self {
        let requests = live.figure(Metric::Requests, &Selector::default()).samples;
        let row = |(figure, metric, unit, rule): (&str, Metric, Unit, Rule)| {
            let all = Selector::default();
            let sides = (live.figure(metric, &all), simulated.figure(metric, &all));
            Row::of(figure.to_owned(), unit, rule, sides, requests)
        };
        let latency = Metric::Ttfb(Stat::P50);
        let moves = |selector: &Selector| {
            median_moves(live, selector).max(median_moves(simulated, selector))
        };
        let slack = |selector: &Selector| Rule::Latency(moves(selector));
        let mut rows: Vec<Row> = [
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
            (
                "latency_p50",
                latency,
                Unit::Seconds,
                slack(&Selector::default()),
            ),
        ]
        .map(row)
        .into();
        let regions = live.names(Label::Region);
        for region in regions.iter().filter(|_| regions.len() > 1) {
            let narrowed = |measured: &Measured| {
                let mut selector = Selector::default();
                measured
                    .narrow(&mut selector, Label::Region, region)
                    .then_some(selector)
            };
            let figure = |measured: &Measured| {
                narrowed(measured).map_or(Figure::default(), |selector| {
                    measured.figure(latency, &selector)
                })
            };
            let rule = narrowed(live).map_or(Rule::Latency(0.0), |selector| slack(&selector));
            let name = format!("latency_p50{{region={region}}}");
            let sides = (figure(live), figure(simulated));
            rows.push(Row::of(name, Unit::Seconds, rule, sides, requests));
        }
        let validity = live.validity();
        Self {
            name: name.to_owned(),
            invalid: if validity.valid {
                Vec::new()
            } else {
                validity.reasons
            },
            rows,
        }
    }

    fn agrees(&self) -> bool {
        self.rows.iter().all(|row| row.agrees)
    }
}

impl Row {
    fn of(figure: String, unit: Unit, rule: Rule, sides: (Figure, Figure), requests: u64) -> Self {
        let (live, simulated) = sides;
        let difference = live
            .value
            .zip(simulated.value)
            .map(|(live, simulated)| simulated - live);
        let value = live.value.unwrap_or(0.0);
        let requests = requests.max(1) as f64;
        let allowed = match rule {
            Rule::Share => POINT + noise(value, live.samples as f64),
            Rule::Count => requests * (POINT + noise(value / requests, requests)),
            Rule::Latency(moves) => SECONDS.max(SHARE * value).max(moves),
        };
        let agrees = match difference {
            Some(difference) => difference.abs() <= allowed,
            None => live.value.is_none() && simulated.value.is_none(),
        };
        Self {
            figure,
            live,
            simulated,
            difference,
            allowed,
            agrees,
            unit,
        }
    }
}

/// How far the median moves, in seconds, if its rank is off by one point and the sampling noise.
fn median_moves(measured: &Measured, selector: &Selector) -> f64 {
    let latencies = measured.cell(selector).latency(None, |tally| &tally.ttfb);
    let off = POINT + noise(0.5, latencies.samples() as f64);
    let at = |rank: f64| latencies.quantile(rank.clamp(0.0, 1.0)).unwrap_or(0) as f64 / 1e6;
    let median = at(0.5);
    (at(0.5 + off) - median).max(median - at(0.5 - off))
}

/// The sampling noise of a share: a binomial's standard error, as often as makes 95 %.
fn noise(share: f64, samples: f64) -> f64 {
    let share = share.clamp(0.0, 1.0);
    ERRORS * (share * (1.0 - share) / samples.max(1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: Rule, live: (f64, u64), simulated: f64, agrees: bool) {
        let figure = |value, samples| Figure {
            value: Some(value),
            samples,
        };
        let sides = (figure(live.0, live.1), figure(simulated, live.1));
        let row = Row::of(String::new(), Unit::Ratio, rule, sides, 10_000);
        assert_eq!(row.agrees, agrees, "{row:?}");
    }

    #[test]
    fn shares_agree_within_a_point_and_the_noise() {
        // Noise at one half of 10,000: 0.98 points.
        check(Rule::Share, (0.5, 10_000), 0.519, true);
        check(Rule::Share, (0.5, 10_000), 0.48, false);
        check(Rule::Share, (0.0, 10_000), 0.0099, true);
        check(Rule::Share, (0.0, 10_000), 0.0101, false);
    }

    #[test]
    fn counts_are_shares_of_the_requests() {
        check(Rule::Count, (0.0, 0), 99.0, true);
        check(Rule::Count, (0.0, 0), 101.0, false);
        check(Rule::Count, (5_000.0, 5_000), 5_190.0, true);
        check(Rule::Count, (5_000.0, 5_000), 5_210.0, false);
    }

    #[test]
    fn medians_agree_within_milliseconds_or_a_share() {
        check(Rule::Latency(0.0), (0.030, 100), 0.0349, true);
        check(Rule::Latency(0.0), (0.030, 100), 0.0351, false);
        check(Rule::Latency(0.0), (0.200, 100), 0.209, true);
        check(Rule::Latency(0.0), (0.200, 100), 0.211, false);
        check(Rule::Latency(0.02), (0.200, 100), 0.219, true);
    }

    #[test]
    fn no_samples_agree_with_no_samples_only() {
        let some = Figure {
            value: Some(0.0),
            samples: 1,
        };
        let none = Figure::default();
        let agrees = |sides| Row::of(String::new(), Unit::Ratio, Rule::Share, sides, 1).agrees;
        assert!(agrees((none, none)) && !agrees((some, none)) && !agrees((none, some)));
    }
}
