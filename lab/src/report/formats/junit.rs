//! JUnit XML, which continuous integration shows as tests: one per expectation.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::line;
use crate::report::{Outcome, Report};

/// Expectations as test cases, and one case more for whether the run is valid and every body was right.
///
/// # Errors
/// None that is known: memory can be written to.
pub fn junit(report: &Report) -> std::io::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let missed = report
        .expectations
        .iter()
        .filter(|verdict| !verdict.met)
        .count();
    let wrong = report
        .variants
        .iter()
        .any(|v| v.total.wrong_bodies.value.is_some_and(|wrong| wrong > 0.0));
    let invalid = report.outcome == Outcome::Invalid;
    let counts = [
        ("tests", (report.expectations.len() + 1).to_string()),
        ("failures", (missed + usize::from(wrong)).to_string()),
        ("errors", usize::from(invalid).to_string()),
    ];
    let scenario = line(&report.manifest.scenario);
    let time = format!("{:.3}", report.manifest.wall_seconds);
    let named = |more: &[(&'static str, String)]| {
        [more, &[("name", scenario.clone()), ("time", time.clone())]].concat()
    };
    let suites = named(&counts);
    let suite = [
        named(&counts),
        vec![("timestamp", line(&report.manifest.started))],
    ]
    .concat();
    writer
        .create_element("testsuites")
        .with_attributes(pairs(&suites))
        .write_inner_content(|writer| {
            writer
                .create_element("testsuite")
                .with_attributes(pairs(&suite))
                .write_inner_content(|writer| {
                    let case = [
                        ("classname", scenario.clone()),
                        (
                            "name",
                            "the run is valid and every body is right".to_owned(),
                        ),
                    ];
                    let case = writer
                        .create_element("testcase")
                        .with_attributes(pairs(&case));
                    match (invalid, wrong) {
                        (false, false) => case.write_empty()?,
                        (invalid, _) => case.write_inner_content(|writer| {
                            told(
                                writer,
                                if invalid { "error" } else { "failure" },
                                &report.verdict,
                            )
                        })?,
                    };
                    for verdict in &report.expectations {
                        let name = line(&verdict.expectation);
                        let case = [
                            (
                                "classname",
                                format!("{scenario}.{}", line(&verdict.variant)),
                            ),
                            ("name", name),
                        ];
                        let case = writer
                            .create_element("testcase")
                            .with_attributes(pairs(&case));
                        match verdict.met {
                            true => case.write_empty()?,
                            false => case.write_inner_content(|writer| {
                                told(writer, "failure", &verdict.finding)
                            })?,
                        };
                    }
                    Ok(())
                })?;
            Ok(())
        })?;
    let text = String::from_utf8_lossy(&writer.into_inner()).into_owned();
    Ok(text + "\n")
}

fn pairs<'a>(attributes: &'a [(&'static str, String)]) -> impl Iterator<Item = (&'a str, &'a str)> {
    attributes
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
}

fn told(writer: &mut Writer<Vec<u8>>, element: &str, what: &str) -> std::io::Result<()> {
    let what = line(what);
    writer
        .create_element(element)
        .with_attribute(("message", what.as_str()))
        .write_text_content(BytesText::new(&what))?;
    Ok(())
}
