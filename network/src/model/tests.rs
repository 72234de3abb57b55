use super::*;

const BPS_10M: u64 = 10_000_000;
const BPS_100M: u64 = 100_000_000;

fn line(rtt: Nanos, rate_bps: Option<u64>) -> Line {
    Line::new(&LinkModel {
        rtt,
        rate_bps,
        ..LinkModel::default()
    })
}

/// The closed form as published, in floating point, to hold the integers against.
fn closed_form(bytes: u64, rtt: f64, rate_bps: f64) -> f64 {
    let rate = rate_bps / 8.0;
    let (n, w, mss) = (bytes as f64, INITIAL_WINDOW as f64, MSS as f64);
    let k = (n / w + 1.0).log2().ceil() as i32;
    let stalls: f64 = (1..k)
        .map(|i| (rtt + mss / rate - w * 2f64.powi(i - 1) / rate).max(0.0))
        .sum();
    rtt / 2.0 + n / rate + stalls
}

#[test]
fn slow_start_takes_the_published_times() {
    let check = |bytes, rtt_ms, rate, microseconds: u64| {
        let mut flow = Flow::new(0, 0);
        let delivery = flow.send(&line(rtt_ms * MILLI, Some(rate)), 0, bytes);
        let rounded = (delivery.last + 500) / 1_000;
        assert_eq!(rounded, microseconds, "{bytes} B, {rtt_ms} ms, {rate} b/s");
    };
    check(100_000, 50, BPS_10M, 172_296);
    check(1_000_000, 100, BPS_100M, 657_117);
    check(14_601, 50, BPS_10M, 76_169);
}
