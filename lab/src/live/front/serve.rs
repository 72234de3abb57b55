//! The front's web service: connections, paths, the feed.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures_util::{Stream, StreamExt};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_service::Service;

use super::news::News;
use super::{Front, orders, page};

/// How long a visitor's connection may stay silent.
const IDLE: Duration = Duration::from_secs(60);
pub(super) const PLAIN: &str = "text/plain; charset=utf-8";

/// Takes connections, for ever.
pub(super) async fn accept(front: &Arc<Front>, listener: TcpListener) {
    let routes = Router::new()
        .route("/", get(page::page))
        .route("/events", get(events))
        .route("/lab/{*order}", any(orders::order))
        .fallback(site)
        .with_state(Arc::clone(front));
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // A lack of descriptors needs time to pass.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let routes = routes.clone();
        tokio::spawn(async move {
            let service = service_fn(|request: http::Request<hyper::body::Incoming>| {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(Peer(peer.ip()));
                routes.clone().call(request)
            });
            // What a visitor breaks off is the visitor's affair.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Who has connected.
#[derive(Debug, Clone, Copy)]
struct Peer(IpAddr);

pub(super) fn peer(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<Peer>();
    // Unknown is nobody of this machine.
    peer.map_or(IpAddr::from([0, 0, 0, 0]), |Peer(peer)| *peer)
}

async fn site(State(front): State<Arc<Front>>, request: Request) -> Response {
    let peer = peer(&request);
    match front.site(peer, request.into_parts().0).await {
        Ok(reply) => reply,
        Err((status, words)) => text(status, PLAIN, format!("{words}\n")),
    }
}

/// The news as server-sent events, from now on.
async fn events(State(front): State<Arc<Front>>, headers: HeaderMap) -> Response {
    if let Err(refusal) = front.door.look(&headers) {
        return text(refusal.status(), PLAIN, format!("{refusal}\n"));
    }
    let Ok(place) = Arc::clone(&front.feeds).try_acquire_owned() else {
        let words = "too many pages are open on this front\n";
        return text(StatusCode::SERVICE_UNAVAILABLE, PLAIN, words);
    };
    let events = newest(front.news.subscribe()).map(move |news| {
        // Given back when the reader has gone.
        let _ = &place;
        let event = Event::default().id(news.seq.to_string());
        event.json_data(&*news)
    });
    Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response()
}

/// What is newest whenever it is asked for; what came in between is never kept.
fn newest(reader: watch::Receiver<Arc<News>>) -> impl Stream<Item = Arc<News>> {
    futures_util::stream::unfold((reader, true), async |(mut reader, first)| {
        if !first {
            reader.changed().await.ok()?;
        }
        let news = Arc::clone(&reader.borrow_and_update());
        Some((news, (reader, false)))
    })
}

/// A reply of one piece.
pub(super) fn text(status: StatusCode, kind: &'static str, words: impl Into<Body>) -> Response {
    let mut reply = Response::new(words.into());
    *reply.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn a_reader_that_lags_gets_the_newest_and_holds_up_nobody() {
        let news = |seq| {
            Arc::new(News {
                seq,
                ..News::default()
            })
        };
        let sender = watch::Sender::new(news(1));
        let mut quick = pin!(newest(sender.subscribe()));
        let mut slow = pin!(newest(sender.subscribe()));
        assert_eq!(slow.next().await.map(|news| news.seq), Some(1));
        let old = Arc::downgrade(&sender.borrow());
        for seq in 2..=100 {
            // Nobody waits for the slow one: this returns at once.
            sender.send_replace(news(seq));
            assert_eq!(quick.next().await.map(|news| news.seq), Some(seq));
        }
        assert!(
            old.upgrade().is_none(),
            "what it has missed is kept nowhere"
        );
        assert_eq!(slow.next().await.map(|news| news.seq), Some(100));
        drop(sender);
        assert!(slow.next().await.is_none());
    }
}
