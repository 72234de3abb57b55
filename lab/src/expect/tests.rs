use super::*;
use crate::metrics::testing::{SECOND, by, forwarded, hit, observation, shape};
use crate::metrics::{Fold, Measured, Metric};
use crate::observe::{Fwd, Observation};

fn known() -> Known {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Known {
        variants: list(&["cdn", "direct"]),
        windows: list(&["cut"]),
        regions: list(&["europe", "asia"]),
        pops: list(&["fra", "nrt"]),
        edges: list(&["fra-1"]),
        paths: list(&["pages"]),
    }
}

fn read(text: &str) -> Result<Expectation, ExpectError> {
    let expectation = parse(text)?;
    expectation.check(&known())?;
    Ok(expectation)
}

#[test]
fn claims_are_read() {
    let number = |text: &str, expected: f64| {
        let Bound::Number(number) = read(text).unwrap_or_else(|error| panic!("{error}")).right
        else {
            panic!("{text}")
        };
        assert!((number - expected).abs() < 1e-12, "{text}: {number}");
    };
    number("request_hit_ratio >= 60 %", 0.6);
    number("request_hit_ratio>=60%", 0.6);
    number("origin_offload_bytes >= -0.5", -0.5);
    number("cdn.latency_p99{window=cut,pop=fra} < 200ms", 0.2);
    number("latency_p99 < 1.5 s", 1.5);
    number("latency_p99 < 2m", 120.0);
    number("stale_seconds_max <= 5", 5.0);
    number("coalescing_factor > 2x", 2.0);
    number("origin_bytes < 3MiB", 3_145_728.0);
    number("origin_fetches == 1", 1.0);
    number("errors == 0 may be empty", 0.0);

    let relation =
        read("cdn.latency_p50{pop=fra} < 0.5 * direct.latency_p50{region = \"europe\"}").unwrap();
    assert_eq!(relation.left.variant.unwrap().text, "cdn");
    let Bound::Times(factor, right) = relation.right else {
        panic!("no relation")
    };
    assert_eq!(
        (factor, right.variant.unwrap().text.as_str()),
        (0.5, "direct")
    );
    assert_eq!(right.labels[0].1.text, "europe");
    let prefix = read("direct: misses{cause=cold} != 50% * misses").unwrap();
    assert_eq!(
        (
            prefix.left.variant.as_ref().unwrap().text.as_str(),
            prefix.comparison
        ),
        ("direct", Comparison::Unequal)
    );
    assert!(matches!(
        prefix.right,
        Bound::Times(
            0.5,
            Reading {
                variant: Some(_),
                ..
            }
        )
    ));
    assert!(read("availability > 0 may  be empty").unwrap().may_be_empty);
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let check = |text: &str, column: usize, part: &str| {
        let error = read(text)
            .err()
            .unwrap_or_else(|| panic!("accepted: {text}"));
        assert_eq!(error.column, column, "{error}");
        assert!(error.message.contains(part), "{error}");
    };
    check("", 1, "a metric is expected here, not the end");
    check("hit_ratio > 1", 1, "there is no metric `hit_ratio`");
    check(
        "request_hit_ration > 1",
        1,
        "did you mean `request_hit_ratio`?",
    );
    check("cdn.availabilty > 1", 5, "did you mean `availability`?");
    check("cdn. > 1", 6, "a metric is expected after the dot");
    check(
        "cnd.availability > 1",
        1,
        "there is no variant `cnd`, did you mean `cdn`?",
    );
    check("availability{windwo=cut} > 1", 14, "did you mean `window`?");
    check("availability{window=cutt} > 1", 21, "did you mean `cut`?");
    check(
        "availability{region=mars} > 1",
        21,
        "known are europe, asia",
    );
    check(
        "availability{class=hit} > 1",
        14,
        "`availability` has no label `class`; it has window, region",
    );
    check("requests{class=hits} > 1", 16, "did you mean `hit`?");
    check("availability{window=cut > 1", 28, "`,` or `}` is expected");
    check("availability{window=cut, window=cut} > 1", 26, "twice");
    check("availability{window} > 1", 20, "`=` is expected");
    check("availability{window=} > 1", 21, "no value");
    check("availability{window=\"cut} > 1", 30, "never closed");
    check("availability 1", 14, "is expected here, not `1`");
    check("availability = 1", 14, "equality is `==`");
    check(
        "availability >= ",
        17,
        "a metric is expected here, not the end",
    );
    check("availability >= 1,5", 17, "no number");
    check("availability >= 1.2.3", 17, "no number");
    check("availability >= 99ms", 19, "not with `ms`");
    check("latency_p50 < 200", 18, "a time with its unit");
    check("latency_p50 < 0.5 * availability", 15, "different units");
    check(
        "latency_p50 < 5ms * latency_p90",
        16,
        "a factor has no unit",
    );
    check("availability >= 1 or so", 19, "not with `or`");
    check("availability >= 1 may be full", 19, "only `may be empty`");
    check("é.availability >= 1", 1, "there is no variant `é`");
}

fn played(hits: u64, misses: u64) -> Measured {
    let mut fold = Fold::of(shape());
    for step in 0..hits + misses {
        let handling = if step < misses {
            forwarded(Fwd::UriMiss, None, true)
        } else {
            hit(Some(1))
        };
        fold.observe(&Observation {
            step,
            ..observation(0, 3 * SECOND, Ok(by(handling)))
        });
    }
    fold.finish(20 * SECOND)
}

#[test]
fn verdicts_quote_figures_and_samples() {
    let (cdn, direct) = (played(3, 1), played(0, 1200));
    let variants = [("cdn", &cdn), ("direct", &direct)];
    let check = |text: &str, expected: &[(bool, &str)]| {
        let verdicts = evaluate(&[read(text).unwrap()], &variants);
        let found: Vec<_> = verdicts
            .iter()
            .map(|verdict| (verdict.met, verdict.finding.as_str()))
            .collect();
        assert_eq!(found, expected, "{text}");
    };
    check(
        "cdn.request_hit_ratio >= 75 %",
        &[(true, "cdn.request_hit_ratio = 75.0 % (n 4) >= 75.0 %")],
    );
    check(
        "overall_hit_ratio > 0",
        &[
            (true, "cdn.overall_hit_ratio = 75.0 % (n 4) > 0 %"),
            (false, "direct.overall_hit_ratio = 0 % (n 1,200) > 0 %"),
        ],
    );
    check(
        "cdn.misses < 0.5 * direct.misses{path=pages}",
        &[(
            true,
            "cdn.misses = 1 (n 4) < 0.5 * direct.misses{path=pages} = 1,200 (n 1,200)",
        )],
    );
    check(
        "cdn: request_hit_ratio{window=cut} >= 0",
        &[(
            false,
            "cdn.request_hit_ratio{window=cut} = n/a (n 0) >= 0 %; no samples: neither met nor refuted, so missed",
        )],
    );
    check(
        "cdn: request_hit_ratio{window=cut} >= 0 may be empty",
        &[(
            true,
            "cdn.request_hit_ratio{window=cut} = n/a (n 0) >= 0 %; no samples, which it may have",
        )],
    );
    check(
        "cdn.latency_p50 == direct.latency_p50",
        &[(
            true,
            "cdn.latency_p50 = 10.0 ms (n 4) == direct.latency_p50 = 10.0 ms (n 1,200)",
        )],
    );
}

#[test]
fn each_metric_has_one_name_and_its_table_entry() {
    for (index, info) in crate::metrics::METRICS.iter().enumerate() {
        let found = Metric::named(info.name).unwrap();
        assert_eq!(found.metric, info.metric, "{}", info.name);
        assert!(
            crate::metrics::METRICS[..index]
                .iter()
                .all(|other| other.metric != info.metric),
            "{} twice",
            info.name
        );
    }
}
