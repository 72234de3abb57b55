//! An upstream whose every byte is scripted: a thread per connection, a closure per request.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The target of the request line.
    pub(crate) target: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Request {
    /// The first field line of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// What the script does with the connection after an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    KeepOpen,
    Close,
}

/// A scripted upstream; its threads end with the test's process.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Upstream {
    /// Answers each request with what `script` writes.
    pub(crate) fn start<F>(script: F) -> Upstream
    where
        F: Fn(&Request, &mut TcpStream) -> Then + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let requests = Arc::new(AtomicUsize::new(0));
        let (script, counter) = (Arc::new(script), requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let (script, counter) = (script.clone(), counter.clone());
                std::thread::spawn(move || serve(stream, &*script, &counter));
            }
        });
        Upstream { address, requests }
    }

    /// Answers every request with the same bytes.
    pub(crate) fn always(response: &str) -> Upstream {
        let response = response.to_owned();
        Upstream::start(move |_, stream| {
            let _ = stream.write_all(response.as_bytes());
            Then::KeepOpen
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests have come so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(
    mut stream: TcpStream,
    script: &dyn Fn(&Request, &mut TcpStream) -> Then,
    counter: &AtomicUsize,
) {
    let Ok(reading) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(reading);
    while let Some(request) = read_request(&mut reader) {
        counter.fetch_add(1, Ordering::SeqCst);
        if script(&request, &mut stream) == Then::Close {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut request_line = String::new();
    reader
        .read_line(&mut request_line)
        .ok()
        .filter(|length| *length > 0)?;
    let target = request_line.split(' ').nth(1)?.to_owned();
    let mut fields = Vec::new();
    loop {
        let mut field = String::new();
        reader
            .read_line(&mut field)
            .ok()
            .filter(|length| *length > 0)?;
        let Some((name, value)) = field.trim_end().split_once(':') else {
            return Some(Request { target, fields });
        };
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
}
