//! Slow start with an initial window of ten segments (RFC 6928): the times of the formula, through the whole simulator.

use lab::metrics::{Metric, Selector, Span, Stat};
use lab::progress::Silent;
use lab::sim::simulate;

use super::stream;

/// `rtt/2 + N/R + sum of max(0, rtt + MSS/R - 10 * 2^(i-1) * MSS/R)` for the windows before the last, in seconds; checked
/// against the figures of the formula's source.
fn server_to_last_byte(bytes: f64, rtt: f64, rate: f64) -> f64 {
    let segment = 1_460.0 * 8.0 / rate;
    let mut time = rtt / 2.0 + bytes * 8.0 / rate;
    let (mut window, mut sent) = (10.0, 14_600.0);
    while sent < bytes {
        time += f64::max(0.0, rtt + segment - window * segment);
        window *= 2.0;
        sent += window * 1_460.0;
    }
    time
}

#[test]
fn a_new_connection_pays_for_its_windows() {
    for (bytes, rtt_ms, megabits, seconds) in [
        (100_000_u32, 50_u32, 10_u32, 0.172_296),
        (1_000_000, 100, 100, 0.657_117),
        (14_601, 50, 10, 0.076_169),
    ] {
        let rtt = f64::from(rtt_ms) / 1e3;
        let formula = server_to_last_byte(f64::from(bytes), rtt, f64::from(megabits) * 1e6);
        assert!((formula - seconds).abs() < 1e-6, "{formula}, {seconds}");
        let plan = stream::plan(&format!(
            "
schema: 1
name: slow-start
duration: 10s
routing: {{mode: direct}}
network:
  client_rate: {megabits}Mbit/s
  overrides: [{{between: [europe, origin], rtt: {rtt_ms}ms}}]
content: {{page: {{path: /p, size: {bytes}B}}}}
pops: {{fra: {{at: FRA}}}}
clients: {{europe: {{from: [FRA], burst: {{at: 1s, count: 1, within: 0s}}}}}}
"
        ));
        let measured = simulate(&plan, &mut Silent).unwrap_or_else(|error| panic!("{error}"));
        let selector = Selector {
            span: Span::All,
            ..Selector::default()
        };
        let figure = measured.figure(Metric::Total(Stat::Max), &selector);
        // One round trip for the handshake and half of one for the request come before.
        let wanted = 1.5 * rtt + seconds;
        let total = figure.value.unwrap();
        println!("{bytes} bytes: {total:.6} s, wanted {wanted:.6} s");
        assert_eq!(figure.samples, 1);
        // The heads of request and response travel too: some hundred bytes.
        let head = 1_000.0 * 8.0 / (f64::from(megabits) * 1e6);
        assert!(
            (wanted - 1e-6..wanted + head).contains(&total),
            "{total}, wanted {wanted}"
        );
    }
}
