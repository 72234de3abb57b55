use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Wake;

use super::*;

#[tokio::test]
async fn a_sleep_never_ends_early() {
    let timer = Timer::start().unwrap();
    for microseconds in [0, 1, 50, 999, 2_000, 7_300] {
        let deadline = Instant::now() + Duration::from_micros(microseconds);
        timer.sleep_until(deadline).await;
        assert!(Instant::now() >= deadline);
    }
}

#[tokio::test]
async fn sleeps_end_in_the_order_of_their_deadlines() {
    let timer = Timer::start().unwrap();
    let start = Instant::now() + Duration::from_millis(20);
    let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
    for span in [9_u64, 1, 5, 3, 7] {
        let sleep = timer.sleep_until(start + Duration::from_millis(span * 10));
        let told = told.clone();
        tokio::spawn(async move {
            sleep.await;
            told.send((span, Instant::now())).unwrap();
        });
    }
    for _ in 0..5 {
        let (span, ended) = order.recv().await.unwrap();
        assert!(ended >= start + Duration::from_millis(span * 10));
    }
}

#[tokio::test]
async fn an_earlier_deadline_overtakes_a_later_one() {
    let timer = Timer::start().unwrap();
    let mut later = timer.sleep(Duration::from_secs(3_600));
    tokio::select! {
        () = &mut later => panic!("an hour has not passed"),
        () = timer.sleep(Duration::from_millis(1)) => {}
    }
    later.reset(Instant::now() + Duration::from_millis(1));
    later.await;
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_dropped_sleep_leaves_nothing_behind() {
    let timer = Timer::start().unwrap();
    let waker = Arc::new(Woken::default()).into();
    let mut context = Context::from_waker(&waker);
    let mut sleeps: Vec<_> = (0..100)
        .map(|_| timer.sleep(Duration::from_secs(3_600)))
        .collect();
    for sleep in &mut sleeps {
        assert!(Pin::new(&mut *sleep).poll(&mut context).is_pending());
        // Polled twice, still one place in the queue.
        assert!(Pin::new(sleep).poll(&mut context).is_pending());
    }
    assert_eq!(timer.waiting(), 100);
    sleeps.truncate(1);
    assert_eq!(timer.waiting(), 1);
    drop(sleeps);
    assert_eq!(timer.waiting(), 0);
}

#[tokio::test]
async fn a_sleep_outlives_its_timer_handle() {
    let sleep = Timer::start().unwrap().sleep(Duration::from_millis(2));
    sleep.await;
}

#[test]
fn a_clock_counts_from_its_start() {
    let start = Instant::now();
    let clock = Clock::starting_at(start);
    assert_eq!(clock.offset(start), 0);
    assert_eq!(clock.offset(start + Duration::from_nanos(17)), 17);
    assert_eq!(clock.instant(17), start + Duration::from_nanos(17));
    let ahead = Clock::starting_at(start + Duration::from_secs(3_600));
    assert_eq!(ahead.now(), 0);
    // Whatever the platform makes of it, it is far ahead and no panic.
    assert!(clock.instant(u64::MAX) > start + Duration::from_secs(86_400));
}
