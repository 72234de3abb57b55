//! An entry as it stands on disk: a version, a checksum over all that follows, the key, the purge
//! sequence it was asked for at, and what stands under the key. Integers are little-endian.
//!
//! Whatever the bytes are, reading them gives the entry that was written under this very key, or
//! nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use edge_core::{
    AcceptedLanguages, CacheKey, Digest, Flags, SelectingFields, Stored, StoredHead, Timestamp,
};
use http::HeaderName;
use twox_hash::XxHash64;

use crate::store::{Body, Entry, Response, Variants, What};

/// Another version's records are not read. To be raised whenever the layout, the meaning of a
/// [`Digest`] or the making of cache keys changes.
const VERSION: u8 = 3;
/// Version, then the checksum of the rest.
const HEADER: usize = 1 + size_of::<u64>();

const RESPONSE: u8 = 1;
const VARIES: u8 = 2;
const HIT_FOR_MISS: u8 = 3;

/// More than a record holds beside key, head and body, in bytes.
const FRAME: usize = 128;

/// The checksum of bytes that are written to the disk.
pub(in crate::store) fn checksum(bytes: &[u8]) -> u64 {
    XxHash64::oneshot(0, bytes)
}

/// The length of an entry's record in bytes, or a little more.
pub(super) fn length(key: &CacheKey, entry: &Entry) -> usize {
    let what = match &entry.what {
        What::Response(response) => {
            let body = usize::try_from(response.body.length()).unwrap_or(usize::MAX);
            body.saturating_add(response.head.as_bytes().len())
        }
        What::Varies(variants) => {
            let names = variants.lists().iter().flat_map(SelectingFields::names);
            let names = names.map(|name| name.as_str().len() + 8);
            let languages = variants.languages().iter();
            let languages =
                languages.map(|(language, accepted)| language.len() + accepted.as_str().len() + 16);
            names.chain(languages).sum()
        }
        What::HitForMiss(_) => 0,
    };
    what.saturating_add(key.as_str().len())
        .saturating_add(FRAME)
}

/// Writes an entry down.
pub(super) fn encode(key: &CacheKey, entry: &Entry) -> Bytes {
    let mut out = Writer(Vec::with_capacity(length(key, entry)));
    out.u8(VERSION);
    out.u64(0);
    out.block(key.as_str().as_bytes());
    out.u64(entry.stamp.load(Ordering::Relaxed));
    match &entry.what {
        What::Response(response) => {
            out.u8(RESPONSE);
            // Taken apart by name, so that a new field cannot be forgotten here.
            let Stored { digest, born } = response.facts;
            let Digest {
                lifetime,
                stale_while_revalidate,
                stale_if_error,
                flags,
                status,
            } = digest;
            for millis in [
                born.millis(),
                lifetime,
                stale_while_revalidate,
                stale_if_error,
            ] {
                out.i64(millis);
            }
            out.u8(flags.bits());
            out.0.extend_from_slice(&status.to_le_bytes());
            out.block(response.head.as_bytes());
            out.u64(response.body.length());
            for piece in response.body.pieces() {
                out.0.extend_from_slice(piece);
            }
        }
        What::Varies(variants) => {
            out.u8(VARIES);
            out.u64(variants.set());
            out.u64(variants.lists().len() as u64);
            for list in variants.lists() {
                out.u64(list.names().len() as u64);
                for name in list.names() {
                    out.block(name.as_str().as_bytes());
                }
            }
            for (language, accepted) in variants.languages() {
                out.block(language.as_bytes());
                out.block(accepted.as_str().as_bytes());
            }
        }
        What::HitForMiss(until) => {
            out.u8(HIT_FOR_MISS);
            out.i64(until.millis());
        }
    }
    let sum = checksum(&out.0[HEADER..]);
    out.0[1..HEADER].copy_from_slice(&sum.to_le_bytes());
    Bytes::from(out.0)
}

/// Reads an entry back; `None` if this is no undamaged record of this version under this key. Head
/// and body share the record's bytes.
pub(super) fn decode(record: &Bytes, key: &CacheKey) -> Option<Entry> {
    let mut record = Reader(record.clone());
    if record.u8()? != VERSION || record.u64()? != checksum(&record.0) {
        return None;
    }
    if record.block()? != key.as_str().as_bytes() {
        return None;
    }
    let stamp = AtomicU64::new(record.u64()?);
    let what = match record.u8()? {
        RESPONSE => What::Response(Arc::new(response(&mut record)?)),
        VARIES => What::Varies(Arc::new(variants(&mut record)?)),
        HIT_FOR_MISS => What::HitForMiss(Timestamp(record.i64()?)),
        _ => return None,
    };
    record.0.is_empty().then_some(Entry { stamp, what })
}

fn variants(record: &mut Reader) -> Option<Variants> {
    let set = record.u64()?;
    let mut lists = Vec::new();
    for _ in 0..record.u64()? {
        let mut names = Vec::new();
        for _ in 0..record.u64()? {
            names.push(HeaderName::from_bytes(&record.block()?).ok()?);
        }
        lists.push(SelectingFields::new(names));
    }
    let mut languages = Vec::new();
    while !record.0.is_empty() {
        let language = String::from_utf8(record.block()?.to_vec()).ok()?;
        let accepted = String::from_utf8(record.block()?.to_vec()).ok()?;
        languages.push((language, AcceptedLanguages::from_text(&accepted)));
    }
    Some(Variants::new(set, lists, languages))
}

fn response(record: &mut Reader) -> Option<Response> {
    let born = Timestamp(record.i64()?);
    let digest = Digest {
        lifetime: record.i64()?,
        stale_while_revalidate: record.i64()?,
        stale_if_error: record.i64()?,
        flags: Flags::from_bits(record.u8()?),
        status: u16::from_le_bytes(record.array()?),
    };
    let head = StoredHead::from_bytes(record.block()?)?;
    let length = usize::try_from(record.u64()?).ok()?;
    let body = record.take(length)?;
    Some(Response {
        facts: Stored { digest, born },
        head,
        body: Body::new(vec![body]),
        trailers: None,
    })
}

struct Writer(Vec<u8>);

impl Writer {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Its length, then the bytes.
    fn block(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }
}

/// The bytes not read yet.
struct Reader(Bytes);

impl Reader {
    fn take(&mut self, length: usize) -> Option<Bytes> {
        (length <= self.0.len()).then(|| self.0.split_to(length))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.as_ref().try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.array()?))
    }

    fn i64(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.array()?))
    }

    fn block(&mut self) -> Option<Bytes> {
        let length = usize::try_from(self.u64()?).ok()?;
        self.take(length)
    }
}

/// A key in the first line, then what stands behind a record's checksum and key: with both as they must be, whatever
/// is read is written and read again as it is.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (key, rest) = bytes.split_at(end.map_or(0, |end| end + 1));
    let key = CacheKey::from_text(&String::from_utf8_lossy(key));
    let _ = decode(&Bytes::copy_from_slice(bytes), &key);
    let mut out = Writer(vec![VERSION]);
    out.u64(0);
    out.block(key.as_str().as_bytes());
    out.0.extend_from_slice(rest);
    let sum = checksum(&out.0[HEADER..]);
    out.0[1..HEADER].copy_from_slice(&sum.to_le_bytes());
    let Some(entry) = decode(&Bytes::from(out.0), &key) else {
        return;
    };
    if let What::Response(response) = &entry.what {
        let _ = (response.head.status(), response.head.to_head());
    }
    let written = encode(&key, &entry);
    let again = decode(&written, &key).map(|again| encode(&key, &again));
    assert_eq!(again, Some(written));
}

#[cfg(test)]
mod tests;
