//! Listening sockets: one for each data thread where the kernel balances them, one for all where
//! it does not.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait for being accepted. The system caps it (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// Linux spreads connections over sockets that share a port; macOS gives them all to one.
pub(crate) const BALANCED: bool = cfg!(target_os = "linux");

fn socket(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Only what is left of closed connections may be bound over; a live listener still refuses.
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// `count` sockets on one address.
///
/// A second process could bind a shared port in silence and take half of the connections. So the
/// port is first bound alone, which fails when anybody holds it.
pub(crate) fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    let alone = socket(address, false)?;
    if count <= 1 || !BALANCED {
        return Ok(vec![alone]);
    }
    let address = alone.local_addr()?;
    drop(alone);
    (0..count).map(|_| socket(address, true)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_second_node_cannot_share_the_port() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let first = bind(any, 2).unwrap();
        assert_eq!(first.len(), if BALANCED { 2 } else { 1 });
        let taken = first[0].local_addr().unwrap();
        assert_eq!(bind(taken, 2).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(bind(taken, 1).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
