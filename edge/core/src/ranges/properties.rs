//! Any set of ranges over any length gives exactly the right bytes.

use proptest::prelude::*;

use super::{Asked, ByteRange, Multipart, Slices, Spec, Specs, missing};

fn spec() -> impl Strategy<Value = Spec> {
    prop_oneof![
        (0..300_u64).prop_map(Spec::From),
        (0..300_u64, 0..300_u64).prop_map(|(start, more)| Spec::Closed(start, start + more)),
        (0..300_u64).prop_map(Spec::Suffix),
    ]
}

fn text(specs: &[Spec]) -> String {
    let specs: Vec<_> = specs
        .iter()
        .map(|spec| match spec {
            Spec::From(start) => format!("{start}-"),
            Spec::Closed(start, last) => format!("{start}-{last}"),
            Spec::Suffix(bytes) => format!("-{bytes}"),
        })
        .collect();
    format!("bytes={}", specs.join(", "))
}

/// By the words of RFC 9110 section 14.1.2: whether a body of `length` bytes has the byte `at`
/// among those that `spec` names.
fn names(spec: &Spec, at: u64, length: u64) -> bool {
    at < length
        && match *spec {
            Spec::From(start) => at >= start,
            Spec::Closed(start, last) => (start..=last).contains(&at),
            Spec::Suffix(bytes) => at + bytes >= length,
        }
}

proptest! {
    #[test]
    fn exactly_the_named_bytes_once(
        specs in prop::collection::vec(spec(), 1..=super::MOST),
        length in 0..250_u64,
    ) {
        let Some(parsed) = Specs::parse(text(&specs).as_bytes()) else {
            return Err(TestCaseError::fail("a valid field was refused"));
        };
        let asked = parsed.of(length);
        let parts = match &asked {
            Asked::Part(part) => vec![*part],
            Asked::Parts(parts) => parts.to_vec(),
            Asked::Whole => {
                prop_assert_eq!(length, 0);
                vec![]
            }
            Asked::Unsatisfiable => vec![],
        };
        for at in 0..300 {
            let named = specs.iter().any(|spec| names(spec, at, length));
            let sent = parts.iter().filter(|part| part.start <= at && at < part.end).count();
            prop_assert_eq!(sent, usize::from(named), "byte {} of {}", at, length);
        }
        // Neither overlapping nor touching.
        for (i, one) in parts.iter().enumerate() {
            for other in &parts[i + 1..] {
                prop_assert!(one.end < other.start || other.end < one.start);
            }
        }
        // In the order in which they were asked for: by the first spec that each holds.
        let first = |part: &ByteRange| specs.iter().position(|spec| {
            spec.within(length).is_some_and(|range| part.covers(&range))
        });
        let order: Vec<_> = parts.iter().map(first).collect();
        prop_assert!(order.windows(2).all(|two| two[0] < two[1]), "{:?}", order);
    }

    #[test]
    fn a_multipart_body_is_as_long_as_it_says(
        specs in prop::collection::vec(spec(), 2..=super::MOST),
        length in 1..250_u64,
        boundary: u64,
    ) {
        let Some(Asked::Parts(parts)) = Specs::parse(text(&specs).as_bytes()).map(|s| s.of(length))
        else { return Ok(()) };
        let whole: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let media_type = http::HeaderValue::from_static("text/plain");
        let multipart = Multipart::new(parts.clone(), length, Some(&media_type), boundary);
        let mut body = Vec::new();
        for (head, range) in multipart.parts() {
            body.extend_from_slice(&head);
            body.extend_from_slice(&whole[range.start as usize..range.end as usize]);
        }
        body.extend_from_slice(&multipart.end());
        prop_assert_eq!(body.len() as u64, multipart.length());
        // Read back as RFC 2046 section 5.1.1 has it.
        let content_type = multipart.content_type();
        let boundary = content_type.to_str().ok()
            .and_then(|text| text.split_once("boundary="))
            .map(|(_, boundary)| format!("\r\n--{boundary}"));
        let Some(boundary) = boundary else { return Err(TestCaseError::fail("no boundary")) };
        let mut rest = [b"\r\n".as_slice(), &body].concat();
        for part in parts {
            let head = format!(
                "{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes {}-{}/{length}\r\n\r\n",
                part.start, part.end - 1,
            );
            prop_assert!(rest.starts_with(head.as_bytes()));
            rest.drain(..head.len());
            let bytes: Vec<u8> = rest.drain(..part.len() as usize).collect();
            prop_assert_eq!(&bytes[..], &whole[part.start as usize..part.end as usize]);
        }
        prop_assert_eq!(rest, format!("{boundary}--\r\n").into_bytes());
    }

    #[test]
    fn missing_and_held_make_up_what_is_wanted(
        cuts in prop::collection::btree_set(0..200_u64, 0..12),
        start in 0..200_u64,
        size in 1..200_u64,
    ) {
        let cuts: Vec<u64> = cuts.into_iter().collect();
        let held: Vec<ByteRange> = cuts.chunks_exact(2)
            .filter_map(|two| ByteRange::new(two[0], two[1]))
            .collect();
        let wanted = ByteRange { start, end: start + size };
        let gaps = missing(held.iter().copied(), wanted);
        let has = |parts: &[ByteRange], at: u64| parts.iter().any(|p| p.start <= at && at < p.end);
        for at in 0..450 {
            let expected = (wanted.start..wanted.end).contains(&at) && !has(&held, at);
            prop_assert_eq!(has(&gaps, at), expected, "byte {}", at);
        }
    }

    #[test]
    fn slices_make_up_the_body(size in 1..50_u64, length in 0..500_u64, start in 0..500_u64, more in 1..500_u64) {
        let slices = Slices::new(size, length);
        let all: Vec<ByteRange> = (0..).map_while(|number| slices.slice(number)).collect();
        prop_assert_eq!(all.iter().map(ByteRange::len).sum::<u64>(), length);
        prop_assert!(all.windows(2).all(|two| two[0].end == two[1].start));
        let Some(range) = ByteRange::new(start, (start + more).min(length)) else { return Ok(()) };
        for (number, slice) in all.iter().enumerate() {
            let touched = slices.touched(range).contains(&(number as u64));
            prop_assert_eq!(touched, slice.common(&range).is_some());
        }
    }

    #[test]
    fn without_leaves_the_rest(a in 0..60_u64, n in 1..60_u64, b in 0..60_u64, m in 1..60_u64) {
        let (one, other) = (ByteRange { start: a, end: a + n }, ByteRange { start: b, end: b + m });
        let rest = one.without(&other);
        for at in 0..130 {
            let expected = (one.start..one.end).contains(&at) && !(other.start..other.end).contains(&at);
            let found = rest.iter().flatten().filter(|part| (part.start..part.end).contains(&at)).count();
            prop_assert_eq!(found, usize::from(expected));
        }
    }

    #[test]
    fn readers_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), length: u64) {
        if let Some(specs) = Specs::parse(&bytes) {
            let _ = specs.of(length);
        }
        let _ = super::ContentRange::parse(&bytes);
    }
}
