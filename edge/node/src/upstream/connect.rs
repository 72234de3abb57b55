//! Connections to upstream: TCP, and TLS where the URL says https.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Requests that a connection has been used for; travels with it, so that an error can tell
/// whether the connection was kept alive from an earlier request.
#[derive(Debug, Clone, Default)]
pub(super) struct Uses(Arc<AtomicU32>);

impl Uses {
    /// Notes one more complete exchange on this connection.
    pub(super) fn note(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether an earlier request was answered on this connection.
    pub(super) fn reused(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// Why there is no connection, where that is not a matter of TCP.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(super) enum Obstacle {
    /// The host's name has no address.
    #[error("the name cannot be resolved")]
    Name,
    /// TLS was not agreed: no TLS there, or a certificate that is not trusted.
    #[error("TLS was not agreed")]
    Tls,
}

impl Obstacle {
    /// What stood in the way, if an error of a connection tells.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }
}

/// Makes connections, within a bound of time.
#[derive(Clone)]
pub(super) struct Connector {
    timeout: Duration,
    tls: Option<TlsConnector>,
}

impl Connector {
    pub(super) fn new(tls: Option<Arc<rustls::ClientConfig>>, timeout: Duration) -> Self {
        Self {
            timeout,
            tls: tls.map(TlsConnector::from),
        }
    }

    async fn connect(self, uri: Uri) -> io::Result<Stream> {
        let bound = self.timeout;
        let connecting = self.connect_without_bound(uri);
        // Timed out is the same to the caller whether TCP or TLS did not answer.
        tokio::time::timeout(bound, connecting)
            .await
            .map_err(|_| io::ErrorKind::TimedOut)?
    }

    async fn connect_without_bound(self, uri: Uri) -> io::Result<Stream> {
        let no_host = || io::Error::new(io::ErrorKind::InvalidInput, "no host");
        let host = uri
            .host()
            .ok_or_else(no_host)?
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let port = uri
            .port_u16()
            .unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let tcp = match host.parse() {
            // The resolver runs on a blocking thread; an address needs none.
            Ok(address) => TcpStream::connect(SocketAddr::new(address, port)).await?,
            Err(_) => {
                let found = tokio::net::lookup_host((host.as_str(), port)).await;
                let found: Vec<_> = found.into_iter().flatten().collect();
                if found.is_empty() {
                    return Err(io::Error::other(Obstacle::Name));
                }
                TcpStream::connect(found.as_slice()).await?
            }
        };
        tcp.set_nodelay(true)?;
        let kind = match self.tls {
            None => Kind::Plain(TokioIo::new(tcp)),
            Some(tls) => {
                let name = ServerName::try_from(host)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
                let agreed = tls.connect(name, tcp).await.map_err(|error| {
                    tracing::debug!(%error, "no TLS with upstream");
                    io::Error::other(Obstacle::Tls)
                })?;
                Kind::Tls(Box::new(TokioIo::new(agreed)))
            }
        };
        Ok(Stream {
            kind,
            uses: Uses::default(),
        })
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// A connection to upstream.
pub(super) struct Stream {
    kind: Kind,
    uses: Uses,
}

enum Kind {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.uses.clone())
    }
}

/// Calls the same method on whichever stream it is.
macro_rules! on_either {
    ($stream:expr, $method:ident, $($argument:expr),*) => {
        match &mut $stream.get_mut().kind {
            Kind::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Kind::Tls(stream) => Pin::new(&mut **stream).$method($($argument),*),
        }
    };
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        on_either!(self, poll_read, cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_either!(self, poll_write, cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_either!(self, poll_flush, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_either!(self, poll_shutdown, cx)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.kind {
            Kind::Plain(stream) => stream.is_write_vectored(),
            Kind::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_either!(self, poll_write_vectored, cx, slices)
    }
}
