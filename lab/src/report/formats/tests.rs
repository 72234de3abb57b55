use super::*;
use crate::report::Report;
use crate::report::tests::{hostile, two_variants};

fn rows(text: &str) -> Vec<Vec<String>> {
    let reader = csv::Reader::from_reader(text.as_bytes());
    reader
        .into_records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

fn csv(report: &Report) -> Vec<Vec<String>> {
    rows(&super::csv(report).unwrap())
}

#[test]
fn csv_has_every_table() {
    let report = two_variants();
    let rows = csv(&report);
    let value = |variant: &str, table: &str, row: &str, column: &str| {
        let mut found = rows
            .iter()
            .filter(|cells| cells[..4] == [variant, table, row, column].map(str::to_owned));
        let cells = found
            .next()
            .unwrap_or_else(|| panic!("{variant} {table} {row} {column}"));
        assert_eq!(
            found.count(),
            0,
            "{variant} {table} {row} {column} is there twice"
        );
        (cells[4].clone(), cells[5].clone())
    };
    let cdn = &report.variants[0];
    let ratio = cdn.regions[1].request_hit_ratio;
    assert_eq!(
        value("cdn", "regions", "asia", "request_hit_ratio"),
        (ratio.value.unwrap().to_string(), ratio.samples.to_string())
    );
    assert_eq!(
        value("direct", "windows.regions", "cut / asia", "requests").0,
        report.variants[1].windows[0].regions[1]
            .requests
            .to_string()
    );
    assert_eq!(
        value("cdn", "series", "0.2", "available").0,
        cdn.series.available[2].to_string()
    );
    assert_eq!(
        value("cdn", "statuses", "200", "answers").0,
        cdn.statuses[0].answers.to_string()
    );
    assert_eq!(
        value("cdn", "total", "", "ttfb.p99").0,
        cdn.total.ttfb.p99.unwrap().to_string()
    );
    assert_eq!(
        value(
            "cdn",
            "expectations",
            "1 cdn.request_hit_ratio >= 60 %",
            "met"
        )
        .0,
        "1"
    );
    for table in [
        "pops",
        "edges",
        "paths",
        "nodes",
        "latency",
        "misses",
        "convergence",
        "reconciliation",
        "driver",
        "origin.paths",
    ] {
        let any = rows.iter().any(|cells| cells[1] == table);
        assert!(
            any || cdn.convergence.is_empty() && table == "convergence",
            "{table}"
        );
    }
}

#[test]
fn hostile_names_are_harmless_in_every_form() {
    let mut report = hostile();
    for (index, formula) in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"]
        .into_iter()
        .enumerate()
    {
        let mut group = report.variants[0].regions[0].clone();
        group.name = format!("{formula},\"x\"\n{index}");
        report.variants[0].regions.push(group);
    }
    for cells in csv(&report).iter() {
        let formula = |cell: &String| cell.trim_start().starts_with(['=', '+', '-', '@', '＝']);
        assert!(!cells[..4].iter().any(formula), "{cells:?}");
        assert_eq!(cells.len(), 6);
    }
    let forms = [
        super::csv(&report).unwrap(),
        markdown(&report),
        junit(&report).unwrap(),
    ];
    for text in &forms {
        let bad = text
            .chars()
            .find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(bad, None);
    }
    let [_, markdown, xml] = forms;
    assert!(!markdown.contains(['<', '>', '[', '`', '@', '\\']));
    // Each row has as many cells as its heading, whatever bars were in the names.
    let bars: Vec<usize> = markdown
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.matches('|').count())
        .collect();
    assert!(bars.iter().all(|count| (3..=9).contains(count)), "{bars:?}");
    assert!(!xml.contains("<script") && !xml.contains("<img"));
}

#[test]
fn junit_counts_what_failed() {
    let report = two_variants();
    let xml = junit(&report).unwrap();
    let missed = report
        .expectations
        .iter()
        .filter(|verdict| !verdict.met)
        .count();
    assert!(missed > 0);
    assert_eq!(xml.matches("<failure ").count(), missed);
    assert_eq!(
        xml.matches("<testcase ").count(),
        report.expectations.len() + 1
    );
    assert!(xml.contains(&format!(
        "tests=\"{}\" failures=\"{missed}\" errors=\"0\"",
        report.expectations.len() + 1
    )));
    // Well formed: every element ends, and attributes come back as they went.
    let mut reader = quick_xml::Reader::from_str(&xml);
    let mut depth = 0;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(_) => depth += 1,
            quick_xml::events::Event::End(_) => depth -= 1,
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
}
