//! A sweep as text within 100 columns: the conclusion, then one row per cell.

use super::measure::named;
use super::{Axis, Sweep};
use crate::metrics::{NOT_AVAILABLE, Unit};
use crate::report::terminal::{Grid, WIDTH, plain, wrapped};

/// Characters of a value in a table.
const VALUE: usize = 22;
/// Blanks between columns and before the first.
const GAP: usize = 2;
/// What is shown, the most telling first: as many as there is room for.
const COLUMNS: [(&str, &str); 5] = [
    ("request_hit_ratio", "hit ratio"),
    ("byte_hit_ratio", "byte hit ratio"),
    ("origin_fetches", "origin fetches"),
    ("latency_p50", "latency p50"),
    ("latency_p99", "latency p99"),
];

impl Sweep {
    /// The whole of it, with a line break at its end.
    #[must_use]
    pub fn text(&self) -> String {
        let runs = self.cells.len() * self.seeds.len();
        let seeds = match self.seeds.as_slice() {
            [seed] => format!("seed {seed}"),
            [first, .., last] => format!("{} seeds ({first} … {last})", self.seeds.len()),
            [] => String::new(),
        };
        let head = format!(
            "{}: {} cells, {seeds}, {runs} runs",
            plain(&self.scenario, 40),
            self.cells.len()
        );
        let band = match self.seeds.len() {
            1 => {
                "value ± half of the 95 % band within the one run (stationary bootstrap over time); other seeds may lie \
                 further apart"
            }
            _ => "mean ± half of the 95 % confidence band over the seeds",
        };
        let conclusion = wrapped("", &plain(&self.conclusion, 2_000), 2);
        format!(
            "{conclusion}\n{}\n{}",
            self.grid(&head).text(),
            wrapped("", band, 2)
        )
    }

    fn grid(&self, title: &str) -> Grid {
        let mut columns: Vec<Vec<String>> = Vec::new();
        let column = |heading: &str, cells: Vec<String>| {
            [heading.to_owned()]
                .into_iter()
                .chain(cells)
                .collect::<Vec<_>>()
        };
        if self.variants.len() > 1 {
            let names = self.cells.iter().map(|cell| plain(&cell.variant, VALUE));
            columns.push(column("variant", names.collect()));
        }
        for (index, axis) in self.axes.iter().enumerate() {
            let value = |choice: &Vec<usize>| plain(&axis.values[choice[index]], VALUE);
            let values = self.cells.iter().map(|cell| value(&cell.choice));
            columns.push(column(&plain(&self.short(axis), VALUE), values.collect()));
        }
        if columns.is_empty() {
            let names = self.cells.iter().map(|cell| plain(&cell.variant, VALUE));
            columns.push(column("variant", names.collect()));
        }
        let left = columns.len();
        let wide = |column: &[String]| {
            column
                .iter()
                .map(|text| text.chars().count())
                .max()
                .unwrap_or(0)
                + GAP
        };
        let mut used = GAP + columns.iter().map(|column| wide(column)).sum::<usize>();
        for (name, heading) in COLUMNS {
            let unit = named(name).map_or(Unit::Count, |measure| measure.unit);
            let shown = self.cells.iter().map(|cell| match cell.band(name) {
                Some(band) => unit.show_with_noise(band.mean, band.half),
                None => NOT_AVAILABLE.to_owned(),
            });
            let shown = column(heading, shown.collect());
            // At least one figure, however wide the names are: the grid wraps them.
            if used + wide(&shown) <= WIDTH || columns.len() == left {
                used += wide(&shown);
                columns.push(shown);
            }
        }
        let rows = (0..=self.cells.len()).map(|row| {
            columns
                .iter()
                .map(|column| column[row].clone())
                .collect::<Vec<_>>()
        });
        let mut rows = rows.into_iter();
        let heading = rows.next().unwrap_or_default();
        let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
        let mut grid = Grid::new(title, left, &heading);
        rows.for_each(|row| grid.row(row));
        grid
    }

    /// The last step of a path, if no other axis ends alike.
    pub(super) fn short(&self, axis: &Axis) -> String {
        let last = |axis: &Axis| axis.path.rsplit('.').next().unwrap_or_default().to_owned();
        let alike = self
            .axes
            .iter()
            .filter(|other| last(other) == last(axis))
            .count();
        if alike > 1 {
            axis.path.clone()
        } else {
            last(axis)
        }
    }
}
