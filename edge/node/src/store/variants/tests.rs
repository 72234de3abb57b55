//! The note of a resource's variants may be evicted while they stay.

use bytes::Bytes;
use edge_core::{Digest, ResponseHead, Stored, StoredHead};
use http::{HeaderValue, StatusCode};

use super::super::{Body, Response};
use super::*;
use crate::config::Config;

const NOW: Timestamp = Timestamp(1_000);

fn request(kind: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(http::header::ACCEPT, HeaderValue::from_static(kind))])
}

fn insert(store: &Store, primary: &CacheKey, kind: &'static str, body: &'static str) {
    let vary = (http::header::VARY, HeaderValue::from_static("accept"));
    let head = ResponseHead {
        status: StatusCode::OK,
        headers: HeaderMap::from_iter([vary]),
    };
    let stamp = store.stamp();
    let place = store.place(primary, stamp, &request(kind), &head.headers, |_| ());
    let response = Response {
        facts: Stored {
            digest: Digest::fresh_for(60_000),
            born: NOW,
        },
        head: StoredHead::new(&head),
        body: Body::new(vec![Bytes::from_static(body.as_bytes())]),
        trailers: None,
    };
    store.insert_response(place.key, stamp, Arc::new(response));
}

fn find(store: &Store, primary: &CacheKey, kind: &'static str) -> Option<Vec<u8>> {
    let found = store.look_up(primary, &request(kind), NOW);
    Some(found.response?.body.pieces().concat())
}

/// An unsafe request does not reach them then: for it, nothing is stored.
#[tokio::test]
async fn variants_do_not_outlive_the_note_of_them() {
    let config = Config::new("a", "http://b");
    let store = Store::open(&config).await.expect("a store of memory");
    let primary = CacheKey::from_text("http://a.test/x");
    insert(&store, &primary, "text/html", "old");
    insert(&store, &primary, "text/plain", "old too");
    assert_eq!(find(&store, &primary, "text/html").unwrap(), b"old");
    assert_eq!(find(&store, &primary, "text/plain").unwrap(), b"old too");
    store.memory.evict(&primary);
    assert!(!store.contains(&primary));
    insert(&store, &primary, "text/plain", "new");
    assert_eq!(find(&store, &primary, "text/plain").unwrap(), b"new");
    assert_eq!(find(&store, &primary, "text/html"), None);
}
