//! What happened when, and whether it all fits together.

use super::{Grid, NAME, VARIANT, count, named, plain, sparkline, wrapped};
use crate::metrics::{Figure, Unit};
use crate::observe::RequestClass;
use crate::report::{ReconciliationReport, Report, SeriesReport};

/// Columns of a line over time.
const SPAN: usize = 60;

/// Hit ratio and availability as lines, and the events below.
pub(in super::super) fn over_time(report: &Report) -> String {
    let longest = report
        .variants
        .iter()
        .map(|variant| variant.name.chars().count().min(NAME))
        .max()
        .unwrap_or(0);
    let longest = if report.variants.len() > 1 {
        longest + 1
    } else {
        0
    };
    let mut text = String::new();
    for variant in report
        .variants
        .iter()
        .filter(|variant| !variant.series.available.is_empty())
    {
        let name = if longest > 0 {
            plain(&variant.name, NAME)
        } else {
            String::new()
        };
        let series = &variant.series;
        let hits = lines(series, |class| class.is_hit(), |class| class.is_cacheable());
        let available = available(series);
        if text.is_empty() {
            let end = series.bucket_seconds * series.available.len() as f64;
            let last = Unit::Seconds.show(end);
            text = format!(
                "OVER TIME, warm-up included: from 0 to {last}, each line from 0 to 100 %\n"
            );
        }
        text.push_str(&format!(
            "  {name:<longest$}hits      {}\n",
            sparkline(&hits).trim_end()
        ));
        text.push_str(&format!(
            "  {:<longest$}available {}\n",
            "",
            sparkline(&available).trim_end()
        ));
    }
    text.push_str(&events(report));
    text
}

/// The scenario's events, which all variants share, and what died unasked in each variant.
fn events(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |at_seconds, what: &str| {
        let at = Unit::Seconds.show(at_seconds);
        text.push_str(&wrapped(&format!("  {at:>8}  "), &plain(what, 160), 12));
    };
    let planned = report.variants.iter().map(|variant| {
        let planned = variant.events.iter().filter(|event| event.planned);
        planned.collect::<Vec<_>>()
    });
    let planned = planned
        .into_iter()
        .find(|events| !events.is_empty())
        .unwrap_or_default();
    for event in planned.iter().take(12) {
        line(event.at_seconds, &event.what);
    }
    let unasked = report.variants.iter().flat_map(|variant| {
        let unasked = variant.events.iter().filter(|event| !event.planned);
        unasked.map(move |event| (&variant.name, event))
    });
    for (variant, event) in unasked {
        if report.variants.len() > 1 {
            line(event.at_seconds, &format!("{variant}: {}", event.what));
        } else {
            line(event.at_seconds, &event.what);
        }
    }
    if planned.len() > 12 {
        let more = planned.len() - 12;
        text.push_str(&format!("            and {more} more events\n"));
    }
    text
}

/// Sums of neighbouring buckets, so that at most [`SPAN`] remain.
fn squeezed(counts: &[u64]) -> Vec<u64> {
    let width = counts.len().div_ceil(SPAN).max(1);
    counts
        .chunks(width)
        .map(|chunk| chunk.iter().sum())
        .collect()
}

fn lines(
    series: &SeriesReport,
    part: fn(RequestClass) -> bool,
    whole: fn(RequestClass) -> bool,
) -> Vec<Option<f64>> {
    let sum = |fits: fn(RequestClass) -> bool| {
        let mut sum = vec![0; series.available.len()];
        for (_, counts) in series.classes.iter().filter(|(class, _)| fits(**class)) {
            sum.iter_mut()
                .zip(counts)
                .for_each(|(sum, count)| *sum += count);
        }
        squeezed(&sum)
    };
    sum(part)
        .into_iter()
        .zip(sum(whole))
        .map(|(part, whole)| Figure::ratio(part, whole).value)
        .collect()
}

fn available(series: &SeriesReport) -> Vec<Option<f64>> {
    let all = squeezed(&series.classes.values().fold(
        vec![0; series.available.len()],
        |mut sum, counts| {
            sum.iter_mut()
                .zip(counts)
                .for_each(|(sum, count)| *sum += count);
            sum
        },
    ));
    squeezed(&series.available)
        .into_iter()
        .zip(all)
        .map(|(part, whole)| Figure::ratio(part, whole).value)
        .collect()
}

pub(in super::super) fn convergence(report: &Report) -> String {
    let (mut heading, many) = named(report, "after");
    heading.extend(["at", "region", "answers", "outdated", "until current"]);
    let mut grid = Grid::new("CONVERGENCE", 1 + usize::from(many), &heading);
    for variant in &report.variants {
        for row in variant.convergence.iter().filter(|row| row.outdated > 0) {
            let mut cells = vec![plain(&row.event, 40)];
            cells.extend(many.then(|| plain(&variant.name, VARIANT)));
            let until = row.seconds.map_or_else(
                || "not within the run".to_owned(),
                |seconds| Unit::Seconds.show(seconds),
            );
            cells.extend([
                Unit::Seconds.show(row.at_seconds),
                plain(&row.region, NAME),
                count(row.answers),
                count(row.outdated),
                until,
            ]);
            grid.row(cells);
        }
    }
    grid.text()
}

pub(in super::super) fn reconciliation(report: &Report) -> String {
    let mut text = "RECONCILIATION, clients against origin, warm-up included\n".to_owned();
    for variant in &report.variants {
        let sums = &variant.reconciliation;
        let mark = if sums.agrees { "✔" } else { "✘" };
        let name = if report.variants.len() > 1 {
            format!("{}: ", plain(&variant.name, NAME))
        } else {
            String::new()
        };
        let wrong = variant.total.wrong_bodies.value.unwrap_or(0.0);
        let checked = variant.total.wrong_bodies.samples;
        let bodies = match (checked, wrong) {
            (0, _) => String::new(),
            (_, 0.0) => format!("; {} bodies checked, every byte right", count(checked)),
            _ => format!("; {wrong} of {} bodies WRONG", count(checked)),
        };
        text.push_str(&wrapped(
            &format!("  {mark} "),
            &format!("{name}{}{bodies}", compared(sums)),
            4,
        ));
    }
    text
}

fn compared(sums: &ReconciliationReport) -> String {
    let found = match sums.claimed {
        0 => "no answer came from the origin, as clients saw it".to_owned(),
        claimed if claimed == sums.matched => format!(
            "{} answers came from the origin, all found in its log by id",
            count(claimed)
        ),
        claimed => format!(
            "{} answers came from the origin, {} found in its log by id",
            count(claimed),
            count(sums.matched)
        ),
    };
    let mut parts = vec![found];
    let further = [
        (sums.unseen, "not found there"),
        (
            sums.unclaimed,
            "counted at the origin though a cache is said to have answered",
        ),
        (
            sums.abandoned,
            "counted at the origin for clients that got an error or a stale answer",
        ),
        (sums.repeated, "sent again"),
        (sums.background, "background requests of edges"),
        (sums.foreign, "from elsewhere"),
        (sums.lost, "records lost by the origin's log"),
    ];
    parts.extend(
        further
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{} {what}", count(number))),
    );
    let bytes = match sums.differing {
        0 => format!("{} body bytes sent", count(sums.bytes)),
        differing => format!(
            "bytes differ for {} requests, by {} in all",
            count(differing),
            count(sums.difference)
        ),
    };
    parts.push(bytes);
    match sums.sent_by_nodes {
        Some(sent) if sent != sums.records => {
            parts.push(format!(
                "the nodes say to have sent {} requests, the origin counted {}",
                count(sent),
                count(sums.records)
            ));
        }
        _ => {}
    }
    parts.join("; ")
}

pub(in super::super) fn expectations(report: &Report) -> String {
    if report.expectations.is_empty() {
        return String::new();
    }
    let mut text = "EXPECTATIONS\n".to_owned();
    for verdict in &report.expectations {
        let mark = if verdict.met { "✔" } else { "✘" };
        text.push_str(&wrapped(
            &format!("  {mark} "),
            &plain(&verdict.finding, 400),
            4,
        ));
    }
    text
}
