//! What upstream has been seen to make of requests for ranges, resource by resource, for a while. An
//! upstream that sends the whole each time is better asked for the whole, once, by all together.

use std::sync::{Mutex, MutexGuard, PoisonError};

use edge_core::ranges::Spec;
use edge_core::{CacheKey, Millis, Timestamp};
use http::{HeaderMap, StatusCode, header};
use rustc_hash::FxHashMap;

/// Resources that are remembered; beyond, all are forgotten.
const MOST: usize = 16_384;
/// For how long. An upstream may learn of ranges, or lose them.
const HOLDS: Millis = 600_000;

#[derive(Clone, Copy)]
struct Seen {
    knows: bool,
    at: Timestamp,
}

/// What is known of the resources of a node.
#[derive(Default)]
pub(crate) struct Ranged {
    seen: Mutex<FxHashMap<u64, Seen>>,
}

impl Ranged {
    fn seen(&self) -> MutexGuard<'_, FxHashMap<u64, Seen>> {
        // No code that holds the lock leaves the table half changed.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in the answer to a request for one range.
    pub(crate) fn note(
        &self,
        primary: &CacheKey,
        asked: Spec,
        status: StatusCode,
        answer: &HeaderMap,
        now: Timestamp,
    ) {
        let knows = match status {
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => true,
            // The whole from its first byte on is an answer to that, too.
            StatusCode::OK => asked == Spec::From(0) || accepts(answer),
            _ => return,
        };
        let mut seen = self.seen();
        if seen.len() >= MOST {
            seen.clear();
        }
        seen.insert(primary.hash(), Seen { knows, at: now });
    }

    /// Whether upstream answers requests for ranges of this resource with ranges; `None` if that is
    /// not known.
    pub(crate) fn knows(&self, primary: &CacheKey, now: Timestamp) -> Option<bool> {
        let seen = self.seen().get(&primary.hash()).copied()?;
        (now.since(seen.at) < HOLDS).then_some(seen.knows)
    }
}

fn accepts(answer: &HeaderMap) -> bool {
    let lines = answer.get_all(header::ACCEPT_RANGES).iter();
    let mut members = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    members.any(|member| member.trim_ascii().eq_ignore_ascii_case(b"bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const NOW: Timestamp = Timestamp(1_000);

    #[test]
    fn what_an_answer_tells() {
        let accepting = |value| {
            let value = HeaderValue::from_static(value);
            HeaderMap::from_iter([(header::ACCEPT_RANGES, value)])
        };
        let (from, closed) = (Spec::From(0), Spec::Closed(5, 9));
        for (asked, status, answer, knows) in [
            (closed, 206, HeaderMap::new(), Some(true)),
            (closed, 416, HeaderMap::new(), Some(true)),
            (closed, 200, HeaderMap::new(), Some(false)),
            (closed, 200, accepting("none"), Some(false)),
            (closed, 200, accepting("x, Bytes"), Some(true)),
            (from, 200, HeaderMap::new(), Some(true)),
            (closed, 503, HeaderMap::new(), None),
        ] {
            let ranged = Ranged::default();
            let key = CacheKey::from_text("http://a.test/");
            let status = StatusCode::from_u16(status).unwrap();
            ranged.note(&key, asked, status, &answer, NOW);
            assert_eq!(ranged.knows(&key, NOW), knows, "{asked:?} {status}");
            assert_eq!(ranged.knows(&key, NOW.plus(HOLDS)), None);
            let other = CacheKey::from_text("http://b.test/");
            assert_eq!(ranged.knows(&other, NOW), None);
        }
    }

    #[test]
    fn it_is_bounded() {
        let ranged = Ranged::default();
        for number in 0..2 * MOST {
            let key = CacheKey::from_text(&format!("http://a.test/{number}"));
            let headers = HeaderMap::new();
            ranged.note(&key, Spec::From(1), StatusCode::OK, &headers, NOW);
        }
        assert!(ranged.seen().len() <= MOST);
    }
}
