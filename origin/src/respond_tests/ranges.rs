use super::*;

/// Content-Range of the answer to a Range request, or its status.
#[track_caller]
fn range(class: &str, value: &str, expected: &str) {
    let answer = ask("GET", &format!("/{class}/1"), &[("range", value)]);
    let got = match answer.status.as_u16() {
        206 | 416 => field(&answer, "content-range").to_owned(),
        status => status.to_string(),
    };
    assert_eq!(got, expected, "{value}");
    if answer.status == 206 {
        assert_eq!(
            field(&answer, "content-length"),
            answer.body_bytes().to_string()
        );
    }
}

#[test]
fn single_ranges() {
    range("plain", "bytes=0-0", "bytes 0-0/1000");
    range("plain", "bytes=10-19", "bytes 10-19/1000");
    range("plain", "bytes=990-", "bytes 990-999/1000");
    range("plain", "bytes=990-5000", "bytes 990-999/1000");
    range("plain", "bytes=-10", "bytes 990-999/1000");
    range("plain", "bytes=-5000", "bytes 0-999/1000");
    range(
        "plain",
        "Bytes=0-99999999999999999999999",
        "bytes 0-999/1000",
    );
    range("plain", "bytes= 0-9 ,", "bytes 0-9/1000");
    // One of two is satisfiable: no multipart needed.
    range("plain", "bytes=0-9,2000-", "bytes 0-9/1000");
    range("chunked", "bytes=5-", "bytes 5-999/1000");
    for unsatisfiable in [
        "bytes=1000-",
        "bytes=5000-6000",
        "bytes=-0",
        "bytes=99999999999999999999999-",
    ] {
        range("plain", unsatisfiable, "bytes */1000");
    }
    for ignored in [
        "bytes=9-5",
        "bytes=",
        "bytes=a-",
        "bytes=1",
        "bytes=--1",
        "items=0-1",
        "bytes=+1-2",
        "bytes 0-1",
    ] {
        range("plain", ignored, "200");
    }
    range("empty", "bytes=0-", "bytes */0");
    range("empty", "bytes=-5", "200");
    // More bytes than there are, or very many ranges, mean harm.
    range("plain", "bytes=0-,0-", "200");
    range("plain", &format!("bytes={}", "0-0,".repeat(101)), "200");
    let twice = ask(
        "GET",
        "/plain/1",
        &[("range", "bytes=0-1"), ("range", "bytes=0-1")],
    );
    assert_eq!(twice.status, 200);
}

#[test]
fn several_ranges_come_in_parts() {
    let whole = text(&ask("GET", "/plain/1", &[]));
    let answer = ask("GET", "/plain/1", &[("range", "bytes=0-4, -3, 10-11")]);
    assert_eq!(answer.status, 206);
    assert_eq!(field(&answer, "content-range"), "-");
    let boundary = field(&answer, "content-type")
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let part = |range: &str, bytes: &str| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/html\r\nContent-Range: bytes {range}/1000\r\n\r\n{bytes}"
        )
    };
    let expected = [
        part("0-4", &whole[0..5]),
        part("997-999", &whole[997..]),
        part("10-11", &whole[10..12]),
        format!("\r\n--{boundary}--\r\n"),
    ];
    assert_eq!(text(&answer), expected.concat());
    assert_eq!(
        field(&answer, "content-length"),
        answer.body_bytes().to_string()
    );
    assert!(!whole.contains(boundary));
}
