//! Links and connections in virtual time: pools of kept-alive connections, the network's one model of
//! a transfer, cuts. It knows bytes and instants; it knows nothing of what is asked or answered.
//!
//! What it leaves out: a message is carried as a whole. A cut holds what would arrive during it, and
//! what it held arrives one crossing after healing.

use std::collections::VecDeque;

use network::model::{Delivery, Line, LinkModel, Sender};

use super::slab::Id;
use crate::plan::{Cut, CutKind, Direction, LinkState, Nanos, Plan, Spot};

/// Bytes of a request's head.
const REQUEST_HEAD: u64 = 320;
/// Bytes of a response's head.
pub(super) const RESPONSE_HEAD: u64 = 420;
/// The origin and the router close connections that were idle for so long.
const FAR_IDLE: Nanos = 60_000_000_000;

/// One connection: the far end's side of it. An exchange that uses it holds it; dropping it closes it.
///
/// The near end's side needs no memory: it sends one small request per round trip, which never fills a window. Links of a
/// plan have neither jitter nor loss, so that nothing is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connection {
    far: Sender,
}

/// A connection that nobody uses, and since when.
#[derive(Debug, Clone, Copy)]
struct Idle {
    connection: Connection,
    since: Nanos,
}

/// One link: its model as it is now, and its idle connections, the latest used last.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) from: Spot,
    pub(super) to: Spot,
    line: Line,
    /// From sending a request until its last byte is at the far end, on a connection that is there.
    pub(super) crossing: Nanos,
    pub(super) cut: Option<Cut>,
    idle: Vec<Idle>,
    /// Those that will be idle at a time that is known already, the first one first.
    returning: VecDeque<Idle>,
    /// The far end closes a connection that was idle for so long.
    patience: Nanos,
    /// What a cut holds: exchanges whose next message would have arrived.
    pub(super) held: Vec<(Id, bool)>,
}

/// All links of a plan, in the order of `Plan::links`.
#[derive(Debug)]
pub(super) struct Wires {
    links: Vec<Link>,
    /// How many links are cut, so that the common case is one comparison.
    pub(super) cuts: usize,
}

/// A request on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) connection: Connection,
    pub(super) arrives: Nanos,
    /// Whether the connection had to be made for it, and how long that takes.
    pub(super) new: bool,
    pub(super) handshake: Nanos,
}

impl Wires {
    pub(super) fn new(plan: &Plan) -> Self {
        let links = plan.links().into_iter().map(|(from, to)| {
            let line = Line::new(&plan.link(from, to));
            Link {
                from,
                to,
                crossing: crossing(&line),
                line,
                cut: None,
                idle: Vec::new(),
                returning: VecDeque::new(),
                patience: match to {
                    Spot::Node(node) => plan.nodes[usize::from(node)].timeouts.idle,
                    _ => FAR_IDLE,
                },
                held: Vec::new(),
            }
        });
        Self {
            links: links.collect(),
            cuts: 0,
        }
    }

    /// The link between two spots.
    pub(super) fn find(&self, from: Spot, to: Spot) -> Option<u32> {
        let found = self
            .links
            .iter()
            .position(|link| (link.from, link.to) == (from, to))?;
        u32::try_from(found).ok()
    }

    pub(super) fn link(&self, link: u32) -> &Link {
        &self.links[link as usize]
    }

    pub(super) fn one_way(&self, link: u32) -> Nanos {
        self.link(link).line.one_way()
    }

    /// The longest way of any link.
    pub(super) fn farthest(&self) -> Nanos {
        let ways = self.links.iter().map(|link| link.line.one_way());
        ways.max().unwrap_or(0)
    }

    pub(super) fn round_trip(&self, link: u32) -> Nanos {
        self.link(link).line.model().rtt
    }

    /// What a new connection takes before its first request.
    pub(super) fn handshake(&self, link: u32) -> Nanos {
        self.link(link).line.handshake()
    }

    /// Whether a new connection would stay unanswered.
    pub(super) fn unanswered(&self, link: u32) -> bool {
        self.link(link)
            .cut
            .is_some_and(|cut| cut.how == CutKind::Blackhole)
    }

    /// Whether every message on this link is answered with a reset.
    pub(super) fn resets(&self, link: u32) -> bool {
        self.link(link)
            .cut
            .is_some_and(|cut| cut.how == CutKind::Reset)
    }

    /// Sends a request at `now`, on an idle connection or on a new one, which pays its handshake.
    #[inline]
    pub(super) fn request(&mut self, link: u32, now: Nanos) -> Sent {
        let reused = self.reuse(link, now);
        let link = &self.links[link as usize];
        if let Some(connection) = reused {
            return Sent {
                connection,
                arrives: now + link.crossing,
                new: false,
                handshake: 0,
            };
        }
        let handshake = link.line.handshake();
        Sent {
            connection: Connection {
                far: Sender::default(),
            },
            arrives: now + handshake + link.crossing,
            new: true,
            handshake,
        }
    }

    /// Takes the idle connection that was used last, if the far end has not closed it by now.
    #[inline(always)]
    pub(super) fn reuse(&mut self, link: u32, now: Nanos) -> Option<Connection> {
        let link = &mut self.links[link as usize];
        let last = link.last_used(now)?;
        if now.saturating_sub(last.since) < link.patience {
            return Some(last.connection);
        }
        // Those below it have been idle for even longer.
        link.idle.clear();
        None
    }

    /// Sends an answer back at `now`.
    #[inline]
    pub(super) fn respond(
        &self,
        link: u32,
        connection: &mut Connection,
        now: Nanos,
        bytes: u64,
    ) -> Delivery {
        connection
            .far
            .send(&self.links[link as usize].line, now, bytes)
    }

    /// The exchange on a connection is over at `from`: now, or later for certain. It is kept from then on.
    #[inline]
    pub(super) fn keep(&mut self, link: u32, connection: Connection, now: Nanos, from: Nanos) {
        let link = &mut self.links[link as usize];
        let idle = Idle {
            connection,
            since: from,
        };
        if from <= now {
            link.welcome(now);
            link.idle.push(idle);
            return;
        }
        let returning = &mut link.returning;
        // Mostly behind all others: they came before it, and most answers take about as long.
        if returning.back().is_none_or(|last| last.since <= from) {
            returning.push_back(idle);
        } else {
            let place = returning.partition_point(|other| other.since <= from);
            returning.insert(place, idle);
        }
    }

    /// The idle connections of a link are closed by their far end, or by a reset.
    pub(super) fn close_idle(&mut self, link: u32) {
        let link = &mut self.links[link as usize];
        link.idle.clear();
        link.returning.clear();
    }

    /// Every link that ends or begins at a spot.
    pub(super) fn at(&self, spot: Spot) -> impl Iterator<Item = u32> + '_ {
        let here = move |link: &Link| link.from == spot || link.to == spot;
        self.links
            .iter()
            .zip(0u32..)
            .filter(move |(link, _)| here(link))
            .map(|(_, index)| index)
    }

    /// Whether a message in this direction is held now.
    pub(super) fn holds(&self, link: u32, answer: bool) -> bool {
        let Some(cut) = self.link(link).cut else {
            return false;
        };
        cut.how == CutKind::Blackhole
            && match cut.direction {
                Direction::Both => true,
                Direction::Forward => !answer,
                Direction::Backward => answer,
            }
    }

    /// Holds an exchange's next message until the cut heals.
    pub(super) fn hold(&mut self, link: u32, exchange: Id, answer: bool) {
        self.links[link as usize].held.push((exchange, answer));
    }

    /// Brings a link into a state; its index, and whether it was cut before.
    pub(super) fn set(&mut self, state: &LinkState) -> Option<(u32, bool)> {
        let index = self.find(state.from, state.to)?;
        let link = &mut self.links[index as usize];
        let was = link.cut.is_some();
        link.cut = state.cut;
        let model: &LinkModel = &state.model;
        link.line = Line::new(model);
        link.crossing = crossing(&link.line);
        self.cuts = self.links.iter().filter(|link| link.cut.is_some()).count();
        Some((index, was))
    }

    /// Takes what the link has held, if it may go on now.
    pub(super) fn released(&mut self, link: u32) -> Vec<(Id, bool)> {
        let held = std::mem::take(&mut self.links[link as usize].held);
        let (stay, go): (Vec<_>, Vec<_>) = held
            .into_iter()
            .partition(|&(_, answer)| self.holds(link, answer));
        self.links[link as usize].held = stay;
        go
    }
}

impl Link {
    /// Takes the connection that was used last and is idle now.
    #[inline(always)]
    fn last_used(&mut self, now: Nanos) -> Option<Idle> {
        match self.returning.pop_front_if(|first| first.since < now) {
            Some(first) if self.returning.front().is_none_or(|next| next.since >= now) => {
                Some(first)
            }
            Some(first) => {
                self.idle.push(first);
                self.welcome(now);
                self.idle.pop()
            }
            None => self.idle.pop(),
        }
    }

    /// Connections whose exchanges were over before `now` are idle.
    #[inline]
    fn welcome(&mut self, now: Nanos) {
        while let Some(first) = self.returning.front()
            && first.since < now
        {
            self.idle.extend(self.returning.pop_front());
        }
    }
}

fn crossing(line: &Line) -> Nanos {
    line.on_wire(REQUEST_HEAD) + line.one_way()
}
