use std::future::Future;

use super::*;

fn keep(whole: u64, window: u64) -> Keep {
    Keep {
        whole,
        window,
        budget: Budget::new(1 << 20),
    }
}

fn next(reader: &mut Reader) -> Option<Next> {
    match reader.poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(next) => Some(next),
        Poll::Pending => None,
    }
}

fn chunk(bytes: &'static [u8]) -> Option<Next> {
    Some(Next::Chunk(Bytes::from_static(bytes)))
}

#[test]
fn each_reader_gets_every_byte_before_the_end_is_known() {
    let transfer = Transfer::new(keep(100, 10));
    let mut early = transfer.reader().unwrap();
    assert_eq!(next(&mut early), None);
    transfer.push(b"abc");
    let mut late = transfer.reader().unwrap();
    for reader in [&mut early, &mut late] {
        assert_eq!(next(reader), chunk(b"abc"));
        assert_eq!(next(reader), None);
    }
    let mut stored = None;
    transfer.push_last(b"de", |pieces| stored = Some(pieces));
    assert_eq!(stored.unwrap(), [Bytes::from_static(b"abcde")]);
    for reader in [&mut early, &mut late] {
        assert_eq!(next(reader), chunk(b"de"));
        assert_eq!(next(reader), Some(Next::End));
    }
}

#[test]
fn a_body_that_ends_short_is_never_stored() {
    let transfer = Transfer::new(keep(100, 10));
    let mut reader = transfer.reader().unwrap();
    transfer.push(b"abc");
    transfer.fail(Failure::Truncated);
    assert_eq!(next(&mut reader), chunk(b"abc"));
    assert_eq!(next(&mut reader), Some(Next::Failed(Failure::Truncated)));
}

#[test]
fn what_is_too_large_becomes_a_window_and_gives_its_budget_back() {
    let keep = keep(8, 4);
    let budget = Arc::clone(&keep.budget);
    let transfer = Transfer::new(keep);
    let mut fast = transfer.reader().unwrap();
    let mut slow = transfer.reader().unwrap();
    assert_eq!(next(&mut slow), None);
    for bytes in [b"aaaa", b"bbbb", b"cccc"] {
        transfer.push(bytes);
        assert_eq!(
            next(&mut fast),
            Some(Next::Chunk(Bytes::from_static(bytes)))
        );
    }
    assert_eq!(budget.held(), 0);
    assert_eq!(next(&mut slow), Some(Next::Behind(0)));
    assert!(transfer.reader().is_none());
    transfer.push_last(b"dd", |_| panic!("not all of it is there"));
    assert_eq!(next(&mut fast), chunk(b"dd"));
    assert_eq!(next(&mut fast), Some(Next::End));
}

#[test]
fn whole_bodies_share_one_budget() {
    let keep = Keep {
        whole: 100,
        window: 4,
        budget: Budget::new(6),
    };
    let first = Transfer::new(keep.clone());
    let second = Transfer::new(keep.clone());
    first.push(b"abcd");
    second.push(b"abcd");
    assert!(first.whole());
    assert!(!second.whole());
    drop(first);
    assert_eq!(keep.budget.held(), 0);
}

#[tokio::test]
async fn a_window_waits_for_its_fastest_reader_and_for_nobody_ends() {
    let transfer = Transfer::new(keep(0, 4));
    let mut reader = transfer.reader().unwrap();
    let mut patience = Patience::default();
    transfer.push(b"abcd");
    {
        let mut room = std::pin::pin!(transfer.room(&mut patience));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(room.as_mut().poll(&mut cx).is_pending());
        assert_eq!(next(&mut reader), chunk(b"abcd"));
        assert_eq!(room.await, Ok(()));
    }
    drop(reader);
    assert_eq!(transfer.room(&mut patience).await, Err(Unwanted));
}

#[test]
fn what_was_kept_whole_stays_until_the_fastest_has_read_it() {
    let keep = keep(8, 4);
    let budget = Arc::clone(&keep.budget);
    let transfer = Transfer::new(keep);
    let mut reader = transfer.reader().unwrap();
    for bytes in [b"aaaa", b"bbbb", b"cccc"] {
        transfer.push(bytes);
    }
    assert!(!transfer.whole());
    assert_eq!(budget.held(), 8);
    assert_eq!(next(&mut reader), chunk(b"aaaa"));
    assert_eq!(next(&mut reader), chunk(b"bbbb"));
    transfer.push(b"dddd");
    assert_eq!(next(&mut reader), chunk(b"cccc"));
    transfer.push(b"eeee");
    assert_eq!(budget.held(), 8);
    assert_eq!(next(&mut reader), chunk(b"dddd"));
    assert_eq!(next(&mut reader), chunk(b"eeee"));
    transfer.push(b"ffff");
    assert_eq!(budget.held(), 0);
}
