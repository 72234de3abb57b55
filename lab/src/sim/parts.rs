//! Parts of a CDN that cannot touch each other, and how they are played: each in a world of its own, on as many threads as
//! there are, with the same result on any number of them.
//!
//! Nodes belong together if one fetches from the other. Everything is one part where more than that is shared: a router's
//! belief and its clients' resolvers, an origin that serves a limited number at once, requests that wait for each other, a
//! future known beforehand. Each thread draws all requests and plays those of its parts.

use std::num::NonZeroUsize;

use super::{SimError, World};
use crate::metrics::Fold;
use crate::plan::{Eviction, Nanos, Plan, PlannedRequest, RoutingMode};
use crate::progress::{Progress, Silent};
use crate::sim::Policies;
use crate::steering::Nearest;

/// Requests that are drawn and handed to the parts in one go.
const BATCH: usize = 1 << 12;

/// Which part each node is of.
#[derive(Debug)]
pub(super) struct Parts {
    of: Vec<usize>,
    count: usize,
}

/// One part, played to its end.
struct Played {
    part: usize,
    fold: Fold,
    end: Nanos,
}

impl Parts {
    pub(super) fn new(plan: &Plan) -> Self {
        let nodes = plan.nodes.len();
        let shared = plan.routing.mode != RoutingMode::Nearest
            || plan.sequential
            || plan.origin.catalogue.concurrency.is_some()
            || plan
                .nodes
                .iter()
                .any(|node| node.eviction == Eviction::Belady);
        if shared || nodes == 0 {
            return Self {
                of: vec![0; nodes],
                count: 1,
            };
        }
        // Each node's part is at first itself, then that of the last node on its way to the origin.
        let last = |node: u16| {
            let upstream = std::iter::successors(Some(node), |node| plan.upstream_node(*node));
            upstream.take(nodes).last().unwrap_or(node)
        };
        let roots: Vec<u16> = (0..u16::try_from(nodes).unwrap_or(u16::MAX))
            .map(last)
            .collect();
        let mut distinct = roots.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let part = |root| distinct.binary_search(root).unwrap_or(0);
        Self {
            of: roots.iter().map(part).collect(),
            count: distinct.len(),
        }
    }

    /// Whether a node is of this part.
    pub(super) fn has(&self, part: usize, node: u16) -> bool {
        self.of.get(usize::from(node)) == Some(&part)
    }

    /// Plays all parts on so many threads. The first part tells of its progress.
    pub(super) fn play(
        &self,
        plan: &Plan,
        policies: &Policies,
        threads: NonZeroUsize,
        progress: &mut dyn Progress,
    ) -> Result<(Fold, Nanos), SimError> {
        let threads = threads.get().min(self.count);
        let share = |thread: usize| (thread..self.count).step_by(threads).collect::<Vec<_>>();
        let mut played = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads)
                .map(|thread| {
                    scope.spawn(move || self.play_some(&share(thread), plan, policies, &mut Silent))
                })
                .collect();
            let mut played = self.play_some(&share(0), plan, policies, progress)?;
            for other in others {
                match other.join() {
                    Ok(others) => played.extend(others?),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok::<_, SimError>(played)
        })?;
        // In one order, whoever played what.
        played.sort_by_key(|played| played.part);
        let sum = played.into_iter().reduce(|mut sum, played| {
            sum.fold.merge(played.fold);
            sum.end = sum.end.max(played.end);
            sum
        });
        match sum {
            Some(sum) => Ok((sum.fold, sum.end)),
            None => Ok((Fold::new(plan), 0)),
        }
    }

    /// Plays some of the parts on this thread, turn by turn through one stream of requests.
    fn play_some(
        &self,
        parts: &[usize],
        plan: &Plan,
        policies: &Policies,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Played>, SimError> {
        let mut worlds = Vec::new();
        for part in parts {
            let world = World::new(plan, policies, |node| self.has(*part, node))?;
            worlds.push((*part, world, Vec::with_capacity(BATCH)));
        }
        let nearest = Nearest::new(plan);
        // Where each part stands among this thread's; the requests of the others are skipped.
        let mut place = vec![None; self.count];
        for (at, part) in parts.iter().enumerate() {
            place[*part] = Some(at);
        }
        for (_, world, _) in &mut worlds {
            world.prepare();
        }
        let addresses = match plan.routing.mode {
            RoutingMode::Direct => false,
            RoutingMode::Nearest => nearest.spreads(),
            RoutingMode::Router | RoutingMode::Redirect => true,
        };
        let mut requests = plan.requests_with(addresses);
        let mut batch: Vec<PlannedRequest> = Vec::with_capacity(BATCH);
        loop {
            batch.clear();
            requests.fill(&mut batch, BATCH)?;
            let Some(last) = batch.last().map(|last| last.due) else {
                break;
            };
            if let (1, [(part, world, _)]) = (self.count, worlds.as_mut_slice()) {
                world.play(&batch, last, teller(*part, progress, &mut Silent));
                continue;
            }
            for request in &batch {
                let node = nearest.node(request.place, request.client);
                let part = node.map_or(0, |node| self.of[usize::from(node)]);
                if let Some(at) = place[part] {
                    worlds[at].2.push(*request);
                }
            }
            for (part, world, requests) in &mut worlds {
                world.play(requests, last, teller(*part, progress, &mut Silent));
                requests.clear();
            }
        }
        let mut played = Vec::new();
        for (part, mut world, _) in worlds {
            world.end(teller(part, progress, &mut Silent));
            let (fold, end) = world.folded();
            played.push(Played { part, fold, end });
        }
        Ok(played)
    }
}

/// The first part tells of its progress.
fn teller<'a>(
    part: usize,
    progress: &'a mut dyn Progress,
    silent: &'a mut Silent,
) -> &'a mut dyn Progress {
    if part == 0 { progress } else { silent }
}
