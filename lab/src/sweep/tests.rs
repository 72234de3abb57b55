//! Sweeps over small scenarios, and conclusions over figures that were made up.

use std::path::Path;

use super::*;
use crate::report::tests::fits;

const FILE: &str = "
schema: 1
name: small
duration: 40s
warmup: 5s
content:
  pages: {path: '/p/{id}', objects: 400, size: 8KiB, headers: {Cache-Control: max-age=3600}}
pops:
  fra: {at: FRA}
clients:
  europe: {from: [FRA], rate: 100/s, zipf: 0.8}
routing: {mode: nearest}
";

fn swept(settings: &[&str], seeds: &[u64], threads: usize) -> Sweep {
    let file = ScenarioFile::parse("small.yaml", FILE.to_owned(), Path::new("."), false).unwrap();
    let order = Order {
        settings: settings.iter().map(|text| text.parse().unwrap()).collect(),
        variants: file.variants().map(str::to_owned).collect(),
        seeds: seeds.to_vec(),
        scale: None,
        threads,
    };
    let geo = Database::embedded();
    let mut told = Vec::new();
    let sweep = sweep(&file, &order, &geo, &mut |done, of| told.push((done, of))).unwrap();
    let runs = sweep.cells.len() * seeds.len();
    assert_eq!(
        told,
        (1..=runs).map(|done| (done, runs)).collect::<Vec<_>>()
    );
    sweep
}

#[test]
fn every_combination_with_every_seed_the_same_on_any_number_of_threads() {
    let settings = ["pops.*.memory=256KiB,1MiB,8MiB", "eviction=fifo,lru"];
    let one = swept(&settings, &[1, 2, 3], 1);
    let three = swept(&settings, &[1, 2, 3], 3);
    let manifest = Manifest::default();
    assert_eq!(
        one.to_json(&manifest).unwrap(),
        three.to_json(&manifest).unwrap()
    );
    assert_eq!(one.csv().unwrap(), three.csv().unwrap());
    assert_eq!(one.text(), three.text());

    assert_eq!(one.cells.len(), 6);
    assert_eq!(one.cells[1].choice, [0, 1]);
    let hits = |index: usize| one.cells[index].band("request_hit_ratio").unwrap().mean;
    assert!(
        hits(0) < hits(2) && hits(2) < hits(4),
        "more memory, more hits"
    );
    assert!(hits(1) > hits(0), "LRU beats FIFO where memory is short");

    let rows = one.csv().unwrap();
    let mut rows = csv::Reader::from_reader(rows.as_bytes());
    assert_eq!(
        rows.headers().unwrap().iter().collect::<Vec<_>>(),
        [
            "variant",
            "pops.*.memory",
            "pops.*.memory (number)",
            "eviction",
            "seed",
            "metric",
            "unit",
            "value",
            "samples"
        ]
    );
    assert_eq!(rows.records().count(), 6 * 3 * MEASURES.len());

    assert_eq!(one.curves.len(), 2, "one per eviction");
    let curve = &one.curves[0];
    assert_eq!(curve.held, ["eviction=fifo"]);
    let x: Vec<f64> = curve.points.iter().map(|point| point.x).collect();
    assert_eq!(x, [262_144.0, 1_048_576.0, 8_388_608.0]);
    let miss = curve.points[0].request_miss_ratio.unwrap().mean;
    assert!((miss - (1.0 - hits(0))).abs() < 1e-9);
    assert!(
        one.text().lines().all(|line| line.chars().count() <= 100),
        "{}",
        one.text()
    );
}

#[test]
fn a_cell_that_cannot_be_is_told_before_anything_is_played() {
    let file = ScenarioFile::parse("small.yaml", FILE.to_owned(), Path::new("."), false).unwrap();
    let order = Order {
        settings: vec!["duration=20s,3s".parse().unwrap()],
        variants: vec!["base".to_owned()],
        seeds: vec![1],
        scale: None,
        threads: 1,
    };
    let geo = Database::embedded();
    let error = sweep(&file, &order, &geo, &mut |_, _| panic!("played")).unwrap_err();
    assert!(error.to_string().contains("with `duration=3s`"), "{error}");
}

/// A sweep whose hit ratios are these: one row per cell, one value per seed.
fn made(settings: &[&str], ratios: &[&[f64]], ceiling: f64) -> Sweep {
    let settings: Vec<Setting> = settings.iter().map(|text| text.parse().unwrap()).collect();
    let axes: Vec<Axis> = settings.iter().map(Axis::of).collect();
    let cells = combinations(&axes)
        .unwrap()
        .into_iter()
        .zip(ratios)
        .map(|(choice, ratios)| {
            let figures = MEASURES.iter().map(|measure| {
                let value = |ratio: &f64| match measure.name {
                    "request_hit_ratio" => Some(*ratio),
                    "offered_hit_ratio" => Some(ceiling),
                    "stale_ratio" => Some(0.0),
                    _ => None,
                };
                Seeds::of(
                    ratios
                        .iter()
                        .map(value)
                        .map(|value| Figure {
                            value,
                            samples: 100,
                        })
                        .collect::<Vec<_>>()
                        .into_iter(),
                )
            });
            Cell {
                variant: "base".to_owned(),
                choice,
                figures: figures.collect(),
            }
        });
    let mut sweep = Sweep {
        scenario: "made".to_owned(),
        conclusion: String::new(),
        seeds: (1..=ratios[0].len() as u64).collect(),
        variants: vec!["base".to_owned()],
        cells: cells.collect(),
        axes,
        curves: Vec::new(),
    };
    sweep.conclusion = conclude::sentence(&sweep);
    sweep
}

#[track_caller]
fn concludes(settings: &[&str], ratios: &[&[f64]], words: &[&str]) {
    let sentence = made(settings, ratios, 0.8).conclusion;
    for word in words {
        assert!(sentence.contains(word), "{word} in: {sentence}");
    }
}

#[test]
fn the_smallest_size_that_surely_reaches_the_ceiling() {
    let sizes = ["memory=1MiB,4MiB,16MiB"];
    let reached: [&[f64]; 3] = [
        &[0.50, 0.52, 0.51],
        &[0.770, 0.772, 0.771],
        &[0.799, 0.8, 0.798],
    ];
    concludes(
        &sizes,
        &reached,
        &["4MiB is the smallest", "95 % of the ceiling"],
    );
    // 95 % of 0.8 is 0.76: the mean is above it, the band is not.
    let unsure: [&[f64]; 3] = [
        &[0.50, 0.52, 0.51],
        &[0.70, 0.84, 0.76],
        &[0.799, 0.8, 0.798],
    ];
    concludes(&sizes, &unsure, &["16MiB is the smallest"]);
    // Where the best all reach it, the policy that does best over all sizes is the one that is spoken of.
    let policies = ["memory=1MiB,4MiB", "eviction=lru,sieve"];
    let both: [&[f64]; 4] = [&[0.50, 0.52], &[0.60, 0.62], &[0.79, 0.79], &[0.79, 0.79]];
    concludes(
        &policies,
        &both,
        &["4MiB with eviction=sieve is the smallest"],
    );
    let none: [&[f64]; 3] = [&[0.1, 0.1, 0.1], &[0.2, 0.2, 0.2], &[0.3, 0.3, 0.3]];
    concludes(
        &sizes,
        &none,
        &[
            "No size surely reaches 95 % of the ceiling",
            "16MiB comes to 30.0 ± 0.0 %",
        ],
    );
}

#[test]
fn no_winner_within_the_noise() {
    let policies = ["eviction=lru,sieve,fifo"];
    let tied: [&[f64]; 3] = [
        &[0.70, 0.72, 0.71],
        &[0.71, 0.71, 0.72],
        &[0.60, 0.61, 0.62],
    ];
    concludes(
        &policies,
        &tied,
        &["no winner among eviction sieve and lru, before the others"],
    );
    // Seed by seed sieve leads by a point, although the seeds differ by more.
    let led: [&[f64]; 3] = [
        &[0.60, 0.70, 0.80],
        &[0.610, 0.711, 0.809],
        &[0.50, 0.60, 0.70],
    ];
    concludes(
        &policies,
        &led,
        &["Eviction sieve is best, 1.00 ± ", "before lru"],
    );
}

#[test]
fn one_seed_names_no_winner_and_asks_for_more() {
    let single: [&[f64]; 2] = [&[0.7], &[0.6]];
    concludes(
        &["eviction=lru,fifo"],
        &single,
        &["happens to lead", "with one seed", "--seeds 5"],
    );
}

#[test]
fn nothing_cacheable_concludes_nothing() {
    let mut sweep = made(&["eviction=lru,fifo"], &[&[0.7], &[0.6]], 0.8);
    for cell in &mut sweep.cells {
        cell.figures.iter_mut().for_each(|seeds| seeds.band = None);
    }
    assert!(conclude::sentence(&sweep).starts_with("No hit ratio"));
}

#[test]
fn a_variant_without_a_cache_stands_in_no_comparison() {
    let ratios: [&[f64]; 2] = [&[0.60, 0.70, 0.80], &[0.610, 0.711, 0.809]];
    let mut sweep = made(&["eviction=lru,sieve"], &ratios, 0.8);
    let mut direct = made(&["eviction=lru,sieve"], &ratios, 0.8).cells;
    for cell in &mut direct {
        "direct".clone_into(&mut cell.variant);
        cell.figures.iter_mut().for_each(|seeds| seeds.band = None);
    }
    sweep.cells.extend(direct);
    sweep.variants.push("direct".to_owned());
    let sentence = conclude::sentence(&sweep);
    assert!(
        sentence.starts_with("Eviction sieve is best, 1.00 ± ")
            && sentence.ends_with("before lru."),
        "{sentence}"
    );
}

#[test]
fn what_is_not_even_stored_wins_no_comparison_of_shares() {
    // Hit ratios of what can be stored: with no-store only a few other objects can, and they do well.
    let ratios: [&[f64]; 2] = [&[0.80, 0.81], &[0.60, 0.61]];
    let mut sweep = made(&["header=no-store,no-cache"], &ratios, 0.9);
    for (cell, [coverage, overall]) in sweep.cells.iter_mut().zip([[0.5, 0.40], [0.9, 0.54]]) {
        for (measure, seeds) in MEASURES.iter().zip(&mut cell.figures) {
            let value = match measure.name {
                "cache_coverage" => coverage,
                "overall_hit_ratio" => overall,
                _ => continue,
            };
            let figure = Figure {
                value: Some(value),
                samples: 100,
            };
            *seeds = Seeds::of([figure; 2].into_iter());
        }
    }
    let sentence = conclude::sentence(&sweep);
    assert!(
        sentence
            .starts_with("Header no-cache is best, 14.00 ± 0.00 points of the overall hit ratio"),
        "{sentence}"
    );
}

#[test]
fn a_single_seed_has_the_noise_within_its_run() {
    let sweep = swept(&["pops.*.memory=256KiB,8MiB"], &[1], 1);
    let band = |name| sweep.cells[0].band(name).unwrap();
    // 3,500 requests: a binomial's half band is 1.6 points.
    let half = band("request_hit_ratio").half.unwrap();
    assert!((0.003..0.03).contains(&half), "{half}");
    assert!(band("origin_fetches").half.unwrap() > 1.0);
    assert_eq!(band("latency_max").half, None);
    assert!(
        sweep.text().contains("within the one run"),
        "{}",
        sweep.text()
    );
    assert!(
        sweep.conclusion.contains("--seeds 5"),
        "{}",
        sweep.conclusion
    );
}

const SCHEMA_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sweep.schema.json");

/// `UPDATE_SCHEMA=1 cargo test -p lab schema` writes the file anew.
#[test]
fn the_committed_schema_of_sweeps_is_current() {
    let text = Sweep::schema_text().unwrap();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(SCHEMA_FILE, &text).unwrap();
    }
    let committed = std::fs::read_to_string(SCHEMA_FILE).unwrap_or_default();
    assert!(
        committed == text,
        "run UPDATE_SCHEMA=1 cargo test -p lab schema, and tell CHANGELOG"
    );
    let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
    let sweep = swept(&["pops.*.memory=256KiB,8MiB"], &[1, 2], 2);
    let written = sweep.to_json(&Manifest::default()).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&written).unwrap();
    fits(&schema, &schema, &value, "sweep").unwrap();
    value["cells"][0]["metrics"]["request_hit_ratio"]["band"]["mean"] = "high".into();
    assert!(fits(&schema, &schema, &value, "sweep").is_err());
}

fn page(sweep: &Sweep, manifest: &Manifest) -> (String, serde_json::Value) {
    let json = sweep.to_json(manifest).unwrap();
    let page = crate::report::html::sweep_page(&serde_json::from_str(&json).unwrap());
    (page, serde_json::from_str(&json).unwrap())
}

#[test]
fn every_figure_of_the_page_is_that_of_sweep_json() {
    let settings = ["pops.*.memory=256KiB,1MiB,8MiB", "eviction=fifo,lru"];
    let sweep = swept(&settings, &[1, 2], 2);
    let (page, json) = page(&sweep, &Manifest::default());
    let (figures, numbers) = crate::report::html::tests::held_against(&page, &json);
    // Eight columns of six cells, most with a band; two charts with two curves of three points.
    assert!(figures >= 48, "{figures}");
    assert_eq!(numbers, 2 * 2 * 3 * 2);
}

const HOSTILE: &str = "=1+1</script><img src=x onerror=alert(1)>\u{1b}[31m\u{202e}";

/// A sweep with such names everywhere.
fn hostile() -> Sweep {
    let ratios: [&[f64]; 2] = [&[0.7, 0.71], &[0.6, 0.61]];
    let mut sweep = made(&["memory=1MiB,2MiB"], &ratios, 0.8);
    sweep.scenario = HOSTILE.to_owned();
    sweep.conclusion = HOSTILE.to_owned();
    sweep.variants = vec![HOSTILE.to_owned()];
    sweep.axes[0].path = HOSTILE.to_owned();
    sweep.axes[0].values = vec![HOSTILE.to_owned(), "@SUM(A1)".to_owned()];
    sweep
        .cells
        .iter_mut()
        .for_each(|cell| cell.variant = HOSTILE.to_owned());
    sweep.curves = curves::of(&sweep);
    sweep
}

#[test]
fn hostile_names_stay_text_on_the_page_and_in_a_spreadsheet() {
    let sweep = hostile();
    let manifest = Manifest {
        scenario: HOSTILE.to_owned(),
        ..Manifest::default()
    };
    let (page, json) = page(&sweep, &manifest);
    for bad in ["<img", "\u{1b}", "\u{202e}"] {
        assert!(!page.contains(bad), "{bad:?}");
    }
    assert!(page.contains("=1+1&lt;/script&gt;"));
    crate::report::html::tests::held_against(&page, &json);
    let text = sweep.csv().unwrap();
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut seen = 0;
    for cell in rows
        .records()
        .flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
    {
        assert!(!cell.starts_with(['=', '+', '@', '\t', '\r']), "{cell}");
        assert!(
            !cell.starts_with('-') || cell.parse::<f64>().is_ok(),
            "{cell}"
        );
        seen += usize::from(cell.starts_with("'=1+1") || cell == "'@SUM(A1)");
    }
    assert!(seen > 100, "{seen}");
}
