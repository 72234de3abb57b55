//! The cases that need sockets against caches that are wrong on purpose: each `must` of them fails with at least one, or it would
//! check nothing. (Those that need none are held against others: `edge/core/tests/conformance/broken.rs`.)

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use conformance::{Kind, Origin, Outcome, Suite, Target, play};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// What is wrong with a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// Passes bytes on, and understands none.
    Tunnel,
    /// Takes whatever comes for a whole body, and says how long it is.
    Completing,
    /// As that, and gives it to all who ask for the target, for ever.
    Keeping,
    /// As that without storing, but asks twice.
    Repeating,
    /// As the second, but loses the last byte.
    Losing,
    /// Passes messages on, and leaves the CR of a folded field line within its value.
    Folding,
}

const FLAWS: [Flaw; 6] = [
    Flaw::Tunnel,
    Flaw::Completing,
    Flaw::Keeping,
    Flaw::Repeating,
    Flaw::Losing,
    Flaw::Folding,
];

/// When nothing has come for so long, that was all.
const SILENCE: Duration = Duration::from_millis(300);

type Kept = Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>>;

async fn serve(
    flaw: Flaw,
    mut client: TcpStream,
    origin: SocketAddr,
    kept: Kept,
) -> io::Result<()> {
    if flaw == Flaw::Tunnel {
        let mut upstream = TcpStream::connect(origin).await?;
        copy_bidirectional(&mut client, &mut upstream).await?;
        return Ok(());
    }
    loop {
        let request = message(&mut client).await;
        if request.is_empty() {
            return Ok(());
        }
        let reply = match flaw {
            Flaw::Keeping => {
                let target = request.split(|byte| *byte == b' ').nth(1);
                let target = target.unwrap_or_default().to_vec();
                // Whoever asks for the same meanwhile waits, and gets the same.
                let mut kept = kept.lock().await;
                if let Some(reply) = kept.get(&target) {
                    reply.clone()
                } else {
                    let reply = whole(&asked(origin, &request).await?);
                    kept.insert(target, reply.clone());
                    reply
                }
            }
            Flaw::Repeating => {
                asked(origin, &request).await?;
                whole(&asked(origin, &request).await?)
            }
            Flaw::Losing => {
                let came = asked(origin, &request).await?;
                whole(
                    came.strip_suffix(&[*came.last().unwrap_or(&0)])
                        .unwrap_or_default(),
                )
            }
            Flaw::Folding => {
                let mut came = asked(origin, &request).await?;
                while let Some(at) = came.windows(3).position(|three| three == b"\r\n ") {
                    came.remove(at + 1);
                }
                came
            }
            Flaw::Completing | Flaw::Tunnel => whole(&asked(origin, &request).await?),
        };
        client.write_all(&reply).await?;
    }
}

/// All that comes until there is silence.
async fn message(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut patience = Duration::from_secs(5);
    while let Ok(Ok(1..)) = tokio::time::timeout(patience, stream.read_buf(&mut all)).await {
        patience = SILENCE;
    }
    all
}

async fn asked(origin: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut upstream = TcpStream::connect(origin).await?;
    upstream.write_all(request).await?;
    Ok(message(&mut upstream).await)
}

/// What came as a response that looks sound: the mark of its origin, and all behind the first empty line as content.
fn whole(came: &[u8]) -> Vec<u8> {
    let end = came.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, content) = came.split_at(end.map_or(0, |end| end + 4));
    let head = String::from_utf8_lossy(head).into_owned();
    let mut lines = head.split("\r\n").skip(1);
    let mark = lines.find(|line| line.to_ascii_lowercase().starts_with("x-served:"));
    let mark = mark.map(|line| format!("{line}\r\n")).unwrap_or_default();
    let length = content.len();
    let head = format!("HTTP/1.1 200 OK\r\n{mark}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), content].concat()
}

async fn start(flaw: Flaw, origin: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let kept = Kept::default();
    drop(tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            // A connection that breaks is what this is about.
            drop(tokio::spawn(serve(flaw, client, origin, Arc::clone(&kept))));
        }
    }));
    address
}

/// The cases that fail.
async fn held_against(suite: &Suite, flaw: Flaw) -> Vec<String> {
    let origin = Origin::start(SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let origin = origin.expect("a port");
    let address = start(flaw, origin.address).await;
    let target = Target {
        name: format!("{flaw:?}"),
        address,
        authority: address.to_string(),
    };
    let played = play(suite, &target, &origin, 64).await.into_iter();
    let failed = played.filter(|played| matches!(played.outcome, Outcome::Failed { .. }));
    failed.map(|played| played.case.id.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_must_fails_where_something_is_wrong() {
    let mut suite = Suite::shipped().expect("a sound suite");
    suite
        .cases
        .retain(|case| case.kind == Kind::Must && !case.can_be_rehearsed());
    // What a case stands on may well be missing here.
    suite.cases.iter_mut().for_each(|case| case.depends.clear());
    let mut unshaken: BTreeSet<String> = suite.cases.iter().map(|case| case.id.clone()).collect();
    assert!(unshaken.len() > 40, "{}", unshaken.len());
    // A busy machine can be too late for a case to be judged: what is left is played again.
    for _ in 0..3 {
        suite.cases.retain(|case| unshaken.contains(&case.id));
        // At once, each with an origin of its own: most of the time goes by in waiting.
        let played = FLAWS.map(|flaw| held_against(&suite, flaw));
        for shaken in join_all(played).await.into_iter().flatten() {
            unshaken.remove(&shaken);
        }
    }
    assert!(unshaken.is_empty(), "no flaw shakes {unshaken:#?}");
}
