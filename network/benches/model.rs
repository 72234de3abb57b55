//! What a delivery costs the simulator: `cargo bench -p network --bench model`.

use divan::{Bencher, black_box};
use network::model::{Flow, Line, LinkModel};
use network::time::MILLI;

fn main() {
    divan::main();
}

fn bench(bencher: Bencher, model: LinkModel, bytes: u64) {
    let line = Line::new(&model);
    let mut flow = Flow::new(1, 1);
    let mut now = 0;
    bencher.bench_local(|| {
        now += 200 * MILLI;
        black_box(flow.send(black_box(&line), now, black_box(bytes)))
    });
}

const RTT: LinkModel = LinkModel {
    rtt: 80 * MILLI,
    rate_bps: None,
    jitter: 0,
    loss_ppm: 0,
    handshake: network::model::Handshake::Tcp,
};

#[divan::bench]
fn small_response(bencher: Bencher) {
    bench(bencher, RTT, 1_000);
}

#[divan::bench]
fn small_response_at_a_rate(bencher: Bencher) {
    bench(
        bencher,
        LinkModel {
            rate_bps: Some(100_000_000),
            ..RTT
        },
        1_000,
    );
}

#[divan::bench]
fn megabyte_at_a_rate(bencher: Bencher) {
    bench(
        bencher,
        LinkModel {
            rate_bps: Some(100_000_000),
            ..RTT
        },
        1_000_000,
    );
}

#[divan::bench]
fn small_response_with_jitter_and_loss(bencher: Bencher) {
    bench(
        bencher,
        LinkModel {
            jitter: 5 * MILLI,
            loss_ppm: 1_000,
            ..RTT
        },
        1_000,
    );
}

/// As for each request over a new connection.
#[divan::bench]
fn new_flow_and_small_response(bencher: Bencher) {
    let line = Line::new(&RTT);
    let mut stream = 0;
    bencher.bench_local(|| {
        stream += 1;
        black_box(Flow::new(1, stream).send(black_box(&line), 5, black_box(1_000)))
    });
}
