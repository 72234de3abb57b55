use super::*;

fn check<T: FromStr<Err = UnitError> + PartialEq + fmt::Debug>(
    text: &str,
    expected: Result<T, &str>,
) {
    match (text.parse::<T>(), expected) {
        (Ok(value), Ok(wanted)) => assert_eq!(value, wanted, "{text}"),
        (Err(error), Err(part)) => {
            assert!(
                error.to_string().contains(part),
                "{text}: `{error}` lacks `{part}`"
            );
        }
        (value, wanted) => panic!("{text}: {value:?}, wanted {wanted:?}"),
    }
}

#[test]
fn sizes() {
    check("64MiB", Ok(Size(64 << 20)));
    check("1.5 KiB", Ok(Size(1536)));
    check("2MB", Ok(Size(2_000_000)));
    check("0B", Ok(Size(0)));
    check::<Size>("64", Err("lacks a unit"));
    check::<Size>("64Mib", Err("unknown unit `Mib`"));
    check::<Size>("-1KiB", Err("negative"));
    check::<Size>("", Err("empty"));
    check::<Size>("MiB", Err("not a size"));
    check::<Size>("1.MiB", Err("not a size"));
    check::<Size>("1.2.3MiB", Err("not a size"));
    check::<Size>("1KiB 2B", Err("not a size"));
    check::<Size>("99999999TiB", Err("too large"));
    check::<Size>("999999999999999999999999999B", Err("too large"));
}

#[test]
fn durations() {
    check("250ms", Ok(Span(250_000_000)));
    check("0.1s", Ok(Span(100_000_000)));
    check("1m30s", Ok(Span(90_000_000_000)));
    check("15.5ms", Ok(Span(15_500_000)));
    check("1h", Ok(Span(3_600_000_000_000)));
    check::<Span>("20", Err("lacks a unit"));
    check::<Span>("20sec", Err("unknown unit `sec`"));
    check::<Span>("-5s", Err("negative"));
    check::<Span>("soon", Err("not a duration"));
}

#[test]
fn rates() {
    check("100/s", Ok(Rate(100.0)));
    check("30/m", Ok(Rate(0.5)));
    check("0.1/s", Ok(Rate(0.1)));
    check::<Rate>("-100/s", Err("negative"));
    check::<Rate>("100", Err("lacks a unit"));
    check::<Rate>("100/y", Err("unknown unit `/y`"));
    check("10Mbit/s", Ok(BitRate(10_000_000)));
    check("1.5Gbps", Ok(BitRate(1_500_000_000)));
}

#[test]
fn shown_as_they_are_written() {
    for text in ["64MiB", "1000B", "3KiB"] {
        assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
    }
    for text in ["250ms", "90s", "5m", "0s", "15500us"] {
        assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
    }
    assert_eq!(
        "10Mbit/s".parse::<BitRate>().unwrap().to_string(),
        "10Mbit/s"
    );
    assert_eq!("100/s".parse::<Rate>().unwrap().to_string(), "100/s");
}
