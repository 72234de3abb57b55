//! What a decision costs, in time and allocations: `cargo bench -p edge-core`.
//!
//! `hit` and `miss` are what the simulator runs per request, and the edge after it has looked up;
//! the others are what the edge adds in heads.

use std::hint::black_box;

use divan::{AllocProfiler, Bencher};
use edge_core::{
    Action, Answer, Digest, Event, Exchange, From, Handling, Lookup, Policy, RequestHead,
    RequestKind, ResponseHead, Scheme, Source, Stored, StoredHead, TargetUri, Timestamp, born,
    client_response, decide, digest, fields::date,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

fn main() {
    divan::main();
}

fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::try_from(*value))
        {
            headers.append(name, value);
        }
    }
    headers
}

/// What a browser sends, roughly.
fn browser() -> HeaderMap {
    fields(&[
        ("host", "www.example.test"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        ),
        (
            "accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        ),
        ("accept-language", "de,en-US;q=0.7,en;q=0.3"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("x-forwarded-for", "198.18.0.1"),
    ])
}

fn request() -> RequestHead {
    let uri = Uri::from_static("/images/logo.png?v=3");
    let headers = browser();
    let target = TargetUri::from_request(&Method::GET, &uri, &headers, Scheme::Http);
    RequestHead {
        method: Method::GET,
        target: target.expect("a target"),
        headers,
    }
}

fn response() -> ResponseHead {
    let headers = fields(&[
        ("date", &date::format(NOW)),
        ("server", "origin"),
        ("content-type", "image/png"),
        ("content-length", "10240"),
        (
            "cache-control",
            "public, max-age=3600, stale-while-revalidate=60",
        ),
        ("etag", "\"v3-0123456789abcdef\""),
        ("last-modified", &date::format(NOW.minus(86_400_000))),
        ("vary", "accept-encoding"),
    ]);
    ResponseHead::received(StatusCode::OK, headers, NOW)
}

fn facts() -> Digest {
    digest(&request(), &response(), &Policy::default(), NOW).expect("a storable response")
}

/// A hit: integers only.
#[divan::bench]
fn hit_decide(bencher: Bencher) {
    let (policy, digest, later) = (Policy::default(), facts(), NOW.plus(60_000));
    bencher.bench(|| {
        let request = black_box(RequestKind::PLAIN);
        decide(
            black_box(&policy),
            black_box(&digest),
            NOW,
            &request,
            black_box(later),
        )
    });
}

/// A hit as a whole exchange.
#[divan::bench]
fn hit_exchange(bencher: Bencher) {
    let (policy, later) = (Policy::default(), NOW.plus(60_000));
    let stored = Stored {
        digest: facts(),
        born: NOW,
    };
    bencher.bench(|| {
        let (mut exchange, _) = Exchange::begin(&policy, black_box(RequestKind::PLAIN), later);
        exchange.handle(&policy, Event::Found(Lookup::Hit(black_box(stored))), later)
    });
}

/// A miss as a whole exchange: looked up, led, answered, landed.
#[divan::bench]
fn miss_exchange(bencher: Bencher) {
    let policy = Policy::default();
    let answer = Answer {
        status: 200,
        storable: Ok(facts()),
        born: NOW,
        received: NOW,
    };
    bencher.bench(|| -> Action {
        let (mut exchange, _) = Exchange::begin(&policy, black_box(RequestKind::PLAIN), NOW);
        let _ = exchange.handle(&policy, Event::Found(Lookup::Miss), NOW);
        let _ = exchange.handle(&policy, Event::Lead, NOW);
        exchange.handle(&policy, Event::Upstream(black_box(answer)), NOW)
    });
}

/// Per request at the edge: target, key and facts from the head.
#[divan::bench]
fn request_facts(bencher: Bencher) {
    let (policy, headers) = (Policy::default(), browser());
    let uri = Uri::from_static("/images/logo.png?v=3");
    bencher.bench(|| {
        let target = TargetUri::from_request(&Method::GET, &uri, &headers, Scheme::Http);
        let key = target.map(|target| policy.key.key(&target).hash());
        (
            key,
            RequestKind::of_parts(&Method::GET, black_box(&headers), &policy),
        )
    });
}

/// Per stored response: storability, lifetime, age.
#[divan::bench]
fn stored_digest(bencher: Bencher) {
    let (policy, request, response) = (Policy::default(), request(), response());
    bencher.bench(|| {
        let response = black_box(&response);
        (
            digest(&request, response, &policy, NOW),
            born(response, NOW, NOW),
        )
    });
}

/// Per stored response: its head packed.
#[divan::bench]
fn stored_pack(bencher: Bencher) {
    let response = response();
    bencher.bench(|| StoredHead::new(black_box(&response)));
}

/// Per hit at the edge: the client's head from a packed one.
#[divan::bench]
fn hit_head(bencher: Bencher) {
    let (policy, request) = (Policy::default(), request());
    let packed = StoredHead::new(&response());
    let stored = Stored {
        digest: facts(),
        born: NOW,
    };
    let source = Source {
        from: From::Stored,
        stored: Some(stored),
        length: Some(10_240),
        passed: false,
        boundary: || 0,
    };
    let handling = Handling::hit(3_600_000);
    bencher.bench(|| {
        let head = black_box(&packed).to_head();
        client_response(&request, head, source, &handling, None, &policy, NOW)
    });
}
