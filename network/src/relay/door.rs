//! A listener that can leave connects unanswered, as a network does whose packets vanish.
//!
//! On Linux a listening socket whose accept queue is full drops the SYNs that come: its backlog is shrunk to nothing and
//! the one place left is taken by a connection of our own. Opening restores the backlog, takes our own connection out, and
//! the clients' repeated SYNs (after 1 s, 2 s, ...) are answered. Elsewhere, and should the queue not fill, connects are
//! answered and then nothing more happens, which clients see as a first byte that never comes.
//! It knows nothing of what is carried.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

/// Connects that may wait for being accepted. The system caps it (Linux: 4,096).
const BACKLOG: i32 = 4_096;
/// A connect on this machine takes well below a millisecond: one that is not answered for so long finds the queue full.
const ANSWER: Duration = Duration::from_millis(20);
/// Connections of our own that may be needed to fill a queue.
const FILLERS: usize = 8;
/// After a failed accept (out of descriptors), so that the loop does not spin.
const BREATH: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
    address: SocketAddr,
    /// Shut, and the accept queue is full: nothing may be accepted, since that would make room.
    full: bool,
    /// Our own connections in the queue.
    fillers: Vec<TcpStream>,
}

impl Door {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        // A port whose old connections linger in TIME_WAIT can be had again; one that is in use cannot.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from_std(socket.into())?;
        let address = listener.local_addr()?;
        Ok(Self {
            listener,
            address,
            full: false,
            fillers: Vec::new(),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next client. Waits for as long as the door is shut.
    pub(super) async fn accept(&mut self) -> TcpStream {
        if self.full {
            std::future::pending::<()>().await;
        }
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let ours = self
                        .fillers
                        .iter()
                        .position(|f| f.local_addr().is_ok_and(|a| a == peer));
                    match ours {
                        Some(filler) => drop(self.fillers.swap_remove(filler)),
                        None => return stream,
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, listen = %self.address, "cannot accept");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }

    /// Open => shut: connects stay unanswered where the platform allows it.
    pub(super) async fn shut(&mut self) {
        if self.full || !cfg!(target_os = "linux") {
            return;
        }
        if let Err(error) = SockRef::from(&self.listener).listen(0) {
            tracing::warn!(%error, "cannot shrink the accept queue: connects will be answered");
            return;
        }
        for _ in 0..FILLERS {
            match tokio::time::timeout(ANSWER, TcpStream::connect(self.own_address())).await {
                Ok(Ok(filler)) => self.fillers.push(filler),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "cannot fill the accept queue: connects will be answered");
                    break;
                }
                Err(_) => {
                    self.full = true;
                    return;
                }
            }
        }
        self.open();
    }

    /// Shut => open: also after a shutting that failed.
    pub(super) fn open(&mut self) {
        self.full = false;
        if let Err(error) = SockRef::from(&self.listener).listen(BACKLOG) {
            tracing::warn!(%error, "cannot restore the accept queue");
        }
    }

    /// An address at which we reach ourselves.
    fn own_address(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, self.address.port())
    }
}
