//! How the pieces of a body are joined before they are stored.

use bytes::Bytes;

/// Below this size neighbouring chunks are joined, so that a body that came in crumbs does not
/// cost more in bookkeeping than in bytes.
const CRUMB: usize = 16 << 10;

/// The same bytes in as few pieces as copying little allows.
pub(super) fn joined<'a>(chunks: impl Iterator<Item = &'a Bytes>) -> Vec<Bytes> {
    let mut all: Vec<Bytes> = Vec::new();
    let mut crumbs: Vec<u8> = Vec::new();
    let mut single: Option<&Bytes> = None;
    let flush = |all: &mut Vec<Bytes>, crumbs: &mut Vec<u8>, single: &mut Option<&Bytes>| {
        match single.take() {
            // One chunk alone needs no copy.
            Some(chunk) if crumbs.len() == chunk.len() => all.push(chunk.clone()),
            _ if !crumbs.is_empty() => all.push(Bytes::from(crumbs.as_slice().to_vec())),
            _ => {}
        }
        crumbs.clear();
    };
    for chunk in chunks {
        if chunk.len() >= CRUMB {
            flush(&mut all, &mut crumbs, &mut single);
            all.push(chunk.clone());
            continue;
        }
        if crumbs.is_empty() {
            single = Some(chunk);
        }
        crumbs.extend_from_slice(chunk);
        if crumbs.len() >= 4 * CRUMB {
            flush(&mut all, &mut crumbs, &mut single);
        }
    }
    flush(&mut all, &mut crumbs, &mut single);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crumbs_are_joined() {
        let crumbs: Vec<Bytes> = (0..10_000)
            .map(|_| Bytes::from_static(b"0123456789"))
            .collect();
        let all = joined(crumbs.iter());
        assert!(all.len() < 10, "{} pieces", all.len());
        assert_eq!(all.concat(), b"0123456789".repeat(10_000));
        let big = Bytes::from(vec![1; CRUMB]);
        let mixed = [
            Bytes::from_static(b"a"),
            big.clone(),
            Bytes::from_static(b"b"),
        ];
        assert_eq!(joined(mixed.iter()).concat(), mixed.concat());
    }
}
