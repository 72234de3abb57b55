//! Planned requests, drawn some at a time, so that the waits for memory overlap.

use super::{SimError, World};
use crate::plan::{PlannedRequest, Requests, RoutingMode, TraceError};

/// Planned requests, some drawn ahead.
pub(super) struct Ahead {
    requests: Requests,
    /// Those before `next` have begun.
    drawn: Vec<PlannedRequest>,
    next: usize,
    /// What comes after them, if it is an error.
    failed: Option<TraceError>,
}

impl Ahead {
    /// Requests drawn in one go.
    const MOST: usize = 64;

    pub(super) fn new(requests: Requests) -> Self {
        Self {
            requests,
            drawn: Vec::with_capacity(Self::MOST),
            next: 0,
            failed: None,
        }
    }

    /// The next request, as long as [`World::draw_ahead`] has been called for it.
    #[inline]
    pub(super) fn peek(&self) -> Option<&PlannedRequest> {
        self.drawn.get(self.next)
    }

    /// It has begun.
    #[inline]
    pub(super) fn advance(&mut self) {
        self.next += 1;
    }
}

impl World<'_> {
    /// Sees to it that the next planned request is there, if there is any. They are drawn some at a time, and what is known
    /// of their objects is looked at in one go: the waits for memory overlap, and the lines are near when needed.
    #[inline]
    pub(super) fn draw_ahead(&self, ahead: &mut Ahead) -> Result<(), SimError> {
        if ahead.next < ahead.drawn.len() {
            return Ok(());
        }
        if let Some(error) = ahead.failed.take() {
            return Err(error.into());
        }
        ahead.next = 0;
        ahead.drawn.clear();
        for request in ahead.requests.by_ref().take(Ahead::MOST) {
            match request {
                Ok(request) => ahead.drawn.push(request),
                Err(error) if ahead.drawn.is_empty() => return Err(error.into()),
                Err(error) => ahead.failed = Some(error),
            }
        }
        let mut seen = 0;
        for planned in &ahead.drawn {
            if let Some(index) = self.likely_node(planned)
                && let Some(node) = self.nodes.get(usize::from(index))
            {
                seen ^= node.look_at(self.keys.of(planned.object, 0));
                seen ^= self.fold.look_at(index, planned.object);
            }
        }
        std::hint::black_box(seen);
        Ok(())
    }

    /// Where a request will go, if that is cheap to say.
    fn likely_node(&self, planned: &PlannedRequest) -> Option<u16> {
        match self.plan.routing.mode {
            RoutingMode::Direct => None,
            RoutingMode::Nearest => self.nearest.node(planned.place, planned.client),
            RoutingMode::Router | RoutingMode::Redirect => {
                self.resolvers[usize::from(planned.place)].answer(self.now)
            }
        }
    }
}
