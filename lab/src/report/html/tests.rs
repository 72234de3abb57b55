use serde_json::Value;

use super::super::tests::{hostile, two_variants};
use super::*;

/// Every `data` element of a page: its key and its value.
fn figures(page: &str) -> Vec<(String, String)> {
    let attribute = |tag: &str, name: &str| {
        let from = tag.find(&format!(" {name}=\""))? + name.len() + 3;
        let text = &tag[from..from + tag[from..].find('"')?];
        Some(
            text.replace("&amp;", "&")
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\""),
        )
    };
    let tags = page
        .split("<data ")
        .skip(1)
        .map(|rest| format!(" {}", rest.split('>').next().unwrap()));
    tags.map(|tag| {
        (
            attribute(&tag, "data-key").unwrap(),
            attribute(&tag, "value").unwrap_or_default(),
        )
    })
    .collect()
}

/// The numbers beside every chart.
fn charts(page: &str) -> Vec<Value> {
    let parts = page.split("<script type=\"application/json\">").skip(1);
    parts
        .map(|rest| serde_json::from_str(rest.split("</script>").next().unwrap()).unwrap())
        .collect()
}

fn compare(report: &Report) -> (usize, usize) {
    let json: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    held_against(&page(report), &json)
}

/// Holds every figure of a page, and every number of its charts, against the JSON that it is made from, and says how many
/// there were.
pub(crate) fn held_against(page: &str, json: &Value) -> (usize, usize) {
    // `*` stands for every entry of a list.
    let found = |key: &str| match key.split_once("/*/") {
        None => json
            .pointer(key)
            .unwrap_or_else(|| panic!("nothing at {key}"))
            .clone(),
        Some((list, rest)) => {
            let entries = json.pointer(list).and_then(Value::as_array);
            let entries = entries.unwrap_or_else(|| panic!("no list at {list}"));
            let one = |entry: &Value| entry.pointer(&format!("/{rest}")).cloned();
            entries
                .iter()
                .map(|entry| one(entry).unwrap_or_default())
                .collect()
        }
    };
    let figures = figures(page);
    for (key, value) in &figures {
        let expected = found(key);
        assert_eq!(value.parse::<f64>().ok(), expected.as_f64(), "{key}");
    }
    let mut numbers = 0;
    for line in charts(page)
        .iter()
        .flat_map(|chart| chart["lines"].as_array().unwrap().clone())
    {
        for (field, key) in [("y", "key"), ("n", "of"), ("x", "at")] {
            let (Some(shown), Some(key)) = (line[field].as_array(), line[key].as_str()) else {
                continue;
            };
            let expected = found(key);
            assert_eq!(expected.as_array().unwrap().len(), shown.len(), "{key}");
            for (one, other) in shown.iter().zip(expected.as_array().unwrap()) {
                assert_eq!(one.as_f64(), other.as_f64(), "{key}");
                numbers += 1;
            }
        }
    }
    (figures.len(), numbers)
}

#[test]
fn every_figure_is_that_of_report_json() {
    let (figures, numbers) = compare(&two_variants());
    assert!(
        figures > 300 && numbers > 1000,
        "{figures} figures, {numbers} numbers in charts"
    );
    let hostile = hostile();
    assert!(compare(&hostile).0 > 100);
}

#[test]
fn a_saved_report_renders_the_same() {
    let report = two_variants();
    let saved: Report = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    assert_eq!(page(&saved), page(&report));
}

#[test]
fn hostile_names_stay_text() {
    let page = page(&hostile());
    assert!(page.contains("&lt;b&gt;"));
    for tag in ["<b>", "<img", "\u{1b}", "\u{7}", "\u{202e}"] {
        assert!(!page.contains(tag), "{tag:?}");
    }
    assert_eq!(page.matches("<script").count(), 1 + charts(&page).len());
    // The policy lets nothing run but our own script, whatever slipped through.
    assert!(page.contains("default-src &apos;none&apos;") || page.contains("default-src 'none'"));
}

#[test]
fn a_page_asks_for_nothing() {
    let page = page(&two_variants());
    for other in ["=\"http", "src=", "@import", "url("] {
        assert!(!page.contains(other), "{other}");
    }
    assert_eq!(
        page.matches("href=").count(),
        page.matches("href=\"#").count() + page.matches("href=\"data:,\"").count()
    );
}
