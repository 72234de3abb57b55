//! What the run was made from: the scenario file and the manifest.

use maud::{Markup, html};

use crate::metrics::Unit;
use crate::report::{Manifest, Report};

pub(super) fn scenario(report: &Report) -> Option<Markup> {
    let text = report.manifest.scenario_text.as_ref()?;
    Some(html! {
        details {
            summary { "Show the file (" (text.lines().count()) " lines)" }
            pre.scroll tabindex="0" role="region" aria-label="Scenario file" { code { (text) } }
        }
    })
}

pub(super) fn manifest(report: &Report) -> Option<Markup> {
    Some(html! {
        (facts(&report.manifest))
        p.note { "Schema " (report.schema) " of report.json." }
    })
}

/// The manifest's facts.
pub(super) fn facts(manifest: &Manifest) -> Markup {
    let machine = &manifest.machine;
    let rows = [
        ("command", manifest.command.join(" ")),
        ("driver", manifest.driver.name().to_owned()),
        ("seed", manifest.seed.to_string()),
        ("began", manifest.started.clone()),
        ("ended", manifest.finished.clone()),
        ("took", Unit::Seconds.show(manifest.wall_seconds)),
        (
            "machine",
            format!("{} {}, {} CPUs", machine.os, machine.arch, machine.cpus),
        ),
        ("geo database", manifest.geo_database.clone()),
        ("its SHA-256", manifest.geo_sha256.clone()),
        ("scenario's SHA-256", manifest.scenario_sha256.clone()),
        ("cdnlab", manifest.version.clone()),
    ];
    html! { dl.manifest { @for (name, value) in rows { dt { (name) } dd { code { (value) } } } } }
}
