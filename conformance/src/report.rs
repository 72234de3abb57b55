//! Scores of one or several caches: a table, the misses, a transcript, JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use crate::case::Kind;
use crate::play::{Outcome, Played, Turn};
use crate::wire;

/// What one cache made of the suite.
#[derive(Clone, Debug)]
pub struct Results {
    /// The cache's name.
    pub name: String,
    /// Its cases, in the suite's order.
    pub played: Vec<Played>,
}

/// What one or several caches made of the same suite.
#[derive(Clone, Debug)]
pub struct Report {
    /// One for each cache.
    pub caches: Vec<Results>,
}

/// How many cases passed of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Not judged: a preparing step went otherwise, or a case it depends on has not passed.
    pub not_judged: usize,
}

impl Score {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed { .. } => self.failed += 1,
            Outcome::NotApplicable { .. } | Outcome::Depends(_) => self.not_judged += 1,
        }
    }

    const fn all(self) -> usize {
        self.passed + self.failed + self.not_judged
    }

    fn shown(self) -> String {
        match self.all() {
            0 => String::new(),
            all => format!("{}/{all}", self.passed),
        }
    }
}

impl Results {
    /// The score of one kind, of all subjects or of one.
    #[must_use]
    pub fn score(&self, kind: Kind, subject: Option<&str>) -> Score {
        let mut score = Score::default();
        for played in &self.played {
            let case = &played.case;
            if case.kind == kind && subject.is_none_or(|subject| subject_of(&case.id) == subject) {
                score.count(&played.outcome);
            }
        }
        score
    }

    /// The cases that did not pass, unless they were not judged.
    pub fn failures(&self) -> impl Iterator<Item = &Played> {
        self.played
            .iter()
            .filter(|played| matches!(played.outcome, Outcome::Failed { .. }))
    }
}

fn subject_of(id: &str) -> &str {
    id.split('/').next().unwrap_or(id)
}

impl Report {
    /// Whether each `must` case that could be judged passed at each cache.
    #[must_use]
    pub fn musts_hold(&self) -> bool {
        self.caches
            .iter()
            .all(|cache| cache.score(Kind::Must, None).failed == 0)
    }

    /// The score table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut line = |title: &str, cells: &[String]| {
            let mut line = format!("{title:<22}");
            for cell in cells {
                let _ = write!(line, "{cell:>10}");
            }
            let _ = writeln!(text, "{}", line.trim_end());
        };
        if self.caches.len() > 1 {
            let names = self.caches.iter();
            let names: Vec<_> = names
                .flat_map(|cache| [String::new(), cache.name.clone(), String::new()])
                .collect();
            line("", &names);
        }
        let kinds: Vec<_> = self
            .caches
            .iter()
            .flat_map(|_| Kind::ALL.map(|kind| kind.as_str().to_owned()))
            .collect();
        line("subject", &kinds);
        for subject in self.subjects() {
            line(subject, &self.row(Some(subject)));
        }
        line("all", &self.row(None));
        text.push_str("\npassed/all; what could not be judged counts as not passed:");
        for cache in &self.caches {
            let unjudged: usize = Kind::ALL
                .iter()
                .map(|kind| cache.score(*kind, None).not_judged)
                .sum();
            let _ = write!(text, " {unjudged} ({})", cache.name);
        }
        text.push('\n');
        text
    }

    fn row(&self, subject: Option<&str>) -> Vec<String> {
        let mut row = Vec::new();
        for cache in &self.caches {
            row.extend(Kind::ALL.map(|kind| cache.score(kind, subject).shown()));
        }
        row
    }

    fn subjects(&self) -> Vec<&str> {
        let mut subjects: Vec<&str> = Vec::new();
        for played in self.caches.iter().flat_map(|cache| &cache.played) {
            let subject = subject_of(&played.case.id);
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
        subjects
    }

    /// The misses of each cache, one below the other.
    #[must_use]
    pub fn misses(&self) -> String {
        let mut text = String::new();
        for cache in &self.caches {
            for played in cache.failures() {
                let _ = writeln!(text, "\n{}: {}", cache.name, line(played));
            }
        }
        text
    }

    /// All of it for other programs.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let caches: Vec<_> = self.caches.iter().map(cache_json).collect();
        serde_json::json!({ "caches": caches })
    }
}

fn cache_json(cache: &Results) -> serde_json::Value {
    let scores: BTreeMap<_, _> = Kind::ALL
        .iter()
        .map(|kind| (kind.as_str(), cache.score(*kind, None)))
        .collect();
    let cases: Vec<_> = cache
        .played
        .iter()
        .map(|played| {
            let (outcome, step, miss) = match &played.outcome {
                Outcome::Passed => ("passed", None, None),
                Outcome::Failed { step, miss } => ("failed", Some(step), Some(miss)),
                Outcome::NotApplicable { step, miss } => ("not-applicable", Some(step), Some(miss)),
                Outcome::Depends(_) => ("dependency-failed", None, None),
            };
            serde_json::json!({
                "id": played.case.id, "title": played.case.title, "section": played.case.section,
                "kind": played.case.kind, "outcome": outcome, "step": step, "miss": miss,
            })
        })
        .collect();
    serde_json::json!({ "name": cache.name, "scores": scores, "cases": cases })
}

/// A case that did not pass, in a few lines.
fn line(played: &Played) -> String {
    let case = &played.case;
    let mut text = format!(
        "{} [{}, {}] {}",
        case.id,
        case.kind.as_str(),
        case.section,
        case.title
    );
    match &played.outcome {
        Outcome::Passed => text.push_str("\n  passed"),
        Outcome::Failed { step, miss } => {
            let _ = write!(
                text,
                "\n  step {step}, expected: {}\n  seen: {}",
                miss.expected, miss.seen
            );
        }
        Outcome::NotApplicable { step, miss } => {
            let _ = write!(
                text,
                "\n  not applicable: preparing step {step}, expected: {}\n  seen: {}",
                miss.expected, miss.seen
            );
        }
        Outcome::Depends(id) => {
            let _ = write!(text, "\n  not judged: {id} has not passed");
        }
    }
    text
}

/// A case with all that went over the wire.
#[must_use]
pub fn transcript(played: &Played) -> String {
    let mut text = format!("{}\n", line(played));
    for (at, turn) in played.turns.iter().enumerate() {
        let _ = writeln!(text, "  -- step {}", at + 1);
        show_turn(&mut text, turn);
    }
    text
}

fn show_turn(text: &mut String, turn: &Turn) {
    let mut lines = |mark: &str, what: &str| {
        for line in what.lines() {
            let _ = writeln!(text, "  {mark} {}", line.trim_end());
        }
    };
    lines("client  >", &turn.sent);
    for seen in &turn.seen {
        lines("  origin  >", &format!("{} {}", seen.method, seen.target));
        lines("  origin  >", &field_lines(&seen.fields));
    }
    match &turn.answer {
        Err(error) => lines("client  <", &format!("({error})")),
        Ok(answer) => {
            for (status, fields) in &answer.interim {
                lines("client  <", &format!("{status}\n{}", field_lines(fields)));
            }
            lines(
                "client  <",
                &format!("{}\n{}", answer.status, field_lines(&answer.fields)),
            );
            let end = if answer.complete { "" } else { " (cut off)" };
            lines(
                "client  <",
                &format!("\n{:?}{end}", wire::text(&answer.body)),
            );
        }
    }
}

fn field_lines(fields: &[(String, String)]) -> String {
    fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect()
}
