//! How a ride finds others on the same way: what is stored, which flight is under way, and what that
//! flight brings.

use std::sync::Arc;
use std::time::Duration;

use edge_core::ranges::Spec;
use edge_core::{CacheKey, Event, Landing, Timestamp, UpstreamError};
use http::HeaderValue;

use crate::flights::{Arrived, Cargo, Joined, Landed};
use crate::parts;
use crate::ride::{Ask, Followed, Ride};
use crate::slices;
use crate::store::{self, Found};

impl Ride {
    pub(crate) fn look_up(&mut self) -> Event {
        let found = self.look();
        let lookup = found.lookup;
        self.found = Some(found);
        Event::Found(lookup)
    }

    /// Whether what is stored of a response is all that this request wants of it.
    fn holds(&self, response: &store::Response) -> bool {
        let (node, head) = (self.node(), &self.ask.head);
        parts::holds(
            head,
            response,
            response.facts,
            &node.config.policy,
            node.now(),
        )
    }

    fn look(&self) -> Found {
        let (node, Ask { key, head, .. }) = (self.node(), &self.ask);
        let now = node.now();
        let found = node.store.look_up(key, &head.headers, now);
        let found = slices::fit(node, found, head, key);
        parts::fit(found, head, &node.config.policy, now)
    }

    /// The range to ask upstream for, where nothing is stored that could be validated.
    pub(crate) fn range(&self) -> Option<&(Spec, HeaderValue)> {
        let nothing = self
            .found
            .as_ref()
            .is_none_or(|found| found.response.is_none());
        let whole = || self.knows_ranges() == Some(false);
        self.ask
            .range
            .as_ref()
            .filter(|_| nothing && !self.background && !whole())
    }

    fn knows_ranges(&self) -> Option<bool> {
        let node = self.node();
        node.ranged.knows(&self.ask.key, node.now())
    }

    /// The key of the flight to join or lead: that of the whole where it is under way or wanted; that
    /// of the first to ask where nobody knows yet whether upstream knows ranges.
    fn flight_key(&self) -> CacheKey {
        let key = self.meeting_key();
        match self.range() {
            Some((_, field)) if !self.node().flights.contains(key) => match self.knows_ranges() {
                Some(_) => parts::flight_key(key, field),
                None => parts::first_flight_key(key),
            },
            _ => key.clone(),
        }
    }

    /// The key under which this request meets others.
    pub(crate) fn meeting_key(&self) -> &CacheKey {
        self.found
            .as_ref()
            .and_then(|found| found.variant.as_ref())
            .unwrap_or(&self.ask.key)
    }

    pub(crate) fn join(&mut self) -> Event {
        let node = Arc::clone(self.node());
        let primary = &self.ask.key;
        let before = self.found.as_ref();
        let join = |key: &CacheKey| {
            node.flights.join(
                key,
                node.store.stamp(),
                |stamp| node.store.current(stamp, primary),
                || {
                    let again = self.look();
                    before
                        .is_none_or(|before| !before.same(&again))
                        .then_some(again)
                },
            )
        };
        let joined = loop {
            let key = self.flight_key();
            let joined = join(&key);
            // The first answer may have come meanwhile, and its flight gone to another key.
            if matches!(joined, Joined::Lead(_)) && self.flight_key() != key {
                continue;
            }
            break joined;
        };
        match joined {
            Joined::Lead(leading) => {
                self.leading = Some(leading);
                Event::Lead
            }
            Joined::Follow(flight) => {
                if let Some(interim) = &self.ask.interim {
                    flight.hints().listen(interim.clone());
                }
                let landed = flight.landed().borrow().clone();
                self.following = Some(flight);
                landed.map_or(Event::Following, |landed| self.landed(landed))
            }
            Joined::Found(found) => {
                let lookup = found.lookup;
                self.found = Some(found);
                Event::Found(lookup)
            }
        }
    }

    pub(crate) async fn wait(&mut self, until: Timestamp) -> Event {
        let Some(flight) = self.following.take() else {
            return Event::WaitExpired;
        };
        let mut landing = flight.landed();
        let left = until.since(self.node().now()).max(0).unsigned_abs();
        let landed = tokio::time::timeout(
            Duration::from_millis(left),
            landing.wait_for(Option::is_some),
        )
        .await;
        let landed = match landed {
            Err(_) => return Event::WaitExpired,
            Ok(landed) => landed.ok().and_then(|landed| landed.clone()),
        };
        match landed {
            Some(landed) => self.landed(landed),
            None => Event::Landed(Landing::Failed(UpstreamError::Abandoned)),
        }
    }

    /// Whether all that this ride wants is in what has arrived: it may be another part.
    fn is_covered_by(&self, arrived: &Arrived) -> bool {
        arrived
            .part
            .zip(arrived.length)
            .is_none_or(|(part, total)| {
                let wanted = self.ask.range.as_ref();
                let wanted = wanted.and_then(|(spec, _)| spec.within(total));
                wanted.is_some_and(|wanted| part.covers(&wanted))
            })
    }

    /// What a landing means for this ride: a shared response must be one for its request, and
    /// still there from the first byte on.
    fn landed(&mut self, landed: Landed) -> Event {
        match landed.cargo {
            Cargo::None => Event::Landed(landed.landing),
            Cargo::Validated(response) if !self.holds(&response) => {
                Event::Landed(Landing::NotShareable)
            }
            Cargo::Validated(response) => {
                self.cargo = Followed::Validated(response);
                Event::Landed(landed.landing)
            }
            Cargo::Arrived(arrived) => {
                if let Some((fields, key)) = &arrived.varies {
                    let node = self.node();
                    let (key_of, headers) = (&self.ask.key, &self.ask.head.headers);
                    let own = node.store.named(key_of, fields, headers);
                    if own != *key {
                        // Another variant's. The store knows by now that there are variants.
                        return self.look_up();
                    }
                }
                if arrived.slice || !self.is_covered_by(&arrived) {
                    return self.look_up();
                }
                let Some(reader) = arrived.transfer.reader() else {
                    return Event::Landed(Landing::NotShareable);
                };
                self.cargo = Followed::Body(arrived, reader);
                Event::Landed(landed.landing)
            }
        }
    }
}
