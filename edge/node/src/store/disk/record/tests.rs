use http::{HeaderMap, HeaderValue, StatusCode, header};
use proptest::prelude::*;

use super::*;
use edge_core::ResponseHead;

fn key() -> CacheKey {
    CacheKey::from_text("http://a.test/x\nen")
}

fn response_entry(body: &[u8]) -> Entry {
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, HeaderValue::from_static("\"1\""));
    headers.append("x-own", HeaderValue::from_static("b"));
    let head = StoredHead::new(&ResponseHead {
        status: StatusCode::NOT_FOUND,
        headers,
    });
    let digest = Digest {
        lifetime: 60_000,
        stale_while_revalidate: 7,
        stale_if_error: i64::MAX,
        flags: Flags::VALIDATOR.with(Flags::NEGATIVE),
        status: 404,
    };
    let (one, two) = body.split_at(body.len() / 2);
    Entry {
        stamp: AtomicU64::new(1 << 40),
        what: What::Response(Arc::new(Response {
            facts: Stored {
                digest,
                born: Timestamp(-5),
            },
            head,
            body: Body::new(vec![
                Bytes::copy_from_slice(one),
                Bytes::copy_from_slice(two),
            ]),
            trailers: None,
        })),
    }
}

fn all() -> [Entry; 3] {
    let entry = |what| Entry {
        stamp: AtomicU64::new(3),
        what,
    };
    let names = vec![header::ACCEPT_ENCODING, HeaderName::from_static("x-kind")];
    [
        response_entry(b"0123456789"),
        entry(What::Varies(Arc::new(Variants::new(
            5,
            vec![SelectingFields::new(names), SelectingFields::none()],
            vec![("de".to_owned(), AcceptedLanguages::from_text("=de;1000,"))],
        )))),
        entry(What::HitForMiss(Timestamp(77))),
    ]
}

#[test]
fn what_is_written_is_read() {
    for entry in all() {
        let record = encode(&key(), &entry);
        assert!(record.len() <= length(&key(), &entry), "{entry:?}");
        let read = decode(&record, &key()).expect("an undamaged record");
        assert_eq!(read.stamp.into_inner(), entry.stamp.into_inner());
        match (read.what, entry.what) {
            (What::Response(read), What::Response(written)) => {
                assert_eq!(read.facts, written.facts);
                assert_eq!(read.head, written.head);
                assert_eq!(read.body.pieces().concat(), written.body.pieces().concat());
            }
            (What::Varies(read), What::Varies(written)) => assert_eq!(read, written),
            (What::HitForMiss(read), What::HitForMiss(written)) => assert_eq!(read, written),
            (read, written) => panic!("{written:?} was read as {read:?}"),
        }
    }
}

#[test]
fn another_key_is_a_miss() {
    for entry in all() {
        let record = encode(&key(), &entry);
        for other in ["http://a.test/x", "http://a.test/x\nde", ""] {
            assert!(decode(&record, &CacheKey::from_text(other)).is_none());
        }
    }
}

#[test]
fn each_flipped_bit_and_each_cut_is_a_miss() {
    for entry in all() {
        let record = encode(&key(), &entry);
        for at in 0..record.len() {
            for bit in 0..8 {
                let mut damaged = record.to_vec();
                damaged[at] ^= 1 << bit;
                let damaged = Bytes::from(damaged);
                assert!(decode(&damaged, &key()).is_none(), "byte {at}, bit {bit}");
            }
            assert!(decode(&record.slice(..at), &key()).is_none(), "cut at {at}");
        }
        let longer = Bytes::from([&record, &b"x"[..]].concat());
        assert!(decode(&longer, &key()).is_none());
    }
}

proptest! {
    /// Bytes whose checksum happens to be right: lengths and kinds still mean nothing good.
    #[test]
    fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&Bytes::from(bytes.clone()), &key());
        let mut record = vec![VERSION];
        record.extend_from_slice(&checksum(&bytes).to_le_bytes());
        record.append(&mut bytes);
        let _ = decode(&Bytes::from(record), &key());
    }
}
