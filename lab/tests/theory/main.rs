//! The simulator against cache theory and against an independent exact simulation.
//!
//! `theory.csv` holds formulas (LRU: Che et al. 2002; FIFO and RANDOM: the like for p T / (1 + p T); TTL, two levels and
//! collapsing: renewal arguments) beside the results of an exact simulation that shares nothing with this project:
//! Zipf popularity over 10,000 objects, independent references, 5e6 requests of which the first 5e5 are warm-up.
//! A ratio must lie within 0.002 of the simulated one. Where a row and a test disagree, the test has found a bug.

mod engine;
mod network;
mod stream;
mod web07;

use std::sync::OnceLock;

/// Requests of a run.
const REQUESTS: usize = 5_000_000;
/// Those that only warm it up.
const WARMUP: usize = 500_000;

/// A row of the table.
#[derive(Debug)]
struct Row {
    what: String,
    params: String,
    /// By formula; not every row has one.
    approx: Option<f64>,
    /// By exact simulation.
    sim: f64,
}

fn table() -> &'static [Row] {
    static TABLE: OnceLock<Vec<Row>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut reader = csv::Reader::from_reader(include_str!("theory.csv").as_bytes());
        let row = |record: Result<csv::StringRecord, csv::Error>| {
            let record = record.unwrap();
            Row {
                what: record[0].to_owned(),
                params: record[1].to_owned(),
                approx: record[2].parse().ok(),
                sim: record[3].parse().unwrap(),
            }
        };
        reader.records().map(row).collect()
    })
}

/// The rows whose first column begins so; at least one.
fn rows(what: &str) -> Vec<&'static Row> {
    let rows: Vec<&Row> = table()
        .iter()
        .filter(|row| row.what.starts_with(what))
        .collect();
    assert!(!rows.is_empty(), "no row `{what}`");
    rows
}

impl Row {
    /// A figure of the second column, such as `C` in `alpha=0.8 C=100`.
    fn param(&self, name: &str) -> f64 {
        self.params
            .split(' ')
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
            .and_then(|figure| figure.parse().ok())
            .unwrap_or_else(|| panic!("{self:?} has no {name}"))
    }

    /// Holds a measured ratio against the simulated one.
    #[track_caller]
    fn check(&self, measured: f64) {
        let Self {
            what, params, sim, ..
        } = self;
        println!("{what}, {params}: {measured:.6}, wanted {sim:.6}");
        assert!(
            (measured - sim).abs() <= 0.002,
            "{what}, {params}: {measured:.6}, wanted {sim:.6}"
        );
    }
}

/// No row may be left out: each belongs to a test below.
#[test]
fn every_row_has_its_test() {
    let tested = stream::ROWS.iter().chain(&engine::ROWS);
    let mut left: Vec<&Row> = table().iter().collect();
    for what in tested {
        let before = left.len();
        left.retain(|row| !row.what.starts_with(what));
        assert!(left.len() < before, "no row `{what}`");
    }
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(table().len(), 39);
}
