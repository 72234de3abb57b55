//! The scripted origin: answers each request as the case says to which its path belongs, and remembers what it was asked.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::case::Case;
use crate::judge::Seen;
use crate::script::{self, Question, Then, Words};
use crate::wire::{self, End, Head, Reader};

/// Answers a request that belongs to no case.
const STRANGER: &[u8] =
    b"HTTP/1.1 404 Not Found\r\nCache-Control: no-store\r\nContent-Length: 30\r\n\r\nno case of the suite is here.\r\n";

/// A running origin. Dropping it stops it.
#[derive(Debug)]
pub struct Origin {
    /// Where it listens.
    pub address: SocketAddr,
    rooms: Arc<Rooms>,
    listening: JoinHandle<()>,
}

type Rooms = Mutex<HashMap<String, Arc<Room>>>;

/// One case being played through one cache.
#[derive(Debug)]
pub(crate) struct Room {
    case: Arc<Case>,
    /// Where the case's targets begin: of this run alone, so that nothing is stored yet.
    pub(crate) path: String,
    authority: String,
    start: SystemTime,
    seen: Mutex<Vec<Seen>>,
    asked: Notify,
}

impl Origin {
    /// Listens at `address`.
    ///
    /// # Errors
    /// Where the system does not let it.
    pub async fn start(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let rooms = Arc::new(Rooms::default());
        let listening = tokio::spawn(accept(listener, Arc::clone(&rooms)));
        Ok(Self {
            address,
            rooms,
            listening,
        })
    }

    /// Room for a case, until [`Origin::close`].
    pub(crate) fn open(&self, case: &Arc<Case>, run: &str, authority: &str) -> Arc<Room> {
        let path = format!("/{run}/{}", case.id);
        let room = Arc::new(Room {
            case: Arc::clone(case),
            path: path.clone(),
            authority: authority.to_owned(),
            start: SystemTime::now(),
            seen: Mutex::default(),
            asked: Notify::new(),
        });
        locked(&self.rooms).insert(path, Arc::clone(&room));
        room
    }

    pub(crate) fn close(&self, room: &Room) {
        locked(&self.rooms).remove(&room.path);
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Room {
    /// What this case's texts may name, now.
    pub(crate) fn words(&self) -> Words {
        Words {
            path: self.path.clone(),
            authority: self.authority.clone(),
            start: self.start,
            now: SystemTime::now(),
        }
    }

    /// The requests of a step so far.
    pub(crate) fn seen(&self, number: usize) -> Vec<Seen> {
        let seen = locked(&self.seen);
        seen.iter()
            .filter(|seen| seen.step == number)
            .cloned()
            .collect()
    }

    /// Waits until the origin was asked in a step, but not beyond `patience`.
    pub(crate) async fn asked(&self, number: usize, patience: Duration) {
        let wait = async {
            loop {
                let asked = self.asked.notified();
                if !self.seen(number).is_empty() {
                    return;
                }
                asked.await;
            }
        };
        // What was seen is judged, in time or not.
        let _ = tokio::time::timeout(patience, wait).await;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, rooms: Arc<Rooms>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let rooms = Arc::clone(&rooms);
                // A connection that breaks is the cache's affair; the case shows it.
                tokio::spawn(async move { serve(stream, &rooms).await.unwrap_or_default() });
            }
            // Out of descriptors: others will end.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn serve(mut stream: TcpStream, rooms: &Rooms) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.split();
    let mut reader = Reader::new(read);
    while let Some(head) = reader.head().await? {
        let mut words = head.first.split(' ').map(str::to_owned);
        let (method, target) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let Some(room) = room(rooms, &target) else {
            write.write_all(STRANGER).await?;
            return Ok(());
        };
        let expects = wire::combined(&head.fields, "expect");
        if expects.is_some_and(|what| what.eq_ignore_ascii_case("100-continue")) {
            write.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let content = reader.body(wire::end(&head.fields, End::Empty)).await;
        let number = number(&head, &room);
        let seen = Seen {
            step: number,
            method,
            target,
            fields: head.fields,
            content: content.bytes,
        };
        locked(&room.seen).push(seen.clone());
        room.asked.notify_waiters();
        let Some(step) = room.case.steps.get(number - 1) else {
            write.write_all(STRANGER).await?;
            return Ok(());
        };
        let script = &step.origin;
        if script.silent {
            tokio::time::sleep(Duration::from_millis(script.delay_ms)).await;
            return Ok(());
        }
        let range = wire::combined(&seen.fields, "range");
        let question = Question {
            id: &room.case.id,
            number,
            method: &seen.method,
            conditional: seen.is_conditional(),
            range: range.as_deref(),
        };
        let written = script::write(script, &question, &room.words());
        write.write_all(&written.interim).await?;
        if script.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(script.delay_ms)).await;
        }
        write.write_all(&written.last).await?;
        match written.then {
            Then::Stay => {}
            Then::Close => {
                write.shutdown().await?;
                return Ok(());
            }
            Then::Hold => {
                reader.head().await?;
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The room that a target belongs to: `/run/subject/case` and what follows, in origin or absolute form.
fn room(rooms: &Rooms, target: &str) -> Option<Arc<Room>> {
    let path = match target.strip_prefix("http://") {
        Some(rest) => &rest[rest.find('/')?..],
        None => target,
    };
    let path = path.split('?').next()?;
    let ends = path
        .match_indices('/')
        .nth(3)
        .map_or(path.len(), |(at, _)| at);
    locked(rooms).get(&path[..ends]).cloned()
}

/// The step that a request belongs to: the one it names, or the latest.
fn number(head: &Head, room: &Room) -> usize {
    wire::combined(&head.fields, "x-step")
        .and_then(|number| number.parse().ok())
        .filter(|number| (1..=room.case.steps.len()).contains(number))
        .unwrap_or_else(|| locked(&room.seen).last().map_or(1, |seen| seen.step))
}
