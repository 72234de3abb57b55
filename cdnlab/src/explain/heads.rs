//! Heads as people save them: from `curl -i`, `curl -v`, or typed by hand.

use edge_core::{RequestHead, Scheme, TargetUri};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

/// Why a text is no head.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadError {
    /// There is no first line.
    #[error("the {0} head is empty")]
    Empty(&'static str),
    /// The first line of a request.
    #[error(
        "line 1 of the request head is `{0}`; write it as in `GET /page.html HTTP/1.1` or `GET http://host/page.html`"
    )]
    RequestLine(String),
    /// The first line of a response.
    #[error("line 1 of the response head is `{0}`; write it as in `HTTP/1.1 200 OK`")]
    StatusLine(String),
    /// A field.
    #[error(
        "line {line} of the {head} head is `{text}`; write it as in `Cache-Control: max-age=60`"
    )]
    Field {
        /// Which head.
        head: &'static str,
        /// From 1.
        line: usize,
        /// The line.
        text: String,
    },
    /// The target URI.
    #[error("the request has no target: {0}; a Host field or a whole URL names it")]
    Target(#[from] edge_core::TargetError),
}

/// A request head.
pub(crate) fn request(text: &str) -> Result<RequestHead, HeadError> {
    let (first, headers) = split(text, "request")?;
    let wrong = || HeadError::RequestLine(first.to_owned());
    let mut words = first.split_whitespace();
    let method = words.next().ok_or_else(wrong)?;
    let target = words.next().ok_or_else(wrong)?;
    if words
        .next()
        .is_some_and(|version| !version.starts_with("HTTP/"))
        || words.next().is_some()
    {
        return Err(wrong());
    }
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| wrong())?;
    let uri: Uri = target.parse().map_err(|_| wrong())?;
    let target = TargetUri::from_request(&method, &uri, &headers, Scheme::Http)?;
    Ok(RequestHead {
        method,
        target,
        headers,
    })
}

/// A response head.
pub(crate) fn response(text: &str) -> Result<(StatusCode, HeaderMap), HeadError> {
    let (first, headers) = split(text, "response")?;
    let wrong = || HeadError::StatusLine(first.to_owned());
    let mut words = first.split_whitespace();
    if !words
        .next()
        .is_some_and(|version| version.starts_with("HTTP/"))
    {
        return Err(wrong());
    }
    let status = words
        .next()
        .and_then(|status| status.parse().ok())
        .ok_or_else(wrong)?;
    Ok((status, headers))
}

/// Cuts a text with a request head and a response head at the empty line between them. A text that begins with a
/// response has no request.
pub(crate) fn both(text: &str) -> (Option<&str>, &str) {
    let text = text.trim_start();
    if bare(text.lines().next().unwrap_or_default()).starts_with("HTTP/") {
        return (None, final_head(text));
    }
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if bare(line).starts_with("HTTP/") {
            return (Some(&text[..at]), final_head(&text[at..]));
        }
        at += line.len();
    }
    (Some(text).filter(|text| !text.is_empty()), "")
}

/// Passes over interim responses (RFC 9110 section 15.2), as far as a final one follows.
fn final_head(text: &str) -> &str {
    let interim = |line: &str| {
        let status = bare(line).split_whitespace().nth(1);
        status.is_some_and(|status| status.len() == 3 && status.starts_with('1'))
    };
    let mut at = 0;
    let mut first = true;
    for line in text.split_inclusive('\n') {
        if bare(line).starts_with("HTTP/") && (first || !interim(line)) {
            if !interim(line) {
                return &text[at..];
            }
            first = false;
        }
        at += line.len();
    }
    text
}

/// A line without its end and without the mark that `curl -v` puts before it.
fn bare(line: &str) -> &str {
    let line = line.trim_end_matches(['\r', '\n']);
    line.strip_prefix("> ")
        .or_else(|| line.strip_prefix("< "))
        .unwrap_or(line)
}

/// The first line and the fields, up to the first empty line.
fn split<'t>(text: &'t str, head: &'static str) -> Result<(&'t str, HeaderMap), HeadError> {
    let mut lines = text.trim_start().lines().map(bare);
    let first = lines
        .next()
        .map(str::trim)
        .filter(|first| !first.is_empty())
        .ok_or(HeadError::Empty(head))?;
    let mut headers = HeaderMap::new();
    for (index, line) in lines.enumerate() {
        if matches!(line.trim(), "" | ">" | "<") {
            break;
        }
        let wrong = || HeadError::Field {
            head,
            line: index + 2,
            text: line.to_owned(),
        };
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| wrong())?;
        headers.append(name, value);
    }
    Ok((first, headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let check = |text: &str, expected: Option<&str>| {
            let read = request(text)
                .ok()
                .map(|head| format!("{} {}", head.method, head.target));
            assert_eq!(read.as_deref(), expected, "{text}");
        };
        check(
            "GET /a?b HTTP/1.1\r\nHost: Example.test\r\n\r\n",
            Some("GET http://example.test/a?b"),
        );
        check(
            "GET http://example.test/a",
            Some("GET http://example.test/a"),
        );
        check(
            "> GET /a HTTP/1.1\n> Host: example.test\n>\n",
            Some("GET http://example.test/a"),
        );
        check("", None);
        check("GET", None);
        check("GET /a", None);
        check("GET /a b c", None);
    }

    #[test]
    fn responses() {
        let (status, headers) = response(
            "< HTTP/1.1 200 OK\n< Cache-Control: max-age=1\n< cache-control: public\n\nbody",
        )
        .expect("a head");
        assert_eq!(status, 200);
        assert_eq!(headers.get_all("cache-control").iter().count(), 2);
        assert_eq!(
            response("HTTP/2 404\n").map(|(status, _)| status),
            Ok(StatusCode::NOT_FOUND)
        );
        assert!(matches!(response("200 OK"), Err(HeadError::StatusLine(_))));
        assert!(matches!(
            response("HTTP/1.1 200\nnonsense"),
            Err(HeadError::Field { line: 2, .. })
        ));
        assert!(matches!(
            response("HTTP/1.1 200\na b: c"),
            Err(HeadError::Field { line: 2, .. })
        ));
    }

    #[test]
    fn both_in_one_text() {
        let check = |text: &str, request: Option<&str>, response: &str| {
            assert_eq!(both(text), (request, response), "{text}");
        };
        check("HTTP/1.1 200 OK\n", None, "HTTP/1.1 200 OK\n");
        check(
            "GET /a\n\nHTTP/1.1 200 OK\n",
            Some("GET /a\n\n"),
            "HTTP/1.1 200 OK\n",
        );
        check(
            "> GET /a\n>\n< HTTP/1.1 200\n",
            Some("> GET /a\n>\n"),
            "< HTTP/1.1 200\n",
        );
        check("GET /a\n", Some("GET /a\n"), "");
        let early = "< HTTP/1.1 103 Early Hints\n< Link: x\n<\n< HTTP/1.1 200 OK\n";
        let asked = format!("> GET /a\n>\n{early}");
        check(&asked, Some("> GET /a\n>\n"), "< HTTP/1.1 200 OK\n");
        check(early, None, "< HTTP/1.1 200 OK\n");
        check("HTTP/1.1 103\n", None, "HTTP/1.1 103\n");
    }
}
