//! A client's connection, which may not stand still while there is something to write to it, and on
//! which interim responses go out between hyper's messages.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::interim::Outlet;

/// A socket that fails when its peer takes nothing for the idle timeout. Without it, one reader
/// that stands still could hold a fill and its upstream connection for ever.
pub(crate) struct Socket {
    stream: TokioIo<TcpStream>,
    outlet: Arc<Outlet>,
    /// What of an interim response is still to be written.
    rest: Bytes,
    idle: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    stuck: bool,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, idle: Duration, outlet: Arc<Outlet>) -> Self {
        Self {
            stream: TokioIo::new(stream),
            outlet,
            rest: Bytes::new(),
            idle,
            deadline: None,
            stuck: false,
        }
    }

    fn bounded<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stuck = false;
            return written;
        }
        let until = Instant::now() + self.idle;
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if !std::mem::replace(&mut self.stuck, true) {
            deadline.as_mut().reset(until);
        }
        deadline
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.outlet.is_cut_short() {
            // A socket that refuses it is closed all the same.
            let _ = SockRef::from(self.stream.inner()).set_linger(Some(Duration::ZERO));
        }
    }
}

impl Socket {
    /// Writes what is left of an interim response; nothing may come into the middle of it.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(cx, &self.rest);
            let written = ready!(self.bounded(cx, written))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.rest.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl Read for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl Write for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_rest(cx))?;
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.bounded(cx, written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes when it has written all of its own: here one message ends, none begins.
        let this = self.get_mut();
        loop {
            ready!(this.poll_rest(cx))?;
            match this.outlet.take(cx) {
                Some(interim) => this.rest = interim,
                None => return Pin::new(&mut this.stream).poll_flush(cx),
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_rest(cx))?;
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.bounded(cx, written)
    }
}
