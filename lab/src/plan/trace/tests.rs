//! Traces are played as recorded, and what is no trace is refused with the line that shows it.

use std::io::Write;
use std::path::PathBuf;

use super::*;

fn file(text: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap_or_else(|error| panic!("{error}"));
    file.write_all(text)
        .unwrap_or_else(|error| panic!("{error}"));
    file
}

fn scan(text: &[u8], sequential: bool) -> Result<TraceFile, TraceError> {
    TraceFile::scan(file(text).path(), 3, sequential, 60_000_000_000)
}

#[test]
fn rows_become_objects_in_order_of_first_sight() {
    let text = b"key,time,size,more\nb,100.5,7,x\na,101,9,x\n\nb,101.000000001,8,x\r\n";
    let file = file(text);
    let trace = TraceFile::scan(file.path(), 3, false, 60_000_000_000)
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        (trace.sizes.as_slice(), trace.rows, trace.length),
        ([7, 9].as_slice(), 3, 500_000_001)
    );
    let trace = Arc::new(trace);
    let rows: Vec<(u64, u32)> = trace
        .rows()
        .map(|row| row.map(|(due, id)| (due, id.object)))
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(rows, [(0, 0), (500_000_000, 1), (500_000_001, 0)]);
}

#[test]
fn sequential_traces_have_no_times_and_paced_ones_end_with_the_run() {
    let text = b"time,key,size\n0,1,1\n70,2,1\n30,3,1\n";
    let held = file(text);
    let scan = |sequential| TraceFile::scan(held.path(), 0, sequential, 60_000_000_000);
    let sequential = Arc::new(scan(true).unwrap_or_else(|error| panic!("{error}")));
    assert_eq!(
        sequential
            .rows()
            .filter(|row| matches!(row, Ok((0, _))))
            .count(),
        3
    );
    assert!(scan(false).is_err(), "unsorted");
    let gone = file(b"time,key,size\n0,1,1\n59,2,1\n61,3,1\n");
    let paced = TraceFile::scan(gone.path(), 0, false, 60_000_000_000).map(Arc::new);
    assert_eq!(paced.as_ref().map(|paced| paced.rows().count()), Ok(2));
    drop(gone);
    // A file that has gone is an error of the row, not a panic.
    assert!(paced.is_ok_and(|paced| matches!(
        paced.rows().next(),
        Some(Err(TraceError::Unreadable { .. }))
    )));
}

#[test]
fn what_is_no_trace() {
    let check = |text: &[u8], line: u64, expected: &str| match scan(text, false) {
        Err(TraceError::Line {
            line: found, why, ..
        }) => {
            assert_eq!(found, line, "{why}");
            assert!(why.contains(expected), "`{why}` lacks `{expected}`");
        }
        other => panic!("{:?} gave {other:?}", String::from_utf8_lossy(text)),
    };
    check(b"", 1, "empty");
    check(b"time,key,size\n", 1, "no requests");
    check(
        b"0,1,1\n1,2,1\n",
        1,
        "begins with a header that names the columns",
    );
    check(b"date,url,bytes\n", 1, "`date,url,bytes`");
    check(
        b"time,key,size\n1,2,3\n2,3\n",
        3,
        "2 columns where the header has 3",
    );
    check(b"time,key,size\n1,2,3\n2,3,4", 3, "cut off");
    check(b"time,key,size\n-1,2,3\n", 2, "the time `-1` is negative");
    check(b"time,key,size\n1,2,-3\n", 2, "the size `-3` is negative");
    check(
        b"time,key,size\n1,2,big\n",
        2,
        "not a whole number of bytes",
    );
    check(
        b"time,key,size\n1,2,1099511627777\n",
        2,
        "the size `1099511627777` is above 1 TiB",
    );
    check(
        b"time,key,size\n1,2,99999999999999999999999\n",
        2,
        "above 1 TiB",
    );
    check(b"time,key,size\nnoon,2,3\n", 2, "not a number of seconds");
    check(b"time,key,size\n1e3,2,3\n", 2, "not a number of seconds");
    check(b"time,key,size\n99999999999999999999,2,3\n", 2, "too large");
    check(b"time,key,size\n1,,3\n", 2, "key is empty");
    check(
        b"time,key,size\n5,1,1\n4,2,1\n",
        3,
        "before that of the line above, 5",
    );
    check(b"time,key,size\n1,\x00\x01,1\n", 2, "not text");
    check(&[b'x'; 10_000], 1, "longer than 4096 bytes");
    let missing = TraceFile::scan(&PathBuf::from("no-such-file.csv"), 0, false, 1);
    assert!(matches!(missing, Err(TraceError::Unreadable { .. })));
}

/// Records of time, key, size and next request.
fn records(rows: &[(u32, u64, u32, i64)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (time, key, size, next) in rows {
        bytes.extend_from_slice(&time.to_le_bytes());
        bytes.extend_from_slice(&key.to_le_bytes());
        bytes.extend_from_slice(&size.to_le_bytes());
        bytes.extend_from_slice(&next.to_le_bytes());
    }
    bytes
}

const ROWS: [(u32, u64, u32, i64); 4] = [
    (100, u64::MAX, 7, 3),
    (100, 5, 9, i64::MAX),
    (130, 6, 8, -1),
    (131, u64::MAX, 70, -1),
];

/// A file whose name ends so.
fn named(text: &[u8], suffix: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new()
        .suffix(suffix)
        .tempfile()
        .unwrap_or_else(|error| panic!("{error}"));
    file.write_all(text)
        .unwrap_or_else(|error| panic!("{error}"));
    file
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap_or_else(|error| panic!("{error}"))
}

/// Sizes by key, and the rows as (due, object).
fn played(file: &tempfile::NamedTempFile) -> (Vec<u64>, Vec<(u64, u32)>) {
    let trace = TraceFile::scan(file.path(), 3, false, 60_000_000_000)
        .map(Arc::new)
        .unwrap_or_else(|error| panic!("{error}"));
    let rows = trace
        .rows()
        .map(|row| row.map(|(due, id)| (due, id.object)))
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{error}"));
    (trace.sizes.clone(), rows)
}

#[test]
fn oracle_records_by_name_or_by_content_packed_or_not() {
    let bytes = records(&ROWS);
    let expected = (
        vec![7, 9, 8],
        vec![(0, 0), (0, 1), (30_000_000_000, 2), (31_000_000_000, 0)],
    );
    // Frames may follow one another in one file.
    let frames = [packed(&bytes[..30]), packed(&bytes[30..])].concat();
    for (content, suffix) in [
        (bytes.clone(), ".oracleGeneral"),
        (bytes.clone(), ".oracleGeneral.bin"),
        (bytes.clone(), ""),
        (packed(&bytes), ".oracleGeneral.zst"),
        (packed(&bytes), ".oracleGeneral"),
        (packed(&bytes), ""),
        (frames, ".bin.zst"),
    ] {
        assert_eq!(played(&named(&content, suffix)), expected, "`{suffix}`");
    }
    let text = b"time,key,size\n100,a,7\n100,b,9\n130,c,8\n131,a,70\n";
    for suffix in [".csv.zst", ".zst", ""] {
        assert_eq!(
            played(&named(&packed(text), suffix)),
            expected,
            "`{suffix}`"
        );
    }
}

#[test]
fn what_is_no_oracle_trace() {
    let check = |content: &[u8], suffix: &str, expected: &str| {
        let file = named(content, suffix);
        match TraceFile::scan(file.path(), 0, false, 60_000_000_000) {
            Err(error) => assert!(
                error.to_string().contains(expected),
                "`{error}` lacks `{expected}`"
            ),
            Ok(trace) => panic!("{expected}: {trace:?}"),
        }
    };
    let bytes = records(&ROWS);
    let binary = ".oracleGeneral";
    check(b"", binary, "no requests");
    check(
        &bytes[..90],
        binary,
        "record 4: 18 bytes where a record has 24; the file seems cut off",
    );
    check(
        b"time,key,size\n100,a,7\n100,b,9\n",
        binary,
        "is it a CSV file?",
    );
    check(
        &records(&[ROWS[2], ROWS[0]]),
        binary,
        "record 2: its time 100 is before",
    );
    check(
        &records(&[(1, 1, 1, -2)]),
        binary,
        "record 1: its next request has the number -2",
    );
    check(&bytes, ".csv", "not text");
    check(&bytes, ".csv.zst", "not compressed with zstd");
    check(b"\x1f\x8b\x08\x00\x00garbage", ".csv", "gzip");
    // A frame that ends early is an error, not an end.
    let frame = packed(&bytes);
    check(&frame[..frame.len() - 5], ".oracleGeneral.zst", "trace");
    check(
        &[&frame[..6], &[0xff; 20]].concat(),
        ".oracleGeneral.zst",
        "trace",
    );
}

#[test]
fn marks_and_quotes_of_spreadsheets_are_read_or_refused_by_name() {
    let text = "\u{feff}\"time\",\"key\",\"size\"\n0,\"a\",1\n1,a,1\n";
    let mut named = tempfile::Builder::new()
        .suffix(".csv")
        .tempfile()
        .unwrap_or_else(|error| panic!("{error}"));
    named
        .write_all(text.as_bytes())
        .unwrap_or_else(|error| panic!("{error}"));
    let trace = TraceFile::scan(named.path(), 0, false, 60_000_000_000);
    // The key is the same with and without quotes.
    assert_eq!(
        trace.map(|trace| (trace.rows, trace.sizes.len())),
        Ok((2, 1))
    );
    for (text, word) in [
        ("time,key,size\n0,\"a,b\",1\n", "quoted fields"),
        ("time,key,size\n1e3,a,1\n", "plain digits"),
    ] {
        let error = scan(text.as_bytes(), false)
            .err()
            .map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains(word)), "{text}");
    }
}
