use super::*;

fn record(status: u16, body_bytes: u64) -> Record {
    Record {
        seq: 0,
        id: Some("a".to_owned()),
        at_ms: 5,
        object: Some(ObjectId {
            class: 1,
            object: 2,
        }),
        variant: 0,
        version: Some(1),
        target: None,
        method: "GET".to_owned(),
        status,
        body_bytes,
        conditional: status == 304,
        complete: status != 0,
    }
}

#[test]
fn readers_are_told_what_they_missed() {
    let log = Log::new(3);
    let page = |after, limit| {
        let (page, records) = log.page(after, limit);
        let seqs: Vec<u64> = records.iter().map(|record| record.seq).collect();
        assert_eq!(page.records, seqs.len() as u64);
        (seqs, page.lost, page.next, page.more)
    };
    assert_eq!(page(0, 10), (vec![], 0, 0, false));
    for _ in 0..3 {
        log.end(record(200, 10));
    }
    assert_eq!(page(0, 10), (vec![1, 2, 3], 0, 3, false));
    assert_eq!(page(0, 2), (vec![1, 2], 0, 2, true));
    assert_eq!(page(2, 10), (vec![3], 0, 3, false));
    log.end(record(304, 0));
    log.end(record(0, 7));
    assert_eq!(page(0, 10), (vec![3, 4, 5], 2, 5, false));
    assert_eq!(page(1, 10), (vec![3, 4, 5], 1, 5, false));
    assert_eq!(page(5, 10), (vec![], 0, 5, false));
    assert_eq!(page(99, 10), (vec![], 0, 99, false));
    assert_eq!(page(u64::MAX, 10), (vec![], 0, u64::MAX, false));
}

#[test]
fn counts_outlive_the_ring() {
    let log = Log::new(0);
    for (status, bytes) in [(200, 10), (200, 5), (304, 0), (0, 7)] {
        log.begin();
        log.end(record(status, bytes));
    }
    log.begin();
    let counts = log.counts();
    assert_eq!(
        (counts.requests, counts.in_flight, counts.body_bytes),
        (4, 1, 22)
    );
    assert_eq!((counts.conditional, counts.incomplete), (1, 1));
    assert_eq!(
        counts.by_status,
        BTreeMap::from([(0, 1), (200, 2), (304, 1)])
    );
    assert_eq!(counts.by_class, BTreeMap::from([(1, 4)]));
    assert_eq!(log.page(0, 10).0.lost, 4);
}

#[test]
fn records_are_read_back_as_written() {
    let line = serde_json::to_string(&record(200, 1)).unwrap();
    assert_eq!(
        serde_json::from_str::<Record>(&line).unwrap(),
        record(200, 1)
    );
}
