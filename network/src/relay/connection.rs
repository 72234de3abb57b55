//! One connection through a link, from its accept to its end. It knows nothing of other connections.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::watch;

use super::State;
use super::counts::Counts;
use super::direction::{Direction, End, Ends};
use crate::control::{Cut, Direction as Which, How};
use crate::model::Flow;
use crate::time::{Clock, Nanos, Timer};

/// A handshake needs both directions, so any blackhole leaves connects unanswered; and where only answers are
/// stopped, those who send them are told by a reset, the client hears nothing.
pub(super) fn leaves_unanswered(cut: Cut) -> bool {
    cut.how == How::Blackhole || cut.direction == Which::From
}

pub(super) struct Connection {
    /// Counted from 0 in each link: its random streams depend on the order of connects only.
    pub(super) number: u64,
    pub(super) seed: u64,
    pub(super) state: watch::Receiver<State>,
    pub(super) counts: Arc<Counts>,
    pub(super) clock: Clock,
    pub(super) timer: Timer,
}

/// Why a handshake came to nothing.
enum Unmade {
    /// A cut that resets, or the end of the link.
    Reset,
    /// The target's answer, or that it has no address.
    Refused(std::io::Error),
}

impl Connection {
    pub(super) async fn carry(mut self, client: TcpStream) {
        let _open = Open(Arc::clone(&self.counts));
        let _ = client.set_nodelay(true);
        match self.handshake().await {
            Err(Unmade::Reset) => self.reset([client]),
            Err(Unmade::Refused(error)) => {
                tracing::debug!(%error, target = %self.state.borrow().target, "the target refused");
                self.counts.refused();
                self.reset([client]);
            }
            Ok((target, ready)) => self.converse(client, target, ready).await,
        }
    }

    /// Connects to the target when the SYN would have arrived there; with the time at which the client may send.
    async fn handshake(&mut self) -> Result<(TcpStream, Nanos), Unmade> {
        let mut begun = self.clock.now();
        loop {
            let (line, cut, closing) = {
                let state = self.state.borrow_and_update();
                (state.line, state.cut, state.closing)
            };
            match cut {
                _ if closing => return Err(Unmade::Reset),
                Some(cut) if !leaves_unanswered(cut) => return Err(Unmade::Reset),
                // Held until the cut heals; then the SYN sets out anew.
                Some(_) => {
                    if self.state.changed().await.is_err() {
                        return Err(Unmade::Reset);
                    }
                    begun = self.clock.now();
                    continue;
                }
                None => {}
            }
            let ready = begun + line.handshake();
            let crossing = self
                .clock
                .instant(begun + line.one_way().min(line.handshake()));
            let target = Arc::clone(&self.state.borrow().target);
            let connect = async {
                self.timer.sleep_until(crossing).await;
                let made = TcpStream::connect(&*target).await;
                if made.is_err() {
                    self.timer
                        .sleep_until(self.clock.instant(begun + line.model().rtt))
                        .await;
                }
                made
            };
            tokio::select! {
                biased;
                // Whatever changed meanwhile, the loop looks again; a cut or a new model begins it anew.
                changed = self.state.changed() => if changed.is_err() {
                    return Err(Unmade::Reset);
                },
                made = connect => return match made {
                    Ok(target) => {
                        let _ = target.set_nodelay(true);
                        Ok((target, ready))
                    }
                    Err(error) => Err(Unmade::Refused(error)),
                },
            }
        }
    }

    async fn converse(mut self, client: TcpStream, target: TcpStream, ready: Nanos) {
        let ends = Ends::default();
        let flow = |way| Flow::new(self.seed, self.number * 2 + way);
        let to = Direction::new(&self, &client, &target, Which::To, flow(0), ready);
        let from = Direction::new(&self, &target, &client, Which::From, flow(1), ready);
        let mut state = self.state.clone();
        let cut = tokio::select! {
            biased;
            cut = until_reset(&mut state) => cut,
            end = async { tokio::try_join!(to.run(&ends.to, &ends.from), from.run(&ends.from, &ends.to)) } => {
                if let Err(End::Reset) = end {
                    self.reset([client, target]);
                }
                return;
            }
        };
        let (told, later) = match cut {
            Which::Both => return self.reset([client, target]),
            Which::To => (client, target),
            Which::From => (target, client),
        };
        self.reset([told]);
        // The other end hears of it when the cut is over.
        let _ = self
            .state
            .wait_for(|state| state.closing || state.cut.is_none())
            .await;
        hang_up(later);
    }

    /// Ends a connection at the ends given, counted once.
    fn reset<const N: usize>(&self, streams: [TcpStream; N]) {
        self.counts.reset();
        streams.into_iter().for_each(hang_up);
    }
}

/// Ends a connection with RST instead of FIN.
pub(super) fn hang_up(stream: TcpStream) {
    // Where it is refused, the peer sees a FIN.
    let _ = socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO));
}

/// Completes when a cut resets connections or the link ends, with the direction that is stopped.
async fn until_reset(state: &mut watch::Receiver<State>) -> Which {
    let reset = |state: &State| state.closing || state.cut.is_some_and(|cut| cut.how == How::Reset);
    match state.wait_for(reset).await {
        Ok(state) if !state.closing => state.cut.map_or(Which::Both, |cut| cut.direction),
        _ => Which::Both,
    }
}

/// Counts a connection as open for as long as it lives, however it ends.
struct Open(Arc<Counts>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.closed();
    }
}
