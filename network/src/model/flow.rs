//! One direction of one connection over a link: slow start, rate, jitter and loss as times of arrival.
//!
//! It knows nothing of how a link is configured, nor of what the bytes mean.

use rand_core::Rng;
use rand_pcg::Pcg32;

use super::{IDLE_RESTART, INITIAL_WINDOW, LinkModel, MSS, handshake};
use crate::time::{Nanos, SECOND};

/// No window grows beyond this; it keeps doubling from overflowing and stands for no real limit.
const WINDOW_LIMIT: u64 = 1 << 40;
/// No loss has been drawn yet.
const UNDRAWN: u64 = u64::MAX;
/// So many segments behind a lost one must arrive for the loss to be noticed (RFC 5681 section 3.2).
const DUPLICATES: u64 = 3;

/// A [`LinkModel`] worked out for use: made once per link, shared by its flows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    model: LinkModel,
    one_way: Nanos,
    /// Nanoseconds per byte, as 32.32 fixed point: exact where division would be slow. 0: no limit.
    pace: u64,
    /// From a window's first byte leaving to its acknowledgement: a round trip and one segment on the wire.
    round: Nanos,
    /// The smallest window that lasts until its first acknowledgement, so that only the rate limits.
    saturation: u64,
    /// 1 / ln(1 - loss), by which a draw becomes a count of segments until the next loss; 0: no loss.
    until_loss: f64,
}

impl Line {
    /// Works out a model; figures out of bounds are clamped.
    pub fn new(model: &LinkModel) -> Self {
        let model = LinkModel {
            rtt: model.rtt.min(LinkModel::LONGEST),
            rate_bps: model.rate_bps.map(|rate| rate.max(LinkModel::SLOWEST)),
            jitter: model.jitter.min(LinkModel::LONGEST),
            loss_ppm: model.loss_ppm.min(LinkModel::LOSSIEST),
            handshake: model.handshake,
        };
        let pace = model.rate_bps.map_or(0, |rate| {
            (((8 * SECOND as u128) << 32) / rate as u128) as u64
        });
        let until_loss = match model.loss_ppm {
            0 => 0.0,
            loss => 1.0 / libm::log1p(-f64::from(loss) / 1e6),
        };
        let mut line = Self {
            model,
            one_way: model.rtt / 2,
            pace,
            round: 0,
            saturation: 0,
            until_loss,
        };
        line.round = model.rtt + line.on_wire(MSS);
        line.saturation = match (line.round, pace) {
            (0, _) => 0,
            (_, 0) => u64::MAX,
            (round, pace) => {
                let bytes = (u128::from(round) << 32).div_ceil(u128::from(pace));
                u64::try_from(bytes).unwrap_or(u64::MAX)
            }
        };
        line
    }

    /// The model, clamped.
    pub fn model(&self) -> &LinkModel {
        &self.model
    }

    /// Propagation one way: half a round trip.
    pub fn one_way(&self) -> Nanos {
        self.one_way
    }

    /// Time from the start of a connect until the first request can leave.
    pub fn handshake(&self) -> Nanos {
        handshake(&self.model)
    }

    /// Time that bytes take to be put on the wire; 0 without a limit of rate.
    #[inline]
    pub fn on_wire(&self, bytes: u64) -> Nanos {
        if self.pace == 0 {
            return 0;
        }
        let time = (u128::from(bytes) * u128::from(self.pace)) >> 32;
        u64::try_from(time).unwrap_or(u64::MAX)
    }

    /// Bytes under way at full rate during a round trip and the jitter; `None` without a limit of rate.
    pub fn bandwidth_delay(&self) -> Option<u64> {
        let rate = u128::from(self.model.rate_bps?);
        let span = u128::from(self.model.rtt + self.model.jitter);
        Some(u64::try_from(rate * span / (8 * u128::from(SECOND))).unwrap_or(u64::MAX))
    }

    /// Whether a window lasts until its first acknowledgement.
    #[inline]
    fn saturated_by(&self, window: u64) -> bool {
        window >= self.saturation
    }
}

/// When bytes that were sent arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The first segment.
    pub first: Nanos,
    /// The last byte.
    pub last: Nanos,
}

/// One direction of one connection as far as its sender goes: the window and the line's occupation. On a line without
/// jitter and loss this is all there is to know.
///
/// Slow start in rounds, as the closed form has it: a window goes out, its first acknowledgement comes back a round
/// trip later and opens the next one, twice as large if this one was used up. Never again smaller, but for
/// silence ([`IDLE_RESTART`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Bytes that may be sent in a round.
    window: u64,
    /// Bytes sent in this round.
    sent: u64,
    /// When this round's first byte left.
    round: Nanos,
    /// When the sender's last byte left: the line is free from then.
    free: Nanos,
}

impl Default for Sender {
    /// One that has sent nothing.
    fn default() -> Self {
        Self {
            window: INITIAL_WINDOW,
            sent: 0,
            round: 0,
            free: 0,
        }
    }
}

impl Sender {
    /// As [`Flow::send`] on a line without jitter and loss: nothing is drawn, and nothing can overtake, if the line's
    /// round-trip time does not fall while bytes are under way.
    #[inline]
    pub fn send(&mut self, line: &Line, now: Nanos, bytes: u64) -> Delivery {
        let mut at = now.max(self.free);
        let mut new_burst = self.begin_burst(line, now, at);
        let mut left = bytes;
        let mut first = None;
        // Mostly one turn: what is sent fits into the window.
        while left > 0 {
            let part = self.part(line, &mut at, left, new_burst);
            if part == 0 {
                continue;
            }
            new_burst = false;
            if first.is_none() {
                first = Some(at.saturating_add(line.on_wire(part.min(MSS))));
            }
            at = at.saturating_add(line.on_wire(part));
            left -= part;
        }
        self.free = at;
        Delivery {
            first: first.unwrap_or(at).saturating_add(line.one_way),
            last: at.saturating_add(line.one_way),
        }
    }

    /// A sender that was silent for long begins anew. Whether this is a burst of its own.
    #[inline]
    fn begin_burst(&mut self, line: &Line, now: Nanos, at: Nanos) -> bool {
        if now <= self.free {
            return false;
        }
        // Acknowledgements still on their way are no silence.
        if at - self.free >= IDLE_RESTART.max(line.round) {
            self.window = self.window.min(INITIAL_WINDOW);
            self.sent = 0;
        }
        true
    }

    /// How many of `left` bytes leave from `at` on without a wait for an acknowledgement. 0: `at` has become the time
    /// at which the next round begins.
    #[inline]
    fn part(&mut self, line: &Line, at: &mut Nanos, left: u64, new_burst: bool) -> u64 {
        if line.saturated_by(self.window) {
            return if line.until_loss == 0.0 {
                left
            } else {
                left.min(self.window)
            };
        }
        if self.sent > 0 && *at >= self.round.saturating_add(line.round) {
            // Window used up => twice the window. A sender that had less to say learns nothing (RFC 7661 section 4.3).
            if self.sent >= self.window {
                self.window = (self.window * 2).min(WINDOW_LIMIT);
            }
            self.sent = 0;
            if line.saturated_by(self.window) {
                return 0;
            }
        }
        let part = left.min(self.window - self.sent.min(self.window));
        // A burst that outweighs what trickled before it in its round waits for its own acknowledgement.
        if self.sent == 0 || (new_burst && part > self.sent) {
            self.round = *at;
        }
        if part == 0 {
            *at = self.round.saturating_add(line.round);
        }
        self.sent += part;
        part
    }
}

/// One direction of one connection, with what chance does to it on the way.
#[derive(Clone, Debug)]
pub struct Flow {
    sender: Sender,
    /// Nothing arrives before what was sent before it.
    arrived: Nanos,
    /// Extra delay of the burst under way.
    jitter: Nanos,
    /// Segments until the next loss, or [`UNDRAWN`]: a model may begin to lose while the flow runs.
    until_loss: u64,
    random: Pcg32,
    begun: bool,
}

impl Flow {
    /// A flow that has sent nothing. `seed` belongs to the link or run, `stream` to this direction of this connection.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self {
            sender: Sender::default(),
            arrived: 0,
            jitter: 0,
            until_loss: UNDRAWN,
            random: Pcg32::new(seed, stream),
            begun: false,
        }
    }

    /// Bytes that may be under way unacknowledged.
    pub fn window(&self) -> u64 {
        self.sender.window
    }

    /// The sender hands over `bytes` at `now`, in one piece. Calls come in order of time; an earlier `now`
    /// counts as the time at which the line becomes free.
    pub fn send(&mut self, line: &Line, now: Nanos, bytes: u64) -> Delivery {
        self.schedule(line, now, bytes, u64::MAX, |_, _| {})
    }

    /// As [`send`](Self::send), telling `emit` of the arrival of each part: never more than `step` bytes of it, in order.
    pub fn schedule(
        &mut self,
        line: &Line,
        now: Nanos,
        bytes: u64,
        step: u64,
        mut emit: impl FnMut(u64, Nanos),
    ) -> Delivery {
        let mut at = now.max(self.sender.free);
        let new_burst = self.begin_burst(line, now, at);
        let step = step.max(1);
        let mut left = bytes;
        let mut first = None;
        while left > 0 {
            let part = self
                .sender
                .part(line, &mut at, left, new_burst && left == bytes);
            if part == 0 {
                continue;
            }
            let mut lost = self.lose(line, part);
            let mut done = 0;
            // Cut where a loss falls, for what is before it comes in time, and at each step. Times are taken from the
            // start of the part, so that small steps do not add up their roundings.
            while done < part {
                if let Some((_, stall)) = lost.take_if(|(good, _)| *good == done) {
                    at = at.saturating_add(stall);
                }
                let left_after = |bytes| at.saturating_add(line.on_wire(bytes));
                let good = lost.map_or(part, |(good, _)| good);
                let piece = (good - done).min(step);
                first.get_or_insert_with(|| self.arrival(line, left_after(part.min(MSS))));
                done += piece;
                self.arrived = self.arrival(line, left_after(done));
                emit(piece, self.arrived);
            }
            at = at.saturating_add(line.on_wire(part));
            left -= part;
        }
        self.sender.free = at;
        let last = self.arrival(line, at);
        self.arrived = last;
        Delivery {
            first: first.unwrap_or(last),
            last,
        }
    }

    fn arrival(&self, line: &Line, left: Nanos) -> Nanos {
        self.arrived.max(
            left.saturating_add(line.one_way)
                .saturating_add(self.jitter),
        )
    }

    /// Idle or silent => a new burst, with a draw of its own. Whether it is one.
    fn begin_burst(&mut self, line: &Line, now: Nanos, at: Nanos) -> bool {
        if !self.sender.begin_burst(line, now, at) && self.begun {
            return false;
        }
        self.begun = true;
        self.jitter = match line.model.jitter {
            0 => 0,
            // Scaled by multiplication: even, and the same everywhere.
            jitter => ((u128::from(self.random.next_u64()) * u128::from(jitter + 1)) >> 64) as u64,
        };
        true
    }

    /// Where in the next `bytes` a segment is lost, and for how long that holds up it and all behind it: a round trip
    /// until the acknowledgements of later segments show it, two if too few follow (RFC 8985, RACK-TLP).
    /// At most one loss in a window's worth: recovery repairs the others along with it.
    fn lose(&mut self, line: &Line, bytes: u64) -> Option<(u64, Nanos)> {
        if line.until_loss == 0.0 {
            return None;
        }
        let segments = bytes.div_ceil(MSS);
        if self.until_loss == UNDRAWN {
            self.until_loss = self.draw_loss(line);
        }
        if self.until_loss >= segments {
            self.until_loss -= segments;
            return None;
        }
        let good = self.until_loss;
        self.until_loss = self.draw_loss(line);
        let tail = segments - good <= DUPLICATES;
        Some((good * MSS, line.model.rtt * if tail { 2 } else { 1 }))
    }

    /// Segments until the next loss: geometric, by inversion.
    fn draw_loss(&mut self, line: &Line) -> u64 {
        // 53 bits, in (0, 1]; the cast saturates.
        let even = ((self.random.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
        (libm::log(even) * line.until_loss) as u64
    }
}
