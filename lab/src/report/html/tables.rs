//! Tables by region, PoP, edge, path class and status. They sort by any column where JavaScript runs.

use maud::{Markup, html};

use super::key::Key;
use super::number::{bytes, count, figure, value};
use super::terms::class_word;
use crate::metrics::Unit;
use crate::report::{Group, Report, VariantReport};

type Groups = fn(&VariantReport) -> &Vec<Group>;

/// A table whose columns sort; the first `left` columns are words.
pub(super) fn sortable(label: &str, left: usize, heading: &[&str], rows: &[Markup]) -> Markup {
    html! {
        @if !rows.is_empty() {
            h3 { (label) }
            div.scroll role="region" tabindex="0" aria-label=(label) {
                table.sortable.dense[heading.len() > 11] {
                    thead { tr { @for (index, name) in heading.iter().enumerate() { th.num[index >= left] scope="col" { (name) } } } }
                    tbody { @for row in rows { (row) } }
                }
            }
        }
    }
}

/// A heading with a column for the variant, where there is more than one.
pub(super) fn heading<'a>(report: &Report, first: &[&'a str], rest: &[&'a str]) -> Vec<&'a str> {
    let variant = (report.variants.len() > 1).then_some("variant");
    first
        .iter()
        .copied()
        .chain(variant)
        .chain(rest.iter().copied())
        .collect()
}

/// The cell of that column.
pub(super) fn variant(report: &Report, variant: &VariantReport) -> Markup {
    html! { @if report.variants.len() > 1 { td { (variant.name) } } }
}

pub(super) fn section(report: &Report) -> Option<Markup> {
    Some(html! {
        (groups(report, "By region", "regions", |v| &v.regions))
        (groups(report, "By PoP", "pops", |v| &v.pops))
        (groups(report, "By edge", "edges", |v| &v.edges))
        (groups(report, "By path class", "paths", |v| &v.paths))
        (nodes(report))
        (statuses(report))
        (windows(report))
    })
}

fn groups(report: &Report, label: &str, field: &str, of: Groups) -> Markup {
    let heading = heading(
        report,
        &["name"],
        &[
            "requests",
            "bytes",
            "hit ratio",
            "byte hits",
            "p50",
            "p90",
            "p99",
            "available",
            "stale",
            "outdated",
        ],
    );
    let most = report
        .variants
        .iter()
        .map(|v| of(v).len())
        .max()
        .unwrap_or(0);
    let mut rows = Vec::new();
    for index in 0..most {
        for (number, v) in report.variants.iter().enumerate() {
            // What nobody asked in one variant stands there for the others' sake only.
            let group = of(v).get(index);
            if let Some(group) =
                group.filter(|group| group.requests > 0 || report.variants.len() == 1)
            {
                rows.push(html! { tr {
                    th scope="row" { (group.name) }
                    (variant(report, v))
                    (cells(&Key::variant(number).at(field).at(index), group))
                } });
            }
        }
    }
    sortable(
        label,
        1 + usize::from(report.variants.len() > 1),
        &heading,
        &rows,
    )
}

/// A cell that sorts by its value.
pub(super) fn cell(sort: Option<f64>, content: Markup) -> Markup {
    html! { td.num data-sort=[sort] { (content) } }
}

fn cells(key: &Key, group: &Group) -> Markup {
    let ratio = |name: &str, one: crate::metrics::Figure| {
        cell(one.value, figure(&key.at(name), one, Unit::Ratio))
    };
    let time = |name: &str, one: Option<f64>| {
        cell(one, value(&key.at("ttfb").at(name), one, Unit::Seconds))
    };
    html! {
        (cell(Some(group.requests as f64), count(&key.at("requests"), group.requests)))
        (cell(Some(group.bytes as f64), bytes(&key.at("bytes"), group.bytes)))
        (ratio("request_hit_ratio", group.request_hit_ratio))
        (ratio("byte_hit_ratio", group.byte_hit_ratio))
        (time("p50", group.ttfb.p50))
        (time("p90", group.ttfb.p90))
        (time("p99", group.ttfb.p99))
        (ratio("availability", group.availability))
        (ratio("stale_ratio", group.stale_ratio))
        (ratio("outdated_ratio", group.outdated_ratio))
    }
}

fn nodes(report: &Report) -> Markup {
    let heading = heading(
        report,
        &["node"],
        &[
            "requests",
            "hit ratio",
            "upstream",
            "refreshes",
            "retries",
            "evicted",
            "stored",
            "in bytes",
            "sent",
            "received",
        ],
    );
    let mut rows = Vec::new();
    for (number, v) in report.variants.iter().enumerate() {
        for (index, node) in v.nodes.iter().enumerate() {
            let key = Key::variant(number).at("nodes").at(index);
            let number = |name: &str, n: u64| cell(Some(n as f64), count(&key.at(name), n));
            let size = |name: &str, n: u64| cell(Some(n as f64), bytes(&key.at(name), n));
            rows.push(html! { tr {
                th scope="row" { (node.name) @if !node.serves_clients { " (shield)" } @if node.incomplete { " †" } }
                (variant(report, v))
                @let requests = node.classes.values().sum::<u64>() as f64;
                (cell(Some(requests), html! { (Unit::Count.show(requests)) }))
                (cell(node.hit_ratio.value, figure(&key.at("hit_ratio"), node.hit_ratio, Unit::Ratio)))
                (number("upstream_requests", node.upstream_requests))
                (number("background_requests", node.background_requests))
                (number("retries", node.retries))
                (number("evictions", node.evictions))
                (number("stored_objects", node.stored_objects))
                (size("stored_bytes", node.stored_bytes))
                (size("downstream_bytes", node.downstream_bytes))
                (size("upstream_bytes", node.upstream_bytes))
            } });
        }
    }
    let incomplete = report
        .variants
        .iter()
        .flat_map(|v| &v.nodes)
        .any(|node| node.incomplete);
    html! {
        (sortable("By node, as the nodes counted", 1 + usize::from(report.variants.len() > 1), &heading, &rows))
        @if incomplete { p.note { "† killed: what it counted last is lost." } }
    }
}

fn statuses(report: &Report) -> Markup {
    let mut rows = Vec::new();
    for (number, v) in report.variants.iter().enumerate() {
        for (index, row) in v.statuses.iter().enumerate() {
            let key = Key::variant(number).at("statuses").at(index);
            rows.push(html! { tr {
                th scope="row" { (row.status) }
                (variant(report, v))
                (cell(Some(row.answers as f64), count(&key.at("answers"), row.answers)))
            } });
        }
        for (failure, times) in &v.failures {
            let key = Key::variant(number).at("failures").at(failure.name());
            rows.push(html! { tr {
                th scope="row" { "no answer: " (failure.name()) }
                (variant(report, v))
                (cell(Some(*times as f64), count(&key, *times)))
            } });
        }
    }
    let heading = heading(report, &["status"], &["answers"]);
    sortable(
        "By status",
        1 + usize::from(report.variants.len() > 1),
        &heading,
        &rows,
    )
}

fn windows(report: &Report) -> Markup {
    let mut rows = Vec::new();
    for (number, v) in report.variants.iter().enumerate() {
        for (index, window) in v.windows.iter().enumerate() {
            let key = Key::variant(number).at("windows").at(index);
            let time = |name: &str, n: f64| cell(Some(n), super::number::seconds(&key.at(name), n));
            rows.push(html! { tr {
                th scope="row" { (window.total.name) }
                (variant(report, v))
                (time("from_seconds", window.from_seconds))
                (time("to_seconds", window.to_seconds))
                (cells(&key.at("total"), &window.total))
            } });
        }
    }
    let heading = heading(
        report,
        &["window"],
        &[
            "from",
            "to",
            "requests",
            "bytes",
            "hit ratio",
            "byte hits",
            "p50",
            "p90",
            "p99",
            "available",
            "stale",
            "outdated",
        ],
    );
    sortable(
        "By window",
        1 + usize::from(report.variants.len() > 1),
        &heading,
        &rows,
    )
}

/// Requests by class as one bar, with a legend.
pub(super) fn class_bar(key: &Key, group: &Group) -> Markup {
    let all = group.requests.max(1) as f64;
    html! {
        div.classbar aria-hidden="true" { @for (class, n) in &group.classes {
            span class={ "c-" (class.name()) } style={ "width:" (format!("{:.3}", *n as f64 / all * 100.0)) "%" } title={ (class.name()) ": " (n) } {}
        } }
        ul.legend { @for (class, n) in &group.classes {
            li { (class_word(*class)) " " (count(&key.at("classes").at(class.name()), *n)) }
        } }
    }
}
