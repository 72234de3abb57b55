//! Connections of the data listener: accepting, serving, draining.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use operator::Timings;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::sending::{Receipt, Sending};
use super::{Behind, Shared};

/// The connection is closed instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the origin was told to refuse")]
pub(super) struct Closed;

/// Serves until `draining` turns true, then until the last connection has ended.
pub(super) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut draining: watch::Receiver<bool>,
) {
    let mut open = JoinSet::new();
    let for_connections = draining.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    open.spawn(connection(stream, Arc::clone(&shared), for_connections.clone()));
                }
                Err(error) => after(&error).await,
            },
            Some(_) = open.join_next(), if !open.is_empty() => {}
            _ = told(&mut draining) => break,
        }
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}

/// Returns when draining begins, or when nobody is left to begin it.
async fn told(draining: &mut watch::Receiver<bool>) {
    let _ = draining.wait_for(|draining| *draining).await;
}

/// A connection that ended in the queue is nothing; a lack of descriptors needs time to pass.
async fn after(error: &io::Error) {
    if error.kind() != io::ErrorKind::ConnectionAborted {
        tracing::warn!(%error, "cannot accept a connection");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, mut draining: watch::Receiver<bool>) {
    // Without it small answers wait for acknowledgements; where it fails they do.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(Arc::clone(&shared), request));
    let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let early = tokio::select! {
        ended = serving.as_mut() => Some(ended),
        _ = told(&mut draining) => None,
    };
    let ended = match early {
        Some(ended) => ended,
        None => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Sending>, Closed> {
    let (parts, body) = request.into_parts();
    let receipt = Receipt::new(&shared, &parts);
    let stopwatch = Timings::begin(&parts.headers);
    let answer = match &shared.behind {
        Behind::Synthetic(synthetic) => {
            // Not under the lock: an answer may take its time.
            let synthetic = Arc::clone(&synthetic.read().unwrap_or_else(PoisonError::into_inner));
            synthetic.answer(&shared, &parts, receipt).await
        }
        Behind::Pass(upstream) => upstream.pass(&shared, parts, body, receipt).await,
    };
    if let Some(stopwatch) = stopwatch {
        shared.timings.end(stopwatch);
    }
    answer
}
