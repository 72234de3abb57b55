//! `sweep.csv`: one row per cell, seed and metric, so that any tool can draw it without taking it apart.

use super::Sweep;
use super::measure::MEASURES;
use crate::report::formats::guarded;

impl Sweep {
    /// The columns: `variant`, one per axis (the value as written), one per axis of numbers (`… (number)`: bytes, seconds,
    /// per second), `seed`, `metric`, `unit`, `value` (empty where there are no samples), `samples`. Text that a spreadsheet would take for a formula begins with `'`.
    ///
    /// # Errors
    /// Only where memory cannot be written to.
    pub fn csv(&self) -> Result<String, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut heading = vec!["variant".to_owned()];
        for axis in &self.axes {
            heading.push(guarded(&axis.path));
            heading.extend(
                axis.numbers
                    .as_ref()
                    .map(|_| guarded(&format!("{} (number)", axis.path))),
            );
        }
        let rest = ["seed", "metric", "unit", "value", "samples"];
        heading.extend(rest.map(str::to_owned));
        writer.write_record(&heading)?;
        for cell in &self.cells {
            let mut what = vec![guarded(&cell.variant)];
            for (axis, index) in self.axes.iter().zip(&cell.choice) {
                what.push(guarded(&axis.values[*index]));
                what.extend(
                    axis.numbers
                        .as_ref()
                        .map(|numbers| numbers[*index].to_string()),
                );
            }
            for (at, seed) in self.seeds.iter().enumerate() {
                for (measure, seeds) in MEASURES.iter().zip(&cell.figures) {
                    let value = seeds.values.get(at).copied().flatten();
                    let samples = seeds.samples.get(at).copied().unwrap_or(0);
                    let figures = [
                        seed.to_string(),
                        measure.name.to_owned(),
                        measure.unit.word().to_owned(),
                        value.map_or(String::new(), |value| value.to_string()),
                        samples.to_string(),
                    ];
                    writer.write_record(what.iter().chain(&figures))?;
                }
            }
        }
        let bytes = writer.into_inner().map_err(|error| error.into_error())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
