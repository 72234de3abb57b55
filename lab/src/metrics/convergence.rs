//! How long outdated answers go on after a fault has ended or a version was published.

use super::shape::{Effect, Shape};
use crate::plan::{Nanos, ObjectId};

/// What is seen of one region after one mark.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Since {
    /// Answers with a known version.
    pub(crate) answers: u64,
    pub(crate) outdated: u64,
    /// Send time of the last outdated one.
    pub(crate) last: Option<Nanos>,
    /// Send time of the last current one.
    pub(crate) clean: Option<Nanos>,
}

impl Since {
    fn see(&mut self, sent: Nanos, outdated: bool) {
        self.answers += 1;
        if outdated {
            self.outdated += 1;
            self.last = self.last.max(Some(sent));
        } else {
            self.clean = self.clean.max(Some(sent));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.answers += other.answers;
        self.outdated += other.outdated;
        self.last = self.last.max(other.last);
        self.clean = self.clean.max(other.clean);
    }

    /// Time until the last outdated answer was asked for; `None` if nothing is known, or if no current answer came after it.
    pub(crate) fn time(&self, from: Nanos) -> Option<Nanos> {
        match self.last {
            None => (self.answers > 0).then_some(0),
            Some(last) => (self.clean > self.last).then(|| last.saturating_sub(from)),
        }
    }
}

/// An instant from which convergence counts.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) at: Nanos,
    /// Index of its event.
    pub(crate) event: usize,
    /// The next fault or publication.
    pub(crate) until: Nanos,
    /// Of a publication: what was published.
    scope: Option<(u16, Option<u32>)>,
    pub(crate) regions: Vec<Since>,
}

impl Mark {
    fn concerns(&self, object: ObjectId) -> bool {
        self.scope.is_none_or(|(class, one)| {
            class == object.class && one.is_none_or(|one| one == object.object)
        })
    }
}

/// All marks of a run, those after a fault and those after a publication apart: a publication during a cut goes on
/// converging when the cut heals.
#[derive(Debug, Clone, Default)]
pub(crate) struct Convergence {
    pub(crate) heals: Vec<Mark>,
    pub(crate) publications: Vec<Mark>,
}

impl Convergence {
    pub(crate) fn event(&mut self, event: usize, at: Nanos, shape: &Shape) {
        let Some(effect) = shape.events.get(event).map(|event| &event.effect) else {
            return;
        };
        let scope = match effect {
            Effect::Publish { class, object } => Some((*class, *object)),
            Effect::Heal => None,
            Effect::Fault => {
                close(&mut self.heals, at);
                return;
            }
            _ => return,
        };
        let mark = Mark {
            at,
            event,
            until: Nanos::MAX,
            scope,
            regions: vec![Since::default(); shape.regions.len().max(1)],
        };
        close(&mut self.heals, at);
        match scope {
            None => self.heals.push(mark),
            Some(_) => {
                let same = self
                    .publications
                    .iter_mut()
                    .rev()
                    .find(|other| other.scope == scope);
                if let Some(other) = same {
                    other.until = other.until.min(at);
                }
                self.publications.push(mark);
            }
        }
    }

    /// Whether there is anything from which convergence counts.
    #[inline]
    pub(crate) fn is_awaited(&self) -> bool {
        !(self.heals.is_empty() && self.publications.is_empty())
    }

    /// Adds what was seen of other requests since the same marks.
    pub(crate) fn merge(&mut self, other: &Self) {
        let ours = self.heals.iter_mut().chain(&mut self.publications);
        let theirs = other.heals.iter().chain(&other.publications);
        for (ours, theirs) in ours.zip(theirs) {
            debug_assert_eq!((ours.at, ours.event), (theirs.at, theirs.event));
            for (ours, theirs) in ours.regions.iter_mut().zip(&theirs.regions) {
                ours.merge(theirs);
            }
        }
    }

    /// An answer whose version is known.
    pub(crate) fn see(&mut self, region: usize, object: ObjectId, sent: Nanos, outdated: bool) {
        let open = |mark: &&mut Mark| mark.at <= sent && sent < mark.until && mark.concerns(object);
        for marks in [&mut self.heals, &mut self.publications] {
            if let Some(since) = marks
                .iter_mut()
                .rev()
                .find(open)
                .and_then(|mark| mark.regions.get_mut(region))
            {
                since.see(sent, outdated);
            }
        }
    }
}

fn close(marks: &mut [Mark], at: Nanos) {
    if let Some(last) = marks.last_mut() {
        last.until = last.until.min(at);
    }
}
