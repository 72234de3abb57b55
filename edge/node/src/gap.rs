//! Asking upstream for what is missing of a stored response, on condition that it is still the same
//! (RFC 9110 section 13.1.5).

use std::sync::Arc;

use edge_core::purge::Sequence;
use edge_core::ranges::{ByteRange, Spec};
use edge_core::{Forward, Fwd, ResponseHead, Stored, born, upstream_request};
use http::{Method, StatusCode, header};

use crate::assembly::Assembly;
use crate::parts::{self, Tie};
use crate::serve::REQUEST_ID;
use crate::upstream::{Failure, RequestBody, UpstreamBody, with_host};

/// A gap on its way.
pub(crate) struct Gap {
    pub(crate) head: ResponseHead,
    pub(crate) range: ByteRange,
    /// `None`: not to be stored.
    pub(crate) facts: Option<Stored>,
    pub(crate) stamp: Sequence,
    pub(crate) body: UpstreamBody,
    /// Bytes to pass over first: upstream has sent the whole.
    pub(crate) over: u64,
}

/// Why a gap cannot be filled.
pub(crate) enum Obstacle {
    /// Upstream gave no answer.
    Failed(Failure),
    /// It is another response by now, or none.
    Changed,
    /// Upstream has another answer, which says nothing of the stored one.
    Other,
}

impl Assembly {
    /// Asks for these bytes.
    pub(crate) async fn fetch(&self, range: ByteRange) -> Result<Gap, Obstacle> {
        let node = Arc::clone(&self.node);
        let policy = &node.config.policy;
        let forward = Forward {
            why: Fwd::Partial,
            conditional: false,
            leads: false,
            passes: false,
        };
        let fields = upstream_request(&self.request, policy, &forward, None);
        let mut fields = with_host(fields, &node.address.host);
        let id = self.id().unwrap_or_else(|| node.ids.next("gap"));
        fields.insert(REQUEST_ID, id);
        fields.insert(header::RANGE, range.range());
        fields.insert(header::IF_RANGE, self.tie.value());
        let body = RequestBody::none(&mut fields);
        let (stamp, sent_at) = (node.store.stamp(), node.now());
        let target = self.request.target.path_and_query();
        let hints = Arc::default();
        let response = self
            .upstream
            .send(Method::GET, target, fields, body, &hints)
            .await
            .map_err(Obstacle::Failed)?;
        let received = node.now();
        let (upstream, body) = response.into_parts();
        let head = ResponseHead::received(upstream.status, upstream.headers, received);
        let same = Tie::of(&head.headers, received).as_ref() == Some(&self.tie);
        if same {
            // Otherwise the whole is the answer to If-Range, and says nothing of ranges.
            let asked = Spec::Closed(range.start, range.end - 1);
            let (status, headers) = (head.status, &head.headers);
            node.ranged
                .note(&self.primary, asked, status, headers, received);
        }
        match head.status {
            StatusCode::PARTIAL_CONTENT => {
                let expected = Some((range, self.parts.total));
                if !same || parts::part_of(&head.headers) != expected {
                    return Err(Obstacle::Changed);
                }
                let facts = parts::digest(&self.request, &head, policy, received).ok();
                let born = born(&head, sent_at, received);
                let facts = facts.map(|digest| Stored { digest, born });
                Ok(Gap {
                    head,
                    range,
                    facts,
                    stamp,
                    body,
                    over: 0,
                })
            }
            // It is the same, and upstream knows no ranges.
            StatusCode::OK if same => Ok(Gap {
                head,
                range,
                facts: None,
                stamp,
                body,
                over: range.start,
            }),
            status if status.is_server_error() => Err(Obstacle::Other),
            _ => Err(Obstacle::Changed),
        }
    }
}
