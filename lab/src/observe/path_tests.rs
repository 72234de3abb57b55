use super::*;
use edge_core::UpstreamError;

fn read(lines: &[&str]) -> Path {
    let lines = lines.iter().map(|line| {
        (
            http::HeaderName::from_static("cache-status"),
            line.parse().unwrap(),
        )
    });
    Path::read(&lines.collect(), |name| (name == "fra-1").then_some(3))
}

#[test]
fn the_field_is_read_from_the_clients_side_and_no_further_than_the_first_hit() {
    let path = read(&[
        "origin-shield; hit; ttl=30; detail=x",
        "fra-1; fwd=uri-miss; fwd-status=200; stored",
    ]);
    let miss = Handling::Forwarded {
        why: Fwd::UriMiss,
        status: Some(200),
        stored: true,
        collapsed: false,
        failed: false,
    };
    let hops = [
        Hop {
            node: Some(3),
            handling: miss,
        },
        Hop {
            node: None,
            handling: Handling::Hit { ttl: Some(30) },
        },
    ];
    assert_eq!(path.hops().collect::<Vec<_>>(), hops);
    assert!(!path.reached_origin());
    assert_eq!(
        read(&["shield; fwd=uri-miss, fra-1; hit; ttl=-2"])
            .hops()
            .count(),
        1
    );
    assert!(read(&["a; fwd=miss", "b; fwd=miss"]).reached_origin());
    assert_eq!(read(&["b; collapsed"]).hops().count(), 1);
    assert_eq!(read(&["not ( a list"]), Path::EMPTY);
    assert_eq!(
        read(&["a; hit; ttl=99999999999"])
            .nearest()
            .unwrap()
            .handling,
        Handling::Hit {
            ttl: Some(i32::MAX)
        }
    );
    assert_eq!(
        read(&["a; fwd=miss, b; fwd=miss, c; fwd=miss, d; fwd=miss, e; fwd=miss"])
            .hops()
            .count(),
        Path::MOST
    );
}

#[test]
fn hits_are_told_from_their_bits() {
    let plain = [
        ("a; hit", true),
        ("a; hit; ttl=3", true),
        ("a; hit; ttl=0", true),
        ("a; hit; ttl=-1", false),
        ("b; hit, a; fwd=miss", false),
        ("a; detail=x", false),
        ("", false),
    ];
    for (field, expected) in plain {
        assert_eq!(read(&[field]).is_plain_hit(), expected, "{field}");
    }
    let hit = |field| read(&[field]).hit();
    assert_eq!(
        hit("b; hit; ttl=-4, a; fwd=miss"),
        Some(Handling::Hit { ttl: Some(-4) })
    );
    assert_eq!(hit("b; fwd=miss, a; fwd=miss"), None);
}

#[test]
fn a_hop_comes_out_as_it_went_in() {
    let ttls = [None, Some(0), Some(-1), Some(i32::MIN), Some(i32::MAX)];
    let mut handlings: Vec<Handling> = ttls.map(|ttl| Handling::Hit { ttl }).to_vec();
    for why in WHYS {
        for flags in 0..8 {
            handlings.push(Handling::Forwarded {
                why,
                status: (flags > 3).then_some(504),
                stored: flags & 1 != 0,
                collapsed: flags & 2 != 0,
                failed: flags & 4 != 0,
            });
        }
    }
    handlings.push(Handling::Own);
    for handling in handlings {
        for node in [None, Some(0), Some(u16::MAX)] {
            let hop = Hop { node, handling };
            assert_eq!(Packed::of(hop).hop(), Some(hop));
        }
    }
}

#[test]
fn the_short_way_says_what_the_field_says() {
    use edge_core::{Handling as Core, cache_status::member};
    let forwarded = Core::forwarded(Fwd::Stale);
    let handlings = [
        Core::hit(5500),
        Core::hit(-1),
        Core::hit(0),
        Core::forwarded(Fwd::UriMiss),
        Core {
            fwd_status: Some(304),
            stored: true,
            ..forwarded
        },
        Core {
            collapsed: true,
            ..forwarded
        },
        Core {
            detail: Some(Detail::StaleIfError),
            ttl: Some(-1500),
            ..forwarded
        },
        Core {
            detail: Some(Detail::StaleUnreachable(UpstreamError::Refused)),
            ..forwarded
        },
        Core {
            detail: Some(Detail::Upstream(UpstreamError::ConnectTimeout)),
            ..forwarded
        },
        Core::synthetic(Detail::OnlyIfCached),
    ];
    for handling in handlings {
        let wire = member("fra-1", &handling, None);
        assert_eq!(
            read(&[wire.to_str().unwrap()]),
            Path::of(&[Hop::of(3, &handling)]),
            "{handling:?}"
        );
    }
}
