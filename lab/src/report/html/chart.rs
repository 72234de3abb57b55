//! Charts: shapes as SVG that stretches with the page, words and axes as HTML on top of it.
//!
//! Type keeps its size however narrow the page is, colours come from the style sheet, and the script draws the same again
//! from the numbers beside each chart when a series is hidden or a span is looked at closely.

use maud::{Markup, PreEscaped, html};
use serde_json::{Value, json};

use super::key::Key;
use crate::metrics::Unit;

/// Shapes are drawn on a square of this side.
const SIDE: f64 = 1000.0;

/// One axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    /// Equal steps are equal factors.
    pub(super) log: bool,
    pub(super) unit: Unit,
}

/// One series.
pub(super) struct Line {
    /// Its name in the legend.
    pub(super) name: String,
    /// Class of its style.
    pub(super) style: String,
    /// Where its values stand in the JSON beside the page; a step `*` stands for every entry of a list.
    pub(super) key: Key,
    /// Its x values and where they stand, if they are not evenly spaced from 0.
    pub(super) x: Option<(Key, Vec<f64>)>,
    pub(super) y: Vec<Option<f64>>,
    /// Of a share: where its wholes stand, and the wholes; `y` are the parts.
    pub(super) of: Option<(Key, Vec<u64>)>,
}

/// A chart.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    /// What it shows, for those who do not see it.
    pub(super) about: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// Width of an evenly spaced step.
    pub(super) step: f64,
    /// So many neighbouring steps are drawn as one.
    pub(super) merge: usize,
    /// Areas on top of each other, or lines.
    pub(super) stacked: bool,
    pub(super) lines: Vec<Line>,
    /// Numbered instants.
    pub(super) marks: Vec<f64>,
}

impl Axis {
    pub(super) fn linear(from: f64, to: f64, unit: Unit) -> Self {
        let to = if to > from { to } else { from + 1.0 };
        Self {
            from,
            to,
            log: false,
            unit,
        }
    }

    /// Whole powers of ten around all values above 0.
    pub(super) fn log_around(values: impl Iterator<Item = f64>, unit: Unit) -> Self {
        let (least, most) = values
            .filter(|value| *value > 0.0)
            .fold((f64::INFINITY, 0.0_f64), |(least, most), value| {
                (least.min(value), most.max(value))
            });
        if most == 0.0 {
            return Self {
                from: 0.001,
                to: 1.0,
                log: true,
                unit,
            };
        }
        let from = 10_f64.powf(least.log10().floor());
        let to = 10_f64.powf(most.log10().ceil());
        Self {
            from,
            to: if to > from { to } else { from * 10.0 },
            log: true,
            unit,
        }
    }

    /// Where a value lies, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        share.clamp(0.0, 1.0)
    }

    /// Round values along the axis.
    fn ticks(&self) -> Vec<f64> {
        if self.log {
            let decades = (self.to / self.from).log10().round().max(1.0) as i32;
            return (0..=decades).map(|n| self.from * 10_f64.powi(n)).collect();
        }
        let rough = (self.to - self.from) / 4.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .map(|n| n * power)
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        let first = (self.from / step).ceil() as i64;
        let last = (self.to / step + 1e-9).floor() as i64;
        (first..=last).map(|n| n as f64 * step).collect()
    }
}

/// A round number at or above `most`.
pub(super) fn round_up(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(most.log10().floor());
    [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .map(|n| n * power)
        .into_iter()
        .find(|top| *top >= most)
        .unwrap_or(most)
}

/// A tick's label: three digits at most, in the unit.
fn label(value: f64, unit: Unit) -> String {
    let trimmed = |text: String| {
        let (number, word) = text
            .split_once(' ')
            .map_or((text.as_str(), ""), |(number, word)| (number, word));
        let number = if number.contains('.') {
            number.trim_end_matches('0').trim_end_matches('.')
        } else {
            number
        };
        if word.is_empty() {
            number.to_owned()
        } else {
            format!("{number}\u{a0}{word}")
        }
    };
    match unit {
        Unit::Seconds if value == 0.0 => "0".to_owned(),
        _ => trimmed(unit.show(value)),
    }
}

impl Chart<'_> {
    fn x_of(&self, line: &Line, index: usize) -> f64 {
        let value = match &line.x {
            Some((_, x)) => x.get(index).copied().unwrap_or(0.0),
            None => (index as f64 + 0.5) * self.step * self.merge as f64,
        };
        self.x.place(value) * SIDE
    }

    fn y_of(&self, value: f64) -> f64 {
        (1.0 - self.y.place(value)) * SIDE
    }

    fn line(&self, line: &Line) -> String {
        let mut path = String::new();
        let mut drawing = false;
        for (index, value) in self.drawn(line).iter().enumerate() {
            match value {
                Some(value) => {
                    path.push_str(&format!(
                        "{}{:.0} {:.0}",
                        if drawing { 'L' } else { 'M' },
                        self.x_of(line, index),
                        self.y_of(*value)
                    ));
                    // A lone point shows as a dot: its cap is round.
                    if !drawing {
                        path.push_str("h.1");
                    }
                    drawing = true;
                }
                None => drawing = false,
            }
        }
        path
    }

    /// What is drawn of a line: neighbouring steps together, parts as shares of their wholes.
    fn drawn(&self, line: &Line) -> Vec<Option<f64>> {
        let Some((_, wholes)) = &line.of else {
            return line.y.clone();
        };
        let chunks = line.y.chunks(self.merge).zip(wholes.chunks(self.merge));
        let share = |(parts, wholes): (&[Option<f64>], &[u64])| {
            let whole: u64 = wholes.iter().sum();
            (whole > 0).then(|| parts.iter().flatten().sum::<f64>() / whole as f64)
        };
        chunks.map(share).collect()
    }

    /// The area between two heights.
    fn area(&self, line: &Line, below: &[f64], above: &[f64]) -> String {
        let mut path = String::new();
        for (index, top) in above.iter().enumerate() {
            path.push_str(&format!(
                "{}{:.0} {:.0}",
                if index == 0 { 'M' } else { 'L' },
                self.x_of(line, index),
                self.y_of(*top)
            ));
        }
        for (index, bottom) in below.iter().enumerate().rev() {
            path.push_str(&format!(
                "L{:.0} {:.0}",
                self.x_of(line, index),
                self.y_of(*bottom)
            ));
        }
        path + "Z"
    }

    fn paths(&self) -> Vec<String> {
        if !self.stacked {
            return self.lines.iter().map(|line| self.line(line)).collect();
        }
        let longest = self
            .lines
            .iter()
            .map(|line| line.y.len())
            .max()
            .unwrap_or(0);
        let mut below = vec![0.0; longest];
        let mut paths = Vec::new();
        for line in &self.lines {
            let above: Vec<f64> = below
                .iter()
                .zip(line.y.iter().chain(std::iter::repeat(&None)))
                .map(|(sum, value)| sum + value.unwrap_or(0.0))
                .collect();
            paths.push(self.area(line, &below, &above));
            below = above;
        }
        paths
    }

    /// The numbers, for the script and for tests: values and where they stand in `report.json`.
    fn data(&self) -> String {
        let axis = |axis: &Axis| json!({"from": axis.from, "to": axis.to, "log": axis.log, "unit": axis.unit.word()});
        let lines: Vec<Value> = self
            .lines
            .iter()
            .map(|line| {
                let mut value = json!({"name": line.name, "style": line.style, "key": line.key.to_string(), "y": line.y.iter().map(|y| y.map(number)).collect::<Vec<_>>()});
                if let Some((key, x)) = &line.x {
                    value["at"] = key.to_string().into();
                    value["x"] = x.iter().map(|x| number(*x)).collect();
                }
                if let Some((key, wholes)) = &line.of {
                    value["of"] = key.to_string().into();
                    value["n"] = wholes.clone().into();
                }
                value
            })
            .collect();
        let data = json!({"x": axis(&self.x), "y": axis(&self.y), "step": self.step, "merge": self.merge, "stacked": self.stacked, "lines": lines});
        in_script(&data)
    }

    /// The chart as HTML.
    pub(super) fn render(&self) -> Markup {
        let ticks = self.x.ticks().into_iter();
        self.with_bands(
            Vec::new(),
            ticks.map(|tick| (tick, label(tick, self.x.unit))).collect(),
        )
    }

    /// The same with a band around each line (half its width at each point), and ticks of one's own.
    pub(super) fn with_bands(
        &self,
        bands: Vec<Vec<Option<f64>>>,
        ticks: Vec<(f64, String)>,
    ) -> Markup {
        let percent = |share: f64| format!("{:.2}%", share * 100.0);
        html! {
            figure.chart {
                figcaption { (self.title) }
                ul.legend { @for (index, line) in self.lines.iter().enumerate() {
                    li data-line=(index) { span class={ "swatch c-" (line.style) } aria-hidden="true" {} span { (line.name) } }
                } }
                div.plot {
                    @for tick in self.y.ticks() { span.y style={ "bottom:" (percent(self.y.place(tick))) } aria-hidden="true" { (label(tick, self.y.unit)) } }
                    svg viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" aria-label=(self.about) {
                        g { @for (index, (line, halves)) in self.lines.iter().zip(&bands).enumerate() {
                            path class={ "band c-" (line.style) } data-band=(index) d=(self.band(line, halves)) {}
                        } }
                        g.shapes { @for (line, path) in self.lines.iter().zip(self.paths()) {
                            path class={ (if self.stacked { "area" } else { "line" }) " c-" (line.style) } d=(path) {}
                        } }
                    }
                    @for (index, at) in self.marks.iter().enumerate() { span.mark style={ "left:" (percent(self.x.place(*at))) } data-at=(at) aria-hidden="true" { (index + 1) } }
                }
                div.xs aria-hidden="true" { @for (tick, label) in ticks { span style={ "left:" (percent(self.x.place(tick))) } { (label) } } }
                script type="application/json" { (PreEscaped(self.data())) }
            }
        }
    }

    /// The area around a line.
    fn band(&self, line: &Line, halves: &[Option<f64>]) -> String {
        let around = |sign: f64| -> Vec<f64> {
            let points = line.y.iter().zip(halves);
            points
                .map(|(mean, half)| mean.unwrap_or(0.0) + sign * half.unwrap_or(0.0))
                .collect()
        };
        self.area(line, &around(-1.0), &around(1.0))
    }
}

/// Counts without a fraction: a third of the bytes.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        json!(value as i64)
    } else {
        json!(value)
    }
}

/// JSON in plain ASCII that no HTML parser takes for anything else.
fn in_script(data: &Value) -> String {
    let mut text = String::new();
    for c in data.to_string().chars() {
        match c {
            '<' | '>' | '&' | '\u{7f}'.. => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
            plain => text.push(plain),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_ticks() {
        let check = |from, to, expected: &[f64]| {
            let ticks = Axis::linear(from, to, Unit::Count).ticks();
            assert!(
                ticks.len() == expected.len()
                    && ticks
                        .iter()
                        .zip(expected)
                        .all(|(a, b)| (a - b).abs() < 1e-9),
                "{ticks:?}"
            );
        };
        check(0.0, 100.0, &[0.0, 25.0, 50.0, 75.0, 100.0]);
        check(0.0, 28.0, &[0.0, 10.0, 20.0]);
        check(0.0, 1.0, &[0.0, 0.25, 0.5, 0.75, 1.0]);
        check(3.0, 3.0, &[3.0, 3.25, 3.5, 3.75, 4.0]);
        let log = Axis::log_around([0.0, 0.004, 0.3].into_iter(), Unit::Seconds);
        assert_eq!(
            log.ticks()
                .iter()
                .map(|tick| label(*tick, Unit::Seconds))
                .collect::<Vec<_>>(),
            ["1\u{a0}ms", "10\u{a0}ms", "100\u{a0}ms", "1\u{a0}s"]
        );
        assert!((log.place(0.1) - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(
            [0.0, 7.0, 101.0, 0.31].map(round_up),
            [1.0, 8.0, 150.0, 0.4]
        );
    }

    #[test]
    fn data_cannot_end_its_script() {
        let text = in_script(&json!({"name": "</script><script>alert(1)</script><!--\u{202e}😀"}));
        assert!(text.is_ascii() && !text.contains(['<', '>', '&']));
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap()["name"],
            "</script><script>alert(1)</script><!--\u{202e}😀"
        );
    }
}
