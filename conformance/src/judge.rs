//! The judge: whether what was seen in a step is what its case expects. Pure.

use crate::case::{Asked, Case, Script, Served, Step};
use crate::client::Answer;
use crate::script::{self, MARK, Words};
use crate::wire::{self, Fields};

/// A request as the origin saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The step that it belongs to, counted from 1.
    pub step: usize,
    /// Its method.
    pub method: String,
    /// Its target.
    pub target: String,
    /// Its field lines.
    pub fields: Fields,
    /// Its content.
    pub content: Vec<u8>,
}

impl Seen {
    /// Whether it has a precondition that a 304 answers.
    pub(crate) fn is_conditional(&self) -> bool {
        ["if-none-match", "if-modified-since"]
            .iter()
            .any(|name| wire::combined(&self.fields, name).is_some())
    }
}

/// What was expected, and what was seen in its place.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Miss {
    /// What the case expects.
    pub expected: String,
    /// What was there.
    pub seen: String,
}

fn miss(expected: impl Into<String>, seen: impl Into<String>) -> Result<(), Miss> {
    Err(Miss {
        expected: expected.into(),
        seen: seen.into(),
    })
}

/// Judges a step, `number` counted from 1, by its answer and the requests at the origin.
pub(crate) fn judge(
    case: &Case,
    number: usize,
    answer: &Result<Answer, String>,
    seen: &[Seen],
    words: &Words,
) -> Result<(), Miss> {
    let step = &case.steps[number - 1];
    let answer = match answer {
        Ok(answer) => answer,
        Err(_) if step.incomplete => return Ok(()),
        Err(error) => return miss("a response", error.clone()),
    };
    check_asked(step, seen, words)?;
    if step.incomplete {
        let told = !answer.complete || answer.status >= 500;
        return if told {
            Ok(())
        } else {
            miss("a response that is cut off, or an error", "a whole one")
        };
    }
    let from = mark(answer);
    check_served(step, number, from, seen, answer)?;
    check_status(case, step, from, answer)?;
    for line in &step.fields {
        check_field(&answer.fields, &words.fill(line), "field")?;
    }
    for name in &step.absent {
        if let Some(value) = wire::combined(&answer.fields, name) {
            return miss(format!("no {name}"), format!("{name}: {value}"));
        }
    }
    for line in &step.trailers {
        check_field(&answer.trailers, &words.fill(line), "trailer")?;
    }
    check_interim(step, answer, words)?;
    check_body(case, step, from, answer)
}

/// The step whose response this is, as its mark says.
fn mark(answer: &Answer) -> Option<usize> {
    wire::combined(&answer.fields, MARK)?.parse().ok()
}

fn check_asked(step: &Step, seen: &[Seen], words: &Words) -> Result<(), Miss> {
    let asked = match seen {
        [] => "the origin was not asked",
        all if all.iter().any(Seen::is_conditional) => "the origin was asked with a precondition",
        _ => "the origin was asked without a precondition",
    };
    let needed = match step.asked {
        Some(Asked::Never) if !seen.is_empty() => Some("the origin is not asked"),
        Some(Asked::Always | Asked::Soon) if seen.is_empty() => Some("the origin is asked"),
        Some(Asked::Conditional) if !seen.iter().any(Seen::is_conditional) => {
            Some("the origin is asked with a precondition")
        }
        Some(Asked::Unconditional) if seen.is_empty() || seen.iter().any(Seen::is_conditional) => {
            Some("the origin is asked without a precondition")
        }
        _ => None,
    };
    if let Some(needed) = needed {
        return miss(needed, asked);
    }
    if let Some(times) = step.asked_times
        && seen.len() != times
    {
        return miss(
            format!("{times} requests at the origin"),
            format!("{}", seen.len()),
        );
    }
    if !step.asked_with.is_empty() {
        let Some(first) = seen.first() else {
            return miss("the origin is asked", asked);
        };
        for line in &step.asked_with {
            check_field(&first.fields, &words.fill(line), "field at the origin")?;
        }
    }
    for name in &step.asked_without {
        if let Some(value) = seen
            .iter()
            .find_map(|seen| wire::combined(&seen.fields, name))
        {
            return miss(
                format!("no {name} at the origin"),
                format!("{name}: {value}"),
            );
        }
    }
    Ok(())
}

fn check_served(
    step: &Step,
    number: usize,
    from: Option<usize>,
    seen: &[Seen],
    answer: &Answer,
) -> Result<(), Miss> {
    let Some(served) = step.served else {
        return Ok(());
    };
    let stored = from.is_some_and(|from| from < number);
    let source = match from {
        None => format!("a response of the cache's own, status {}", answer.status),
        Some(from) if from < number => format!("the stored response of step {from}"),
        Some(_) => "the origin's response of this step".to_owned(),
    };
    let asked = match seen {
        [] => ", the origin not asked",
        all if all.iter().any(Seen::is_conditional) => ", the origin asked with a precondition",
        _ => ", the origin asked without a precondition",
    };
    let (holds, expected) = match served {
        Served::Hit => (
            stored && seen.is_empty(),
            "a stored response, the origin not asked",
        ),
        Served::Stored => (stored, "a stored response"),
        Served::Validated => (
            stored && seen.iter().any(Seen::is_conditional),
            "a stored response, the origin asked with a precondition",
        ),
        Served::Origin => (from == Some(number), "the origin's response of this step"),
        Served::NotStored => (!stored, "no stored response"),
        Served::Cache => (from.is_none(), "a response of the cache's own"),
    };
    if holds {
        Ok(())
    } else {
        miss(expected, format!("{source}{asked}"))
    }
}

/// Whether the step's own request may turn another status out of the one it is served from.
fn is_plain(step: &Step) -> bool {
    !step.send.iter().any(|line| {
        let name = wire::split_line(line).0.to_ascii_lowercase();
        name.starts_with("if-") || name == "range"
    })
}

fn check_status(
    case: &Case,
    step: &Step,
    from: Option<usize>,
    answer: &Answer,
) -> Result<(), Miss> {
    if !step.status.is_empty() {
        if step.status.contains(&answer.status) {
            return Ok(());
        }
        let allowed: Vec<_> = step.status.iter().map(u16::to_string).collect();
        return miss(
            format!("status {}", allowed.join(" or ")),
            format!("status {}", answer.status),
        );
    }
    let Some(script) = from.and_then(|from| script_of(case, from)) else {
        return Ok(());
    };
    if is_plain(step)
        && script.raw.is_none()
        && !matches!(script.status, 206 | 304)
        && script.status != answer.status
    {
        return miss(
            format!("status {}", script.status),
            format!("status {}", answer.status),
        );
    }
    Ok(())
}

fn script_of(case: &Case, number: usize) -> Option<&Script> {
    Some(&case.steps.get(number.checked_sub(1)?)?.origin)
}

/// `Name: value`, `Name ~ part`, `Name !~ part`, `Name >= 10`, `Name <= 10`, `Name ?`.
fn check_field(fields: &[(String, String)], line: &str, what: &str) -> Result<(), Miss> {
    let name_end = line.find([':', ' ']).unwrap_or(line.len());
    let (name, test) = line.split_at(name_end);
    let value = wire::combined(fields, name);
    let (operator, operand) = match test.strip_prefix(' ') {
        Some(test) => test.split_once(' ').unwrap_or((test, "")),
        None => (":", test.strip_prefix(':').unwrap_or_default().trim()),
    };
    let number = |text: &str| text.trim().parse::<i64>().ok();
    let holds = match (&value, operator) {
        (Some(value), ":") => value == operand,
        (Some(value), "~") => value.contains(operand),
        (value, "!~") => !value.as_ref().is_some_and(|value| value.contains(operand)),
        (Some(value), ">=") => number(value) >= number(operand) && number(value).is_some(),
        (Some(value), "<=") => number(value) <= number(operand) && number(value).is_some(),
        (value, "?") => value.is_some(),
        _ => false,
    };
    if holds {
        return Ok(());
    }
    let seen = value.map_or_else(|| format!("no {name}"), |value| format!("{name}: {value}"));
    miss(format!("{what} {line}"), seen)
}

fn check_interim(step: &Step, answer: &Answer, words: &Words) -> Result<(), Miss> {
    let Some(expected) = &step.interim else {
        return Ok(());
    };
    let statuses: Vec<_> = answer
        .interim
        .iter()
        .map(|(status, _)| status.to_string())
        .collect();
    let wanted: Vec<_> = expected
        .iter()
        .map(|line| line.split(' ').next().unwrap_or_default())
        .collect();
    if statuses != wanted {
        return miss(
            format!("interim responses {wanted:?}"),
            format!("{statuses:?}"),
        );
    }
    for (line, (_, fields)) in expected.iter().zip(&answer.interim) {
        if let Some((_, field)) = line.split_once(' ') {
            check_field(fields, &words.fill(field), "interim field")?;
        }
    }
    Ok(())
}

fn check_body(case: &Case, step: &Step, from: Option<usize>, answer: &Answer) -> Result<(), Miss> {
    if !answer.complete {
        return miss("a whole response", "one that is cut off");
    }
    let shown = |bytes: &[u8]| format!("the body {:?}", wire::text(bytes));
    for part in &step.body_has {
        if !wire::text(&answer.body).contains(part.as_str()) {
            return miss(format!("{part:?} within the body"), shown(&answer.body));
        }
    }
    let expected = match (&step.body, from) {
        (Some(body), _) => wire::bytes(body),
        (None, Some(from)) if step.body_has.is_empty() => {
            let Some(script) = script_of(case, from) else {
                return Ok(());
            };
            let whole = script.raw.is_none()
                && script.cut_after.is_none()
                && script.status == answer.status;
            if !whole || answer.status == 206 || step.method == "HEAD" || !is_plain(step) {
                return Ok(());
            }
            if case.steps[from - 1].method == "HEAD" {
                return Ok(());
            }
            script::content(script, &case.id, from)
        }
        _ => return Ok(()),
    };
    if answer.body == expected {
        Ok(())
    } else {
        miss(shown(&expected), shown(&answer.body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_compared() {
        let fields = vec![
            ("Age".to_owned(), "12".to_owned()),
            ("Link".to_owned(), "<a>".to_owned()),
            ("link".to_owned(), "<b>".to_owned()),
        ];
        let check = |line: &str, holds: bool| {
            assert_eq!(check_field(&fields, line, "field").is_ok(), holds, "{line}");
        };
        check("Age: 12", true);
        check("Age: 1", false);
        check("age >= 12", true);
        check("Age <= 11", false);
        check("Link: <a>, <b>", true);
        check("Link ~ <b>", true);
        check("Link !~ <c>", true);
        check("Link !~ <a>", false);
        check("ETag !~ a", true);
        check("ETag ?", false);
        check("ETag <= 3", false);
    }
}
