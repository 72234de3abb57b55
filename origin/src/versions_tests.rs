use proptest::prelude::*;

use super::*;
use crate::catalogue::{Class, SizeDist};

const ONE: ObjectId = ObjectId {
    class: 0,
    object: 1,
};

fn catalogue(every: Option<u64>) -> Catalogue {
    let class = |name: &str, path: &str| {
        let mut class = Class::new(name, path, 100, SizeDist::Fixed(10));
        class.changes_every_ms = every;
        class
    };
    Catalogue {
        seed: 11,
        epoch_ms: 1_700_000_000_500,
        classes: vec![class("a", "/a/{id}"), class("b", "/b/{id}")],
        concurrency: None,
    }
}

#[test]
fn publications_reach_what_they_select() {
    let mut versions = catalogue(None).versions();
    let at = |versions: &Versions, class, object, offset| {
        versions.version_at(ObjectId { class, object }, offset)
    };
    versions.publish(Selector::Class(0), 300);
    versions.publish(Selector::Object(ONE), 100);
    versions.publish(Selector::All, 200);
    versions.publish(Selector::Class(77), 0);
    assert_eq!(
        [0, 99, 100, 200, 299, 300].map(|t| at(&versions, 0, 1, t)),
        [1, 1, 2, 3, 3, 4]
    );
    assert_eq!([100, 200, 300].map(|t| at(&versions, 0, 2, t)), [1, 2, 3]);
    assert_eq!([100, 200, 300].map(|t| at(&versions, 1, 1, t)), [1, 2, 2]);
    assert_eq!(versions.superseded_at(ONE, 1), Some(100));
    assert_eq!(versions.superseded_at(ONE, 3), Some(300));
    assert_eq!(versions.superseded_at(ONE, 4), None);
    assert_eq!(versions.current_from(ONE, 4), Some(300));
    assert_eq!(versions.current_from(ONE, 1), Some(0));
    assert_eq!(versions.current_from(ONE, 5), None);
}

#[test]
fn objects_change_at_phases_of_their_own() {
    let versions = catalogue(Some(1000)).versions();
    let first = |object| {
        versions
            .superseded_at(ObjectId { class: 0, object }, 1)
            .unwrap()
    };
    let mut firsts: Vec<u64> = (0..100).map(first).collect();
    assert!(firsts.iter().all(|at| (1..=1000).contains(at)));
    firsts.sort_unstable();
    firsts.dedup();
    assert!(firsts.len() > 80, "{} phases", firsts.len());
}

#[test]
fn last_modified_is_the_second_in_which_a_version_came() {
    let mut versions = catalogue(None).versions();
    versions.publish(Selector::All, 400);
    versions.publish(Selector::All, 1700);
    assert_eq!(versions.last_modified(ONE, 2), 1_700_000_000);
    assert_eq!(versions.last_modified(ONE, 3), 1_700_000_002);
    let first = 1_700_000_000 - versions.last_modified(ONE, 1);
    assert!((3600..30 * 86_400).contains(&first), "{first}");
    assert_eq!(versions.offset(1_700_000_000_499), 0);
    assert_eq!(versions.offset(1_700_000_000_501), 1);
    assert_eq!(versions.offset(i64::MIN), 0);
}

proptest! {
    /// `superseded_at` is the first instant at which `version_at` is greater, whatever is scripted
    /// and published.
    #[test]
    fn a_version_ends_when_the_next_begins(
        every in proptest::option::of(1..60u64),
        published in proptest::collection::vec((0..3u8, 0..200u64), 0..12),
        object in 0..100u32,
    ) {
        let id = ObjectId { class: 0, object };
        let mut versions = catalogue(every).versions();
        for (which, at) in published {
            let selector = [Selector::All, Selector::Class(0), Selector::Object(id)][usize::from(which)];
            versions.publish(selector, at);
        }
        let timeline: Vec<u32> = (0..300).map(|offset| versions.version_at(id, offset)).collect();
        prop_assert!(timeline.is_sorted());
        let last = timeline[299];
        for version in 1..last {
            let ended = timeline.iter().position(|&it| it > version).map(|at| at as u64);
            prop_assert_eq!(versions.superseded_at(id, version), ended);
        }
        if let Some(end) = versions.superseded_at(id, last) {
            prop_assert!(end >= 300);
        }
    }
}
