//! A comparison as text within 100 columns.

use super::{Parity, VariantParity};
use crate::metrics::Unit;
use crate::report::terminal::{Grid, wrapped};

impl Parity {
    /// The whole of it, with a line break at its end.
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
        text.push_str(&wrapped("", &self.of_medians(), 2));
        for variant in &self.variants {
            for reason in &variant.invalid {
                text.push_str(&format!("  {}: {reason}\n", variant.name));
            }
        }
        for variant in &self.variants {
            text.push('\n');
            text.push_str(&variant.grid().text());
        }
        text
    }

    fn of_medians(&self) -> String {
        let medians = || self.variants.iter().flat_map(|variant| &variant.medians);
        let count = |wanted| medians().filter(|median| median.agrees == wanted).count();
        let (agree, apart, none) = (count(Some(true)), count(Some(false)), count(None));
        let mut text = format!("{agree} of {} medians of latency agree", agree + apart);
        if apart > 0 {
            text.push_str(
                ", which is no part of the verdict: a busy machine delays real processes",
            );
        }
        if none > 0 {
            text.push_str(&format!(
                "; {none} more (–) lie between two crowds of latencies and mean nothing"
            ));
        }
        text
    }
}

impl VariantParity {
    fn grid(&self) -> Grid {
        let heading = ["", "run", "simulate", "difference", "allowed", ""];
        let mut grid = Grid::new(&self.name, 1, &heading);
        let signed = |unit: Unit, difference: f64| {
            let sign = if difference > 0.0 { "+" } else { "" };
            format!("{sign}{}", unit.show(difference))
        };
        for row in &self.rows {
            let difference = row.difference;
            grid.row(vec![
                row.figure.clone(),
                row.unit.show_figure(row.live),
                row.unit.show_figure(row.simulated),
                difference.map_or(String::new(), |value| signed(row.unit, value)),
                format!("±{}", row.unit.show(row.allowed)),
                if row.agrees { "✔" } else { "✘" }.to_owned(),
            ]);
        }
        for median in &self.medians {
            let unit = Unit::Seconds;
            let mark = match median.agrees {
                Some(true) => "✔",
                Some(false) => "✘",
                None => "–",
            };
            grid.row(vec![
                median.figure.clone(),
                unit.show_figure(median.live),
                unit.show_figure(median.simulated),
                signed(unit, median.difference),
                format!("±{}", unit.show(median.allowed)),
                mark.to_owned(),
            ]);
        }
        grid
    }
}
