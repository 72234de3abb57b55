//! What happens beside the traffic in virtual time: planned events, counters at the borders of
//! windows, and the passing of seconds.

use super::exchange::Question;
use super::facts::timestamp;
use super::node::Node;
use super::queue::Happening;
use super::{SECOND, World};
use crate::observe::RequestId;
use crate::plan::{Event, Purge, Spot};
use crate::progress::Progress;

impl World<'_> {
    /// Puts everything into the queue that the plan knows beforehand.
    pub(super) fn prepare(&mut self) {
        // Events first: at one instant they come before what clients do.
        for (event, index) in self.plan.events.iter().zip(0u32..) {
            self.queue.push(event.at, Happening::Planned(index));
            self.events_left += 1;
        }
        for &border in self.fold.boundaries() {
            self.queue.push(border, Happening::Border);
        }
        self.queue.push(SECOND, Happening::Second);
        if self.plan.routing.has_router() {
            let serves = |node: &u16| self.wires.find(Spot::Router, Spot::Node(*node)).is_some();
            let nodes: Vec<u16> = (0..u16::try_from(self.nodes.len()).unwrap_or(u16::MAX))
                .filter(serves)
                .collect();
            for node in nodes {
                self.queue.push(0, Happening::Check(node));
            }
        }
    }

    pub(super) fn happen(&mut self, what: Happening, progress: &mut dyn Progress) {
        match what {
            Happening::Arrive(id) => self.arrive(id),
            Happening::Served(id) => self.served(id),
            Happening::Head(id) => self.head(id),
            Happening::Whole(id) => self.whole(id),
            Happening::FillArrives(id) => self.fill_arrives(id),
            Happening::FillHead(id) => self.fill_head(id),
            Happening::FillWhole(id) => self.fill_whole(id),
            Happening::Broken(id) => self.broken(id),
            Happening::Alarm(row) => self.alarm(row),
            Happening::Check(node) => self.check(node),
            Happening::Checked(node, well) => self.checked(node, well),
            Happening::Planned(index) => self.planned(index as usize, progress),
            Happening::Border => self.tell_counters(),
            Happening::Second => {
                self.tell_counters();
                self.settle();
                self.queue.push(self.now + SECOND, Happening::Second);
            }
        }
    }

    /// Requests below the first one that is still under way anywhere have been seen by both sides.
    pub(super) fn settle(&mut self) {
        if !self.fold.is_unsettled() {
            return;
        }
        let step = |question: &Question| match question.id {
            RequestId::Step(step) => Some(step),
            _ => None,
        };
        let clients = self.clients.iter().map(|(_, client)| client.step);
        let fetches = self.fetches.iter().map(|(_, fetch)| &fetch.question);
        let jobs = self.jobs.iter().map(|(_, job)| &job.question);
        let asked = fetches.chain(jobs).filter_map(step);
        let waiting = clients.chain(self.lane.steps());
        let first = waiting.chain(asked).min().unwrap_or(self.begun);
        self.fold.settle_steps(first);
    }

    pub(super) fn tell_counters(&mut self) {
        for (node, index) in self.nodes.iter().zip(0u16..) {
            if node.up && node.is_here() {
                self.fold.node_stats(index, &node.counters(), self.now);
            }
        }
    }

    fn planned(&mut self, index: usize, progress: &mut dyn Progress) {
        self.events_left = self.events_left.saturating_sub(1);
        let event = &self.plan.events[index];
        if matches!(event.what, Event::Link(_) | Event::Kill(_)) {
            self.clear_lane();
        }
        match &event.what {
            Event::Origin(faults) => {
                self.origin.faults = *faults;
                let now = timestamp(self.now);
                for (node, planned) in self.nodes.iter_mut().zip(&self.plan.nodes) {
                    node.rules.set_fault(&planned.policy, faults.status, now);
                }
            }
            Event::Link(state) => {
                if let Some((link, was_cut)) = self.wires.set(state) {
                    if self.wires.resets(link) {
                        self.break_link(link);
                    } else if was_cut {
                        self.release(link);
                    }
                }
            }
            Event::Kill(node) => {
                if self.nodes.len() > usize::from(*node) {
                    self.kill(*node);
                }
            }
            Event::Restart(node) => {
                if let Some(node) = self.nodes.get_mut(usize::from(*node)) {
                    node.up = true;
                }
            }
            Event::Publish(selector) => self.origin.publish(*selector, self.now),
            Event::Purge(purge) => self.purge(purge),
        }
        self.fold.event(index, self.now);
        progress.event(self.now, &event.label);
    }

    /// A purge by URL concerns every variant, and a fill under way must not survive it.
    fn purge(&mut self, purge: &Purge) {
        let Some(object) = purge.object else { return };
        let now = timestamp(self.now);
        let variants = self.keys.variants(object);
        let first = self.keys.of(object, 0);
        for &index in &purge.nodes {
            let here = self
                .nodes
                .get(usize::from(index))
                .is_some_and(Node::is_here);
            for key in (first..first + variants).filter(|_| here) {
                self.meet(index, key);
                let node = &mut self.nodes[usize::from(index)];
                let planned = node.rules.planned(object, 0).copied();
                node.purge(key, purge.soft.then_some((planned, now)));
            }
            self.forget_fills(index, first..first + variants);
        }
    }
}
