//! Bodies that can be checked from any offset.
//!
//! Byte `n` of a body is a function of (seed, path, variant, version, n) and nothing else: the
//! origin makes it, and whoever receives it can tell at once that it is right, wherever the piece
//! was cut. The bytes are printable ASCII from `0` to `o`, so that a body can be looked at; the
//! letters after `o` never occur, which keeps multipart boundaries unambiguous. Knows nothing about
//! sizes or HTTP.

use crate::draw::mix;

/// One version of one variant of one object, as an endless row of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyBytes {
    key: u64,
    version: u32,
}

/// Words are this far apart in the argument of the mixing function (2^64 / golden ratio, odd).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl BodyBytes {
    /// The bytes of `path` (as [`crate::Catalogue::path`] spells it) in this variant and version.
    pub fn new(seed: u64, path: &str, variant: u16, version: u32) -> BodyBytes {
        // FNV-1a over the path, then mixed with the rest one by one.
        let path = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let key = [path, u64::from(variant), u64::from(version)]
            .into_iter()
            .fold(mix(seed), |key, part| {
                mix(key.wrapping_add(STEP) ^ mix(part))
            });
        BodyBytes { key, version }
    }

    /// The version.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// A number that stands for (seed, path, variant, version).
    pub fn fingerprint(&self) -> u64 {
        mix(self.key ^ STEP)
    }

    /// Eight bytes, in the order of their offsets.
    #[inline(always)]
    fn word(&self, index: u64) -> [u8; 8] {
        let bits = mix(self.key.wrapping_add(index.wrapping_mul(STEP)));
        // Six bits a byte, from b'0' on.
        ((bits & 0x3f3f_3f3f_3f3f_3f3f) + 0x3030_3030_3030_3030).to_le_bytes()
    }

    /// Writes the bytes from `offset` on into `out`.
    pub fn fill(&self, offset: u64, out: &mut [u8]) {
        let (head, out) = out.split_at_mut(lead(offset, out.len()));
        if !head.is_empty() {
            let word = self.word(offset / 8);
            let start = (offset % 8) as usize;
            head.copy_from_slice(&word[start..start + head.len()]);
        }
        let mut index = (offset + head.len() as u64) / 8;
        let mut words = out.chunks_exact_mut(8);
        for chunk in &mut words {
            chunk.copy_from_slice(&self.word(index));
            index = index.wrapping_add(1);
        }
        let tail = words.into_remainder();
        let word = self.word(index);
        tail.copy_from_slice(&word[..tail.len()]);
    }

    /// Whether `bytes` are the bytes from `offset` on.
    pub fn matches(&self, offset: u64, bytes: &[u8]) -> bool {
        let (head, rest) = bytes.split_at(lead(offset, bytes.len()));
        if !head.is_empty() {
            let word = self.word(offset / 8);
            let start = (offset % 8) as usize;
            if head != &word[start..start + head.len()] {
                return false;
            }
        }
        let mut index = (offset + head.len() as u64) / 8;
        let mut wrong = 0u64;
        let words = rest.chunks_exact(8);
        let tail = words.remainder();
        // Differences are gathered without a branch, so that this runs as fast as filling.
        for chunk in words {
            let mut got = [0; 8];
            got.copy_from_slice(chunk);
            wrong |= u64::from_le_bytes(got) ^ u64::from_le_bytes(self.word(index));
            index = index.wrapping_add(1);
        }
        wrong == 0 && tail == &self.word(index)[..tail.len()]
    }
}

/// How many bytes lie before the next word's border.
fn lead(offset: u64, len: usize) -> usize {
    ((8 - offset % 8) as usize % 8).min(len)
}

/// Checks a stream of bytes piece by piece.
#[derive(Debug, Clone, Copy)]
pub struct Verifier {
    body: BodyBytes,
    offset: u64,
    right: bool,
}

impl Verifier {
    /// A check that begins at `offset` of the body.
    pub fn new(body: BodyBytes, offset: u64) -> Verifier {
        Verifier {
            body,
            offset,
            right: true,
        }
    }

    /// Takes the next piece; whether everything was right so far.
    pub fn check(&mut self, bytes: &[u8]) -> bool {
        self.right = self.right && self.body.matches(self.offset, bytes);
        self.offset = self.offset.saturating_add(bytes.len() as u64);
        self.right
    }

    /// The offset behind the last piece.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether everything was right so far.
    pub fn right(&self) -> bool {
        self.right
    }
}

/// Finds which of some versions a piece at `offset` belongs to, for responses without an entity
/// tag. Sixteen bytes tell versions apart beyond doubt; fewer may not, so the newest that fits wins.
pub fn version_of_bytes(
    seed: u64,
    path: &str,
    variant: u16,
    versions: std::ops::RangeInclusive<u32>,
    offset: u64,
    bytes: &[u8],
) -> Option<u32> {
    let sample = &bytes[..bytes.len().min(64)];
    versions
        .rev()
        .find(|&version| BodyBytes::new(seed, path, variant, version).matches(offset, sample))
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
