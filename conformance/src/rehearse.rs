//! Plays a case without sockets and without waiting, in virtual time: against a cache that is a function.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;

use crate::case::{Case, Framing, Script, Step};
use crate::client::{self, Answer};
use crate::judge::{Seen, judge};
use crate::play::{Outcome, Played, Turn};
use crate::script::{self, Question, Words};
use crate::wire::{self, End, Reader};

/// When the play begins, since the epoch.
const BEGINNING: Duration = Duration::from_secs(1_800_000_000);
/// Between two steps.
const MOMENT: Duration = Duration::from_millis(1);

/// Asks the origin: its answer, and how long that took; `None` where it closes the connection without one.
pub type Ask<'a> = &'a mut dyn FnMut(Seen) -> (Option<Answer>, Duration);

impl Case {
    /// Whether the case is about messages alone, not about connections or bytes on their way.
    #[must_use]
    pub fn can_be_rehearsed(&self) -> bool {
        let plain = |script: &Script| {
            script.raw.is_none()
                && script.cut_after.is_none()
                && script.interim.is_empty()
                && script.trailers.is_empty()
                && script.framing == Framing::Length
        };
        let whole = |step: &Step| {
            step.raw.is_none() && step.at_once == 1 && !step.incomplete && plain(&step.origin)
        };
        self.steps.iter().all(whole)
    }
}

/// Plays a case. `cache` answers a request at an instant, asking the origin if it wants to.
pub fn rehearse(
    case: &Arc<Case>,
    mut cache: impl FnMut(&Seen, SystemTime, Ask<'_>) -> Answer,
) -> Played {
    let start = UNIX_EPOCH + BEGINNING;
    let mut words = Words {
        path: format!("/{}", case.id),
        authority: "cache.example.test".to_owned(),
        start,
        now: start,
    };
    let mut turns = Vec::new();
    let mut outcome = Outcome::Passed;
    for (step, number) in case.steps.iter().zip(1..) {
        words.now += MOMENT + Duration::from_secs_f64(step.after);
        let sent = client::request(step, number, &words);
        let mut seen = Vec::new();
        let mut took = Duration::ZERO;
        let answer = read_request(&sent, number).map(|request| {
            let mut ask = |asked: Seen| {
                let asked = Seen {
                    step: number,
                    ..asked
                };
                let answer = respond(case, &asked, &words);
                let delay = Duration::from_millis(step.origin.delay_ms);
                took += delay;
                seen.push(asked);
                (answer, delay)
            };
            cache(&request, words.now, &mut ask)
        });
        words.now += took;
        let answer = answer.ok_or_else(|| "the request could not be read".to_owned());
        let judged = judge(case, number, &answer, &seen, &words);
        turns.push(Turn {
            sent: wire::text(&sent),
            answer,
            seen,
        });
        if let Err(miss) = judged {
            outcome = if step.setup {
                Outcome::NotApplicable { step: number, miss }
            } else {
                Outcome::Failed { step: number, miss }
            };
            break;
        }
    }
    Played {
        case: Arc::clone(case),
        outcome,
        turns,
    }
}

fn read_request(bytes: &[u8], step: usize) -> Option<Seen> {
    // All bytes are here: nothing is waited for.
    let mut reader = Reader::new(bytes);
    let head = reader.head().now_or_never()?.ok()??;
    let body = reader
        .body(wire::end(&head.fields, End::Empty))
        .now_or_never()?;
    let mut words = head.first.split(' ').map(str::to_owned);
    Some(Seen {
        step,
        method: words.next()?,
        target: words.next()?,
        fields: head.fields,
        content: body.bytes,
    })
}

fn respond(case: &Case, asked: &Seen, words: &Words) -> Option<Answer> {
    let script = &case.steps.get(asked.step - 1)?.origin;
    if script.silent {
        return None;
    }
    let range = wire::combined(&asked.fields, "range");
    let question = Question {
        id: &case.id,
        number: asked.step,
        method: &asked.method,
        conditional: asked.is_conditional(),
        range: range.as_deref(),
    };
    let written = script::write(script, &question, words);
    let mut reader = Reader::new(written.last.as_slice());
    client::read(&mut reader, &asked.method)
        .now_or_never()?
        .ok()
}
