//! A scripted response as bytes, and the words that texts of a case can use.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::case::{Framing, Script};
use crate::wire;

/// The field by which a response tells which step's it is.
pub(crate) const MARK: &str = "X-Served";

/// What the words in a text stand for: `{path}`, `{authority}`, `{start}` (the case's beginning) and `{now}`, with an
/// offset in seconds as in `{now-10}`, and in the obsolete forms `{rfc850:now}` and `{asctime:now}`.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    pub(crate) path: String,
    pub(crate) authority: String,
    pub(crate) start: SystemTime,
    pub(crate) now: SystemTime,
}

impl Words {
    /// The text with its words filled in; what is no word stays.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let (before, after) = rest.split_at(at);
            filled.push_str(before);
            match after
                .find('}')
                .and_then(|end| Some((self.word(&after[1..end])?, end)))
            {
                Some((word, end)) => {
                    filled.push_str(&word);
                    rest = &after[end + 1..];
                }
                None => {
                    filled.push('{');
                    rest = &after[1..];
                }
            }
        }
        filled.push_str(rest);
        filled
    }

    fn word(&self, word: &str) -> Option<String> {
        match word {
            "path" => return Some(self.path.clone()),
            "authority" => return Some(self.authority.clone()),
            _ => {}
        }
        let (form, instant) = word.split_once(':').unwrap_or(("", word));
        let (base, offset) = if let Some(offset) = instant.strip_prefix("now") {
            (self.now, offset)
        } else {
            (self.start, instant.strip_prefix("start")?)
        };
        let seconds: i64 = if offset.is_empty() {
            0
        } else {
            offset.parse().ok()?
        };
        let shift = Duration::from_secs(seconds.unsigned_abs());
        let instant = if seconds < 0 {
            base.checked_sub(shift)?
        } else {
            base.checked_add(shift)?
        };
        let date = httpdate::fmt_http_date(instant);
        match form {
            "" => Some(date),
            "rfc850" => rfc850(&date, instant),
            "asctime" => asctime(&date),
            _ => None,
        }
    }
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`, from `Sun, 06 Nov 1994 08:49:37 GMT`.
fn rfc850(date: &str, instant: SystemTime) -> Option<String> {
    const DAYS: [&str; 7] = [
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
        "Monday",
        "Tuesday",
        "Wednesday",
    ];
    let days = instant.duration_since(UNIX_EPOCH).ok()?.as_secs() / 86_400;
    let day = DAYS[usize::try_from(days % 7).ok()?];
    let parts: Vec<_> = date.split(' ').collect();
    let [_, d, month, year, time, zone] = parts[..] else {
        return None;
    };
    Some(format!(
        "{day}, {d}-{month}-{} {time} {zone}",
        year.get(2..)?
    ))
}

/// `Sun Nov  6 08:49:37 1994`, from `Sun, 06 Nov 1994 08:49:37 GMT`.
fn asctime(date: &str) -> Option<String> {
    let parts: Vec<_> = date.split(' ').collect();
    let [day, d, month, year, time, _] = parts[..] else {
        return None;
    };
    let day = day.trim_end_matches(',');
    Some(format!(
        "{day} {month} {:>2} {time} {year}",
        d.parse::<u8>().ok()?
    ))
}

/// The content that a response has unless its script says otherwise.
pub(crate) fn content(script: &Script, id: &str, number: usize) -> Vec<u8> {
    match &script.body {
        Some(text) => wire::bytes(text),
        None if matches!(script.status, 204 | 205 | 304) => Vec::new(),
        None => format!("{id}, step {number}: what the origin says").into_bytes(),
    }
}

/// What the origin does with the connection once it has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Stay,
    Close,
    /// Wait for another request, and close on it.
    Hold,
}

/// A response as bytes.
pub(crate) struct Written {
    pub(crate) interim: Vec<u8>,
    pub(crate) last: Vec<u8>,
    pub(crate) then: Then,
}

/// The request that a response is for, as far as it matters.
pub(crate) struct Question<'a> {
    pub(crate) id: &'a str,
    pub(crate) number: usize,
    pub(crate) method: &'a str,
    pub(crate) conditional: bool,
    pub(crate) range: Option<&'a str>,
}

/// The response of a script.
pub(crate) fn write(script: &Script, question: &Question<'_>, words: &Words) -> Written {
    let interim = script
        .interim
        .iter()
        .flat_map(|line| interim(line, words))
        .collect();
    if let Some(raw) = &script.raw {
        let last = wire::bytes(&words.fill(raw));
        return Written {
            interim,
            last,
            then: if script.held { Then::Hold } else { Then::Close },
        };
    }
    let mut content = content(script, question.id, question.number);
    let mut status = script.status;
    if status == 304 && !question.conditional {
        status = 200;
        content = self::content(&Script::default(), question.id, question.number);
    }
    let mut lines: Vec<String> = script.fields.iter().map(|line| words.fill(line)).collect();
    let names = |lines: &[String], name: &str| {
        lines
            .iter()
            .any(|line| wire::split_line(line).0.eq_ignore_ascii_case(name))
    };
    if script.ranges
        && let Some(range) = question.range
    {
        if let Some((first, last)) = asked(range, content.len()) {
            status = 206;
            lines.push(format!(
                "Content-Range: bytes {first}-{last}/{}",
                content.len()
            ));
            content = content[first..=last].to_vec();
        } else {
            status = 416;
            lines.push(format!("Content-Range: bytes */{}", content.len()));
            content.clear();
        }
    }
    if !script.no_date && !names(&lines, "date") {
        lines.insert(0, words.fill("Date: {now}"));
    }
    if status != 304 && !names(&lines, MARK) {
        lines.push(format!("{MARK}: {}", question.number));
    }
    let bodiless = question.method == "HEAD" || matches!(status, 204 | 304);
    let mut then = Then::Stay;
    let framing = if script.trailers.is_empty() {
        script.framing
    } else {
        Framing::Chunked
    };
    match framing {
        Framing::Chunked => lines.push("Transfer-Encoding: chunked".to_owned()),
        Framing::Close => then = Then::Close,
        Framing::Length if matches!(status, 204 | 304) || names(&lines, "content-length") => {}
        Framing::Length => lines.push(format!("Content-Length: {}", content.len())),
    }
    if let Some(cut) = script.cut_after {
        content.truncate(cut);
        then = Then::Close;
    }
    let mut last = wire::bytes(&format!(
        "HTTP/1.1 {status} {}\r\n{}\r\n\r\n",
        reason(status),
        lines.join("\r\n")
    ));
    if !bodiless {
        if framing == Framing::Chunked {
            last.extend(format!("{:x}\r\n", content.len()).into_bytes());
            last.extend(content);
            if script.cut_after.is_none() {
                last.extend(b"\r\n0\r\n");
                for line in &script.trailers {
                    last.extend(wire::bytes(&words.fill(line)));
                    last.extend(b"\r\n");
                }
                last.extend(b"\r\n");
            }
        } else {
            last.extend(content);
        }
    }
    Written {
        interim,
        last,
        then,
    }
}

/// `103 Link: <a>` as a response.
fn interim(line: &str, words: &Words) -> Vec<u8> {
    let line = words.fill(line);
    let (status, field) = line.split_once(' ').unwrap_or((&line, ""));
    let field = if field.is_empty() {
        String::new()
    } else {
        format!("{field}\r\n")
    };
    wire::bytes(&format!("HTTP/1.1 {status} Interim\r\n{field}\r\n"))
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        304 => "Not Modified",
        404 => "Not Found",
        _ => "Scripted",
    }
}

/// The first range that is asked for, where it can be given.
fn asked(range: &str, length: usize) -> Option<(usize, usize)> {
    let first = range.strip_prefix("bytes=")?.split(',').next()?.trim();
    let (from, to) = first.split_once('-')?;
    let end = length.checked_sub(1)?;
    let range = if from.is_empty() {
        (length.saturating_sub(to.parse().ok()?), end)
    } else {
        let to = if to.is_empty() { end } else { to.parse().ok()? };
        (from.parse().ok()?, to.min(end))
    };
    (range.0 <= range.1).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_filled_in() {
        let words = Words {
            path: "/p".to_owned(),
            authority: "a:1".to_owned(),
            start: UNIX_EPOCH + Duration::from_secs(784_111_777),
            now: UNIX_EPOCH + Duration::from_secs(784_111_787),
        };
        let check = |text: &str, expected: &str| assert_eq!(words.fill(text), expected, "{text}");
        check("http://{authority}{path}/x", "http://a:1/p/x");
        check("{start}", "Sun, 06 Nov 1994 08:49:37 GMT");
        check("{now-10}", "Sun, 06 Nov 1994 08:49:37 GMT");
        check("{rfc850:start}", "Sunday, 06-Nov-94 08:49:37 GMT");
        check("{asctime:start}", "Sun Nov  6 08:49:37 1994");
        check("{x} {", "{x} {");
    }

    #[test]
    fn ranges_as_asked() {
        assert_eq!(asked("bytes=0-3", 10), Some((0, 3)));
        assert_eq!(asked("bytes=5-", 10), Some((5, 9)));
        assert_eq!(asked("bytes=-2", 10), Some((8, 9)));
        assert_eq!(asked("bytes=20-", 10), None);
        assert_eq!(asked("lines=0-3", 10), None);
    }
}
