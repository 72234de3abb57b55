use super::*;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_000);

#[test]
fn a_fill_under_way_does_not_survive() {
    let mut purges = Purges::default();
    let before = purges.sequence();
    purges.purge_key(7, Mode::Hard, NOW);
    let after = purges.sequence();
    assert_eq!(purges.check(before, 7, "k", &[]), Check::Purged);
    assert_eq!(purges.check(after, 7, "k", &[]), Check::Current(after));
    assert_eq!(purges.check(before, 8, "k", &[]), Check::Current(after));
}

#[test]
fn soft_then_hard() {
    let mut purges = Purges::default();
    let stamp = purges.sequence();
    purges.purge_tag(3, Mode::Soft, NOW);
    assert_eq!(purges.check(stamp, 7, "k", &[1, 3]), Check::Stale(NOW));
    assert!(matches!(
        purges.check(stamp, 7, "k", &[1]),
        Check::Current(_)
    ));
    purges.purge_prefix("http://a/", Mode::Hard, NOW);
    assert_eq!(purges.check(stamp, 7, "http://a/x", &[3]), Check::Purged);
    assert_eq!(
        purges.check(stamp, 7, "http://b/x", &[3]),
        Check::Stale(NOW)
    );
    purges.purge_all(Mode::Hard, NOW);
    assert_eq!(purges.check(stamp, 7, "http://b/x", &[]), Check::Purged);
}

#[test]
fn the_first_soft_purge_counts() {
    let mut purges = Purges::default();
    let first = purges.sequence();
    let mut stamps = vec![first];
    for n in 1..=20 {
        let at = purges.purge_key(7, Mode::Soft, NOW.plus(n * 1_000));
        stamps.push(at);
        assert_eq!(
            purges.check(first, 7, "k", &[]),
            Check::Stale(NOW.plus(1_000)),
            "after {n}"
        );
    }
    assert_eq!(
        purges.check(stamps[1], 7, "k", &[]),
        Check::Stale(NOW.plus(2_000))
    );
    // Purges that are no longer told apart count from the earliest of them.
    assert_eq!(
        purges.check(stamps[19], 7, "k", &[]),
        Check::Stale(NOW.plus(8_000))
    );
    // Another selection's earlier purge comes first.
    purges.purge_all(Mode::Soft, NOW.plus(90_000));
    let now = purges.sequence();
    assert_eq!(
        purges.check(stamps[0], 7, "k", &[]),
        Check::Stale(NOW.plus(1_000))
    );
    assert_eq!(
        purges.check(stamps[0], 8, "k", &[]),
        Check::Stale(NOW.plus(90_000))
    );
    assert_eq!(purges.check(now, 7, "k", &[]), Check::Current(now));
}

#[test]
fn a_fill_with_unknown_tags_is_not_shared_after_a_purge_by_tag() {
    let mut purges = Purges::default();
    let stamp = purges.sequence();
    assert!(purges.untouched(stamp, 7, "k"));
    purges.purge_key(8, Mode::Hard, NOW);
    assert!(purges.untouched(stamp, 7, "k"));
    purges.purge_tag(3, Mode::Soft, NOW);
    assert!(!purges.untouched(stamp, 7, "k"));
    assert!(purges.untouched(purges.sequence(), 7, "k"));
}

#[test]
fn tables_are_folded_by_half_and_not_before_they_are_full() {
    let mut purges = Purges::new(8);
    let stamp = purges.sequence();
    for hash in 0..8 {
        purges.purge_key(hash, Mode::Hard, NOW);
    }
    // Another key with the same coarse epoch: nothing is folded yet.
    let check = |purges: &Purges, hash| purges.check(stamp, hash, "", &[]);
    assert!(matches!(check(&purges, COARSE), Check::Current(_)));
    purges.purge_key(8, Mode::Hard, NOW);
    let kept: Vec<u64> = purges.keys.exact.keys().copied().collect();
    assert_eq!(kept, [5, 6, 7, 8]);
    assert_eq!(check(&purges, COARSE), Check::Purged);
    assert_eq!(check(&purges, COARSE + 4), Check::Purged);
    assert!(matches!(check(&purges, COARSE + 5), Check::Current(_)));
}

#[test]
fn the_oldest_of_too_many_prefixes_becomes_everything() {
    let mut purges = Purges::default();
    let stamp = purges.sequence();
    for number in 0..MOST_PREFIXES {
        purges.purge_prefix(&format!("http://{number}/"), Mode::Hard, NOW);
    }
    let other = |purges: &Purges| purges.check(stamp, 1, "http://other/", &[]);
    assert!(matches!(other(&purges), Check::Current(_)));
    let again = purges.purge_prefix("http://0/", Mode::Hard, NOW);
    assert!(matches!(other(&purges), Check::Current(_)));
    assert_eq!(purges.check(again - 1, 1, "http://0/x", &[]), Check::Purged);
    purges.purge_prefix("http://one-more/", Mode::Hard, NOW);
    assert_eq!(other(&purges), Check::Purged);
}

#[test]
fn a_restart_goes_on() {
    let mut purges = Purges::default();
    let last = purges.purge_key(1, Mode::Hard, NOW);
    let mut again = Purges::default();
    again.resume(last);
    assert!(again.sequence() > last);
}

proptest! {
    /// However small the table: what was purged after the stamp is never current again.
    #[test]
    fn folding_forgets_nothing(
        purged in prop::collection::vec((0_u64..5_000, any::<bool>()), 1..200),
        limit in 1_usize..20,
    ) {
        let mut purges = Purges::new(limit);
        let stamp = purges.sequence();
        for (hash, hard) in &purged {
            purges.purge_key(*hash, if *hard { Mode::Hard } else { Mode::Soft }, NOW);
        }
        prop_assert!(purges.keys.exact.len() <= limit);
        for (hash, hard) in &purged {
            let check = purges.check(stamp, *hash, "", &[]);
            prop_assert!(!matches!(check, Check::Current(_)));
            prop_assert!(!hard || check == Check::Purged);
        }
        let now = purges.sequence();
        prop_assert_eq!(purges.check(now, purged[0].0, "", &[]), Check::Current(now));
    }
}
