//! `cdnlab explain`: what the cache core decides about a request and its response, and why.

mod heads;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use edge_core::fields::date;
use edge_core::{
    Digest, Flags, Millis, Policy, RequestHead, RequestKind, ResponseHead, Reuse, Stored,
    Timestamp, Vary, born, decide, digest, stale_on_error,
};
use http::{HeaderMap, HeaderName};

use crate::exit::{Failure, Outcome};
use crate::{input, output, values};

/// Say what a shared cache makes of a request and its response, and why.
///
/// Reads the two heads as curl shows them, from files or one after the other from standard input; without a request,
/// a plain GET is meant. Tells whether the response may be stored, how long it is fresh, how old it is, and what a
/// second request for it would get.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  curl -sI http://127.0.0.1:3000/ | cdnlab explain
  curl -sv http://127.0.0.1:3000/ 2>&1 >/dev/null | grep '^[<>]' | cdnlab explain
  cdnlab explain --request request.txt --response response.txt --after 90s

  printf 'HTTP/1.1 200 OK\\nCache-Control: max-age=60, stale-while-revalidate=30\\n' | cdnlab explain")]
pub(crate) struct ExplainArgs {
    /// The request head; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The response head; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    response: Option<PathBuf>,
    /// The cache's rules as JSON, as for `cdnlab edge`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Also tell what a request would get so long after the response came; may be repeated.
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    after: Vec<Duration>,
}

pub(crate) fn run(args: &ExplainArgs) -> Result<Outcome, Failure> {
    let policy = match &args.config {
        Some(path) => input::json(path, "cache policy")?,
        None => Policy::default(),
    };
    let (request, response) = texts(args)?;
    let wrong = |error: heads::HeadError| Failure::usage(error);
    let request =
        heads::request(request.as_deref().unwrap_or("GET http://example.test/")).map_err(wrong)?;
    let (status, headers) = heads::response(&response).map_err(wrong)?;
    // A saved head is explained as of the moment it was sent, not of the moment it is read.
    let now = now();
    let sent = headers
        .get(http::header::DATE)
        .and_then(|value| date::parse(value.as_bytes(), now))
        .map(Timestamp::from_seconds);
    let received = sent.unwrap_or(now);
    let response = ResponseHead::received(status, headers, received);
    let text = explain(&policy, &request, &response, received, &args.after);
    output::print(&text)?;
    Ok(Outcome::Done)
}

fn texts(args: &ExplainArgs) -> Result<(Option<String>, String), Failure> {
    let stdin = Path::new("-");
    match (&args.request, &args.response) {
        (None, None) => {
            let text = input::text(stdin)?;
            let (request, response) = heads::both(&text);
            Ok((request.map(str::to_owned), response.to_owned()))
        }
        (request, response) => {
            let request = request.as_deref().map(input::text).transpose()?;
            Ok((request, input::text(response.as_deref().unwrap_or(stdin))?))
        }
    }
}

/// The whole explanation.
fn explain(
    policy: &Policy,
    request: &RequestHead,
    response: &ResponseHead,
    received: Timestamp,
    after: &[Duration],
) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        // Writing into a string does not fail.
        let _ = writeln!(text, "{label:<11} {value}");
    };
    line("request", &format!("{} {}", request.method, request.target));
    line("response", &response.status.to_string());
    line("cache key", policy.key.key(&request.target).as_str());
    match Vary::of(&response.headers) {
        Vary::None => {}
        Vary::Star => line("varies by", "everything (Vary: *)"),
        Vary::Fields(fields) => {
            let shown: Vec<String> = fields
                .names()
                .iter()
                .map(|name| format!("{name} ({})", sent(&request.headers, name)))
                .collect();
            line("varies by", &shown.join(", "));
        }
    }
    let digest = match digest(request, response, policy, received) {
        Ok(digest) => digest,
        Err(why) => {
            line("stored", &format!("no: {why}. {}", why.explain()));
            line("next", "a second request goes to the origin, like this one");
            return text;
        }
    };
    let stored = Stored {
        digest,
        born: born(response, received, received),
    };
    line("stored", "yes");
    line("lifetime", &lifetime(&digest));
    line(
        "age",
        &format!("{} when it came", seconds(stored.age(received))),
    );
    for note in notes(&digest) {
        line("note", note);
    }
    let kind = RequestKind::of(request, policy);
    for at in instants(&stored, received, after) {
        let answer = next(policy, &stored, &kind, received.plus(at));
        line(&when(at), &answer);
    }
    text
}

/// What a request says in a field, as it was sent.
fn sent(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    if values.is_empty() {
        "not sent".to_owned()
    } else {
        values.join(", ")
    }
}

fn lifetime(digest: &Digest) -> String {
    let source = if digest.flags.has(Flags::HEURISTIC) {
        " (a guess from Last-Modified, RFC 9111 section 4.2.2)"
    } else if digest.flags.has(Flags::DEFAULTED) {
        " (the policy's default)"
    } else {
        ""
    };
    format!("{}{source}", seconds(digest.lifetime))
}

fn notes(digest: &Digest) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if digest.no_cache() {
        notes.push("no-cache: it is validated before each use");
    } else if digest.forbids_stale() {
        notes.push("it is never served stale (must-revalidate, proxy-revalidate or s-maxage)");
    }
    if !digest.validator() {
        notes.push("no ETag and no Last-Modified: once stale, it is fetched whole");
    }
    if digest.flags.has(Flags::NEGATIVE) {
        notes.push("a stored error: requests within its lifetime get it from the cache");
    }
    notes
}

/// The moments at which the answer may change, and those asked for.
fn instants(stored: &Stored, received: Timestamp, after: &[Duration]) -> Vec<Millis> {
    let ttl = stored.ttl(received);
    let mut at = vec![0];
    if ttl > 0 {
        at.push(ttl);
    }
    if stored.digest.stale_while_revalidate > 0 {
        at.push(ttl.saturating_add(stored.digest.stale_while_revalidate));
    }
    at.extend(
        after
            .iter()
            .map(|after| Millis::try_from(after.as_millis()).unwrap_or(Millis::MAX)),
    );
    at.retain(|at| *at >= 0);
    at.sort_unstable();
    at.dedup();
    at
}

fn when(at: Millis) -> String {
    if at == 0 {
        "at once".to_owned()
    } else {
        format!("after {}", seconds(at))
    }
}

/// What the same request gets at `now`.
fn next(policy: &Policy, stored: &Stored, request: &RequestKind, now: Timestamp) -> String {
    let ttl = stored.ttl(now);
    let upstream = |what: &str| {
        let unreachable = stale_on_error(policy, stored, request, true, now);
        let error = stale_on_error(policy, stored, request, false, now);
        let failing = match (unreachable, error) {
            (_, true) => "; if the origin fails or is out of reach, the stale answer",
            (true, false) => "; if the origin is out of reach, the stale answer",
            (false, false) => "",
        };
        format!("{what}{failing}")
    };
    match decide(policy, &stored.digest, stored.born, request, now) {
        Reuse::Hit => format!("hit, fresh for another {}", seconds(ttl)),
        Reuse::HitStale => format!(
            "hit, stale by {}: the client's max-stale allows it",
            seconds(-ttl)
        ),
        Reuse::HitAndRevalidate => {
            format!(
                "hit, stale by {}, and validated in the background (stale-while-revalidate)",
                seconds(-ttl)
            )
        }
        Reuse::Validate(why) => {
            upstream(&format!("asks the origin whether it still holds ({why})"))
        }
        Reuse::Forward(why) => upstream(&format!("fetched from the origin ({why})")),
        Reuse::GatewayTimeout => "504: the client takes only stored responses".to_owned(),
    }
}

/// Milliseconds as seconds.
fn seconds(millis: Millis) -> String {
    if millis % 1_000 == 0 {
        format!("{} s", millis / 1_000)
    } else {
        format!("{}.{:03} s", millis / 1_000, (millis % 1_000).abs())
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
