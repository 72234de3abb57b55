use edge_core::CacheKey;
use edge_core::purge::Check;

use super::*;

const NOW: Timestamp = Timestamp(1_000);

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn life(&self) -> (Journal, Epochs) {
        let mut purges = Journal::read(self.0.path())
            .unwrap()
            .unwrap_or_else(|| Purges::new(100));
        let journal = Journal::begin(self.0.path(), &mut purges).unwrap();
        (journal, Epochs::new(purges))
    }
}

fn key(text: &str) -> CacheKey {
    CacheKey::from_text(text)
}

fn purge(journal: &mut Journal, epochs: &Epochs, text: &str) -> io::Result<Sequence> {
    let selection = Selection::Key(key(text).hash());
    journal.purge(epochs, selection, Mode::Hard, NOW, Promise::Synced)
}

#[test]
fn purges_hold_in_the_next_lives() {
    let folder = Folder::new();
    let (mut journal, epochs) = folder.life();
    let stamp = epochs.sequence();
    purge(&mut journal, &epochs, "a").unwrap();
    let after = epochs.sequence();
    for _ in 0..3 {
        let (_, epochs) = folder.life();
        assert_eq!(epochs.check(stamp, &key("a"), &[]), Check::Purged);
        assert!(matches!(
            epochs.check(stamp, &key("b"), &[]),
            Check::Current(_)
        ));
        assert!(matches!(
            epochs.check(after, &key("a"), &[]),
            Check::Current(_)
        ));
    }
}

/// A purge that was lost must not share its sequence with one of a later life.
#[test]
fn no_life_gives_out_a_sequence_of_another() {
    let folder = Folder::new();
    let (_journal, epochs) = folder.life();
    for _ in 0..1000 {
        // As if never written down.
        epochs.purge(Selection::Key(1), Mode::Hard, NOW);
    }
    let (mut journal, later) = folder.life();
    assert!(later.sequence() > epochs.sequence());
    purge(&mut journal, &later, "a").unwrap();
    assert_eq!(
        later.check(epochs.sequence(), &key("a"), &[]),
        Check::Purged
    );
}

#[test]
fn a_line_cut_off_at_the_end_was_never_acknowledged_and_any_other_damage_counts() {
    let folder = Folder::new();
    let (mut journal, epochs) = folder.life();
    purge(&mut journal, &epochs, "a").unwrap();
    purge(&mut journal, &epochs, "b").unwrap();
    let text = fs::read(&journal.path).unwrap();
    let lines: Vec<usize> = (0..text.len()).filter(|at| text[*at] == b'\n').collect();
    for at in 0..text.len() {
        let found = replay(&text[..at]);
        // Whole lines and a beginning of the next: what the whole lines say.
        assert_eq!(found.is_some(), at > lines[0], "cut at {at}");
        let mut flipped = text.clone();
        flipped[at] ^= 1;
        // Only the last line feed can go unnoticed: then its line was cut off.
        let unnoticed = at == text.len() - 1;
        assert_eq!(replay(&flipped).is_some(), unnoticed, "byte {at}");
    }
    assert!(replay(b"").is_none());
}

#[test]
fn a_long_journal_is_written_anew_and_says_the_same() {
    let folder = Folder::new();
    let (mut journal, epochs) = folder.life();
    let stamp = epochs.sequence();
    let mut longest = 0;
    for n in 0..1_000 {
        journal.most = 10_000;
        let selection = Selection::Key(key(&format!("key {}", n % 20)).hash());
        let purged = journal.purge(&epochs, selection, Mode::Hard, NOW, Promise::Written);
        purged.unwrap();
        longest = longest.max(fs::metadata(&journal.path).unwrap().len());
    }
    // Without that it would be 100,000 and more.
    assert!(longest < 20_000, "{longest}");
    let (_, later) = folder.life();
    for n in 0..20 {
        let check = later.check(stamp, &key(&format!("key {n}")), &[]);
        assert_eq!(check, Check::Purged);
    }
    assert!(matches!(
        later.check(stamp, &key("other"), &[]),
        Check::Current(_)
    ));
}

/// The purge that no room is left for holds now, and the next life begins empty.
#[cfg(target_os = "linux")]
#[test]
fn without_room_the_journal_goes() {
    let folder = Folder::new();
    let (mut journal, epochs) = folder.life();
    let stamp = epochs.sequence();
    journal.file = Some(OpenOptions::new().write(true).open("/dev/full").unwrap());
    purge(&mut journal, &epochs, "a").expect("no journal is as good as this purge in it");
    assert_eq!(epochs.check(stamp, &key("a"), &[]), Check::Purged);
    assert!(Journal::read(folder.0.path()).unwrap().is_none());
    purge(&mut journal, &epochs, "b").expect("the next life begins empty anyway");
}
