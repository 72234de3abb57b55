//! A comparison as text within 100 columns, and its one sentence.

use super::conditions::difference;
use super::{Cell, Comparison, Finding, Noise, Row, Side};
use crate::metrics::NOT_AVAILABLE;
use crate::report::terminal::{Grid, plain, wrapped};

/// What is told first where it differs.
const TELLING: [&str; 6] = [
    "request_hit_ratio",
    "origin_fetches",
    "latency_p50",
    "latency_p99",
    "availability",
    "outdated_ratio",
];
/// Characters of a side's name in a table.
const NAME: usize = 14;
/// Characters of a name or source elsewhere.
const LONG: usize = 60;

/// One sentence per side but the first.
pub(super) fn conclusion(comparison: &Comparison) -> String {
    let first = comparison.sides.first().map_or("", |side| &side.name);
    let sentences = comparison
        .sides
        .iter()
        .enumerate()
        .skip(1)
        .map(|(index, side)| {
            let found = |wanted: Finding| {
                let cells = comparison.metrics.iter().map(|row| &row.cells[index]);
                cells.filter(|cell| cell.finding == Some(wanted)).count()
            };
            let shown = |row: &&Row| {
                row.cells[index]
                    .finding
                    .is_some_and(|finding| finding != Finding::NoDifferenceShown)
            };
            let all = comparison.metrics.iter().filter(shown).count();
            if all == 0 {
                return format!("{} against {first}: no difference shown.", side.name);
            }
            let telling: Vec<String> = TELLING
                .iter()
                .filter_map(|name| comparison.row(name))
                .filter(shown)
                .map(|row| {
                    let word = row.cells[index].finding.map_or("", Finding::words);
                    format!("{} ({word})", difference(row, index))
                })
                .collect();
            let telling = match telling.is_empty() {
                true => String::new(),
                false => format!("{}; ", telling.join(", ")),
            };
            format!(
                "{} against {first}: {telling}{} better, {} worse, {} without a difference shown.",
                side.name,
                found(Finding::Better),
                found(Finding::Worse),
                comparison
                    .metrics
                    .iter()
                    .filter(|row| row.is_known())
                    .count()
                    - all
            )
        });
    sentences.collect::<Vec<_>>().join(" ")
}

impl Comparison {
    /// The whole of it, with a line break at its end.
    #[must_use]
    pub fn text(&self) -> String {
        let mut parts = vec![wrapped("", &plain(&self.conclusion, 2_000), 2)];
        let mut sides = Grid::new("SIDES", 5, &["", "name", "variant", "how", "from"]);
        for (index, side) in self.sides.iter().enumerate() {
            sides.row(vec![
                letter(index),
                plain(&side.name, 24),
                plain(&side.variant, 20),
                format!("{}, {}", side.driver.name(), seeds(side)),
                plain(&side.source, LONG),
            ]);
        }
        parts.push(sides.text());
        for side in self.sides.iter().filter(|side| !side.invalid.is_empty()) {
            let what = format!("{}: {}", side.name, side.invalid.join("; "));
            parts.push(wrapped("invalid: ", &plain(&what, 1_000), 2));
        }
        for index in 1..self.sides.len() {
            parts.push(self.grid(index).text());
        }
        parts.push(wrapped("  ", &self.about_noise(), 2));
        if !self.conditions.is_empty() {
            let mut grid = Grid::new("FAIL IF", 3, &["", "condition", "found"]);
            for one in &self.conditions {
                let sign = if one.failed {
                    "✘ failed"
                } else {
                    "✔ passed"
                };
                let found = match self.sides.len() {
                    2 => one.finding.clone(),
                    _ => format!("{}: {}", one.side, one.finding),
                };
                grid.row(vec![
                    sign.to_owned(),
                    plain(&one.condition, LONG),
                    plain(&found, 300),
                ]);
            }
            parts.push(grid.text());
        }
        parts.retain(|part| !part.trim().is_empty());
        parts.join("\n")
    }

    fn grid(&self, index: usize) -> Grid {
        let name = |index: usize| {
            let side = self.sides.get(index).map_or("", |side| &side.name);
            plain(side, NAME)
        };
        let title = format!("{} AGAINST {}", letter(index), letter(0));
        let heading = ["metric", &name(0), &name(index), "difference", "finding"];
        let mut grid = Grid::new(&title, 1, &heading);
        for row in self.metrics.iter().filter(|row| row.is_known()) {
            let (first, here) = (&row.cells[0], &row.cells[index]);
            grid.row(vec![
                row.metric.clone(),
                value(row, first),
                value(row, here),
                shown_difference(row, here),
                here.finding.map_or("", Finding::words).to_owned(),
            ]);
        }
        grid
    }

    /// What bands mean here, in words.
    pub(crate) fn about_noise(&self) -> String {
        let how = match self.noise {
            Noise::Seeds => {
                let seeds = self.sides.first().map_or(0, |side| side.seeds.len());
                format!("seed by seed over {seeds} seeds (Student's t)")
            }
            Noise::WithinRun => {
                "within the single runs (stationary bootstrap over time)".to_owned()
            }
        };
        let unknown = match self.noise {
            Noise::Seeds => "",
            Noise::WithinRun => {
                " ± ?: a single run does not tell the noise, so no difference is shown; `--seeds 5` tells more."
            }
        };
        format!(
            "±: half of the band around the difference, {how}; all {} bands hold at once with {} %.{unknown}",
            self.bands,
            self.confidence * 100.0
        )
    }
}

/// A value of a metric, or that there is none.
pub(crate) fn value(row: &Row, cell: &Cell) -> String {
    cell.value
        .map_or_else(|| NOT_AVAILABLE.to_owned(), |value| row.unit().show(value))
}

/// What the metric is more than on the first side.
pub(crate) fn shown_difference(row: &Row, cell: &Cell) -> String {
    cell.difference.map_or_else(
        || NOT_AVAILABLE.to_owned(),
        |difference| {
            let shown = row.unit().show_difference(difference, cell.half);
            match cell.half {
                Some(_) => shown,
                None => format!("{shown} ± ?"),
            }
        },
    )
}

/// A, B, C …
pub(crate) fn letter(index: usize) -> String {
    let letters: Vec<char> = ('A'..='Z').collect();
    letters
        .get(index)
        .map_or_else(|| (index + 1).to_string(), char::to_string)
}

/// The seeds in words.
pub(crate) fn seeds(side: &Side) -> String {
    match side.seeds.as_slice() {
        [] => String::new(),
        [seed] => format!("seed {seed}"),
        [first, .., last] => format!("{} seeds ({first} … {last})", side.seeds.len()),
    }
}
