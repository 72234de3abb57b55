use proptest::prelude::*;

use super::*;
use crate::{etag, version_of_etag};

fn bytes(body: &BodyBytes, offset: u64, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    body.fill(offset, &mut out);
    out
}

/// These bytes must never change: a lab of one version checks origins of another. Worked out apart
/// from this code, from the definitions of the functions.
#[test]
fn bytes_are_the_same_everywhere() {
    let body = BodyBytes::new(1, "/a/1.html", 0, 1);
    assert_eq!(
        String::from_utf8(bytes(&body, 0, 24)).unwrap(),
        "YlgdQe=4JANN0=>6o8@;HjV6"
    );
    assert_eq!(etag(&body), "\"v1-e5cef7c0b77f21a0\"");
}

#[test]
fn everything_that_names_a_body_changes_it() {
    let bodies = [
        BodyBytes::new(1, "/a", 0, 1),
        BodyBytes::new(2, "/a", 0, 1),
        BodyBytes::new(1, "/b", 0, 1),
        BodyBytes::new(1, "/a", 1, 1),
        BodyBytes::new(1, "/a", 0, 2),
    ];
    for (at, one) in bodies.iter().enumerate() {
        for other in &bodies[at + 1..] {
            assert!(!one.matches(0, &bytes(other, 0, 16)));
            assert_ne!(etag(one), etag(other));
        }
    }
}

#[test]
fn bytes_are_letters_before_p() {
    let body = BodyBytes::new(1, "/a", 0, 1);
    assert!(
        bytes(&body, 3, 100_000)
            .iter()
            .all(|byte| (b'0'..=b'o').contains(byte))
    );
    // A megabyte compresses no better than six bits a byte allow: no byte is favoured.
    let mut counts = [0u32; 256];
    for byte in bytes(&body, 0, 1 << 20) {
        counts[usize::from(byte)] += 1;
    }
    assert!(
        counts[0x30..0x70]
            .iter()
            .all(|&count| (15_500..17_300).contains(&count))
    );
}

#[test]
fn versions_are_read_back() {
    let body = BodyBytes::new(1, "/a", 0, 42);
    assert_eq!(version_of_etag(&etag(&body)), Some(42));
    assert_eq!(version_of_etag(&format!("W/{}", etag(&body))), Some(42));
    for tag in [
        "",
        "\"v1\"",
        "\"v-0011223344556677\"",
        "\"x1-0011223344556677\"",
        "v1-0011223344556677",
        "\"v+1-0011223344556677\"",
    ] {
        assert_eq!(version_of_etag(tag), None, "{tag}");
    }
    let piece = bytes(&body, 1000, 16);
    assert_eq!(
        version_of_bytes(1, "/a", 0, 1..=100, 1000, &piece),
        Some(42)
    );
    assert_eq!(version_of_bytes(1, "/a", 0, 1..=41, 1000, &piece), None);
}

proptest! {
    /// However a body is cut, each piece is the whole's, and one wrong bit is seen.
    #[test]
    fn any_piece_can_be_checked(
        start in prop_oneof![0..5000u64, (u64::MAX - 5000)..(u64::MAX - 3000)],
        lengths in proptest::collection::vec(0..70usize, 1..8),
        flip in any::<(usize, u8)>(),
    ) {
        let body = BodyBytes::new(9, "/x", 2, 3);
        let total: usize = lengths.iter().sum();
        let whole = bytes(&body, start, total);
        let mut verifier = Verifier::new(body, start);
        let mut at = 0;
        for length in lengths {
            let piece = bytes(&body, start + at as u64, length);
            prop_assert_eq!(&piece[..], &whole[at..at + length]);
            prop_assert!(verifier.check(&piece));
            at += length;
        }
        prop_assert_eq!(verifier.offset(), start + total as u64);
        if total > 0 {
            let mut wrong = whole;
            wrong[flip.0 % total] ^= 1 << (flip.1 % 8);
            prop_assert!(!body.matches(start, &wrong));
            prop_assert!(!Verifier::new(body, start).check(&wrong));
        }
    }
}
