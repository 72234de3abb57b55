use proptest::prelude::*;

use super::*;

fn pop(name: &str, lat: f64, lon: f64) -> Pop {
    Pop {
        name: name.to_owned(),
        point: Point { lat, lon },
    }
}

fn pops() -> Vec<Pop> {
    vec![
        pop("fra", 50.0, 8.6),
        pop("iad", 38.9, -77.5),
        pop("sin", 1.35, 104.0),
        pop("ams", 52.3, 4.8),
    ]
}

const PARIS: Option<Point> = Some(Point {
    lat: 49.0,
    lon: 2.5,
});

/// `order` as names, the choice's name, and why.
#[track_caller]
fn check(
    at: Option<Point>,
    pops: &[Pop],
    up: &[bool],
    default: usize,
    expected: (&str, &str, Why),
) {
    let ranking = rank(at, pops, up, default);
    let names: Vec<&str> = ranking
        .order
        .iter()
        .map(|it| pops[it.pop].name.as_str())
        .collect();
    let choice = ranking.choice.map_or("-", |pop| pops[pop].name.as_str());
    assert_eq!((names.join(" ").as_str(), choice, ranking.why), expected);
}

#[test]
fn the_nearest_that_is_up_serves() {
    let all = "ams fra iad sin";
    check(PARIS, &pops(), &[], 0, (all, "ams", Why::Nearest));
    check(PARIS, &pops(), &[true; 4], 9, (all, "ams", Why::Nearest));
    check(
        PARIS,
        &pops(),
        &[true, true, true, false],
        0,
        (all, "fra", Why::NearestUp),
    );
    check(
        PARIS,
        &pops(),
        &[false, false, true, false],
        0,
        (all, "sin", Why::NearestUp),
    );
    check(PARIS, &pops(), &[false; 4], 0, (all, "ams", Why::NoneUp));
    check(PARIS, &[], &[true], 3, ("", "-", Why::NoPops));
}

#[test]
fn clients_at_unknown_places_go_to_the_default() {
    check(
        None,
        &pops(),
        &[],
        1,
        ("iad ams fra sin", "iad", Why::Default),
    );
    check(
        None,
        &pops(),
        &[true, false, true, true],
        1,
        ("iad ams fra sin", "ams", Why::NearestUpToDefault),
    );
    check(
        None,
        &pops(),
        &[],
        77,
        ("fra ams iad sin", "fra", Why::Default),
    );
}

#[test]
fn ties_are_broken_by_name_then_by_place_in_the_list() {
    let twins = [
        pop("b", 0.0, 1.0),
        pop("a", 0.0, -1.0),
        pop("c", 1.0, 0.0),
        pop("a", 0.0, 1.0),
    ];
    let ranking = rank(Point::new(0.0, 0.0), &twins, &[], 0);
    let order: Vec<usize> = ranking.order.iter().map(|it| it.pop).collect();
    assert_eq!(order, [1, 3, 0, 2]);
    // The default stays first among PoPs at its own point.
    assert_eq!(rank(None, &twins, &[], 0).choice, Some(0));
}

proptest! {
    /// Whatever the input: all PoPs are ranked once, the choice is up if anything is, and nothing
    /// that is up and ranked before it was passed over.
    #[test]
    fn rankings_are_whole_and_right(
        at in proptest::option::of((-90.0..=90.0f64, -180.0..=180.0f64)),
        points in proptest::collection::vec((-90.0..=90.0f64, -180.0..=180.0f64), 1..8),
        up in proptest::collection::vec(any::<bool>(), 0..8),
        default in 0..9usize,
    ) {
        let pops: Vec<Pop> = points.iter().map(|p| pop("x", p.0, p.1)).collect();
        let at = at.map(|(lat, lon)| Point { lat, lon });
        let ranking = rank(at, &pops, &up, default);
        let mut seen: Vec<usize> = ranking.order.iter().map(|it| it.pop).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..pops.len()).collect::<Vec<_>>());
        let expected = ranking.order.iter().find(|it| it.up).unwrap_or(&ranking.order[0]);
        prop_assert_eq!(ranking.choice, Some(expected.pop));
        prop_assert_eq!(&ranking, &rank(at, &pops, &up, default));
    }
}

/// Other machines and later versions must agree on it, or caches lose their keys.
#[test]
fn weights_are_fixed_and_spread_keys_evenly() {
    assert_eq!(weight(b"198.18.0.1", "fra-1"), 0x9d2644481b8f14f1);
    let nodes = ["fra-1", "fra-2", "fra-3"];
    let mut counts = [0_u32; 3];
    for key in 0..3000_u32 {
        let best = (0..3).max_by_key(|&node| weight(key.to_string().as_bytes(), nodes[node]));
        counts[best.unwrap()] += 1;
    }
    assert!(
        counts.iter().all(|count| (850..1150).contains(count)),
        "{counts:?}"
    );
}
