//! What reading what lies on disk must hold for all bytes: for `fuzz/run` (feature `fuzzing`), and over its corpus in the
//! ordinary tests.

/// A record is the entry that it says under its key, or nothing; what is read can be written, and read again.
pub fn disk_record(bytes: &[u8]) {
    crate::store::fuzz_record(bytes);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn it_holds_over_its_corpus() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/disk-record");
        let mut inputs = 0;
        for entry in fs::read_dir(&folder).expect("a corpus") {
            super::disk_record(&fs::read(entry.expect("a file").path()).expect("a readable file"));
            inputs += 1;
        }
        assert!(inputs > 0, "{folder:?} is empty");
    }
}
