//! Unsafe methods and HEAD: what they do to what is stored.

use crate::support::*;

/// Sends a request, answers it as the origin, and reads what the client gets.
async fn through(origin: &mut Origin, node: &edge::Running, request: &str, answer: String) -> Head {
    let mut wire = connect(node).await;
    wire.send(request).await;
    origin.asked().await.answer(answer).await;
    let head = soon(wire.head()).await.expect("a head");
    // Only a whole body is stored.
    if !request.starts_with("HEAD") {
        assert!(soon(wire.body(&head)).await.1);
    }
    head
}

async fn stored(origin: &mut Origin, node: &edge::Running, path: &str, fields: &str) {
    let fields = format!("Cache-Control: max-age=60\r\n{fields}");
    let answer = response("200 OK", &fields, "hello");
    through(origin, node, &get_with(path, ""), answer).await;
}

fn post(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 0\r\n\r\n")
}

async fn is_hit(origin: &mut Origin, node: &edge::Running, path: &str) -> bool {
    let asked = origin.count();
    let mut wire = connect(node).await;
    wire.send(get_with(path, "")).await;
    tokio::select! {
        head = wire.head() => {
            let status = head.expect("a head").field("cache-status").unwrap_or_default().to_owned();
            assert_eq!(origin.count(), asked, "{status}");
            true
        }
        asked = origin.asked() => {
            asked.answer(response("200 OK", "Cache-Control: no-store\r\n", "")).await;
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_invalidates_its_locations_and_groups() {
    for (status, answer, gone) in [
        ("200 OK", "", &["/form"][..]),
        ("303 See Other", "Location: /new\r\n", &["/form", "/new"]),
        (
            "201 Created",
            "Location: http://www.example.test/new\r\nContent-Location: other\r\n",
            &["/form", "/new", "/other"],
        ),
        ("200 OK", "Location: http://b.test/new\r\n", &["/form"]),
        (
            "200 OK",
            "Cache-Group-Invalidation: \"g\"\r\n",
            &["/form", "/grouped"],
        ),
        (
            "404 Not Found",
            "Location: /new\r\nCache-Group-Invalidation: \"g\"\r\n",
            &[],
        ),
        ("500 Internal Server Error", "", &[]),
    ] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "UNKNOWN"] {
            let mut origin = Origin::start().await;
            let node = node(&origin, |_| {}).await;
            let paths = ["/form", "/new", "/other", "/grouped"];
            for path in paths {
                let groups = if path == "/grouped" {
                    "Cache-Groups: \"g\"\r\n"
                } else {
                    ""
                };
                stored(&mut origin, &node, path, groups).await;
            }
            let head = through(
                &mut origin,
                &node,
                &post(method, "/form"),
                response(status, answer, ""),
            )
            .await;
            assert_eq!(head.first, format!("HTTP/1.1 {status}"));
            for path in paths {
                let hit = is_hit(&mut origin, &node, path).await;
                assert_eq!(
                    hit,
                    !gone.contains(&path),
                    "{method} {status} {answer} {path}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_safe_request_invalidates_no_group() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    stored(&mut origin, &node, "/grouped", "Cache-Groups: \"g\"\r\n").await;
    let answer = response("200 OK", "Cache-Group-Invalidation: \"g\"\r\n", "");
    through(&mut origin, &node, &post("OPTIONS", "/x"), answer).await;
    assert!(is_hit(&mut origin, &node, "/grouped").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_post_that_says_so_is_stored_for_get() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    stored(&mut origin, &node, "/form", "").await;
    let fields = "Cache-Control: max-age=60\r\nContent-Location: /form\r\n";
    let answer = response("200 OK", fields, "posted");
    let head = through(&mut origin, &node, &post("POST", "/form"), answer.clone()).await;
    let status = head.field("cache-status").unwrap();
    assert!(
        status.contains("fwd=method") && status.contains("stored"),
        "{status}"
    );
    let got = get(&node, "/form").await;
    assert_eq!(got.text(), "posted");
    assert!(got.cache_status().contains("hit"), "{}", got.cache_status());
    // It answers no POST.
    let head = through(&mut origin, &node, &post("POST", "/form"), answer).await;
    assert!(head.field("cache-status").unwrap().contains("fwd=method"));
}

#[tokio::test(flavor = "multi_thread")]
async fn head_updates_or_makes_stale() {
    for (answer, stays) in [
        (
            "ETag: \"v1\"\r\nX-New: 1\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\n",
            true,
        ),
        (
            "ETag: \"v2\"\r\nX-New: 1\r\nCache-Control: max-age=60\r\n",
            false,
        ),
        (
            "X-New: 1\r\nCache-Control: max-age=60\r\nContent-Length: 6\r\n",
            false,
        ),
    ] {
        let mut origin = Origin::start().await;
        let node = node(&origin, |config| config.policy.request_directives = true).await;
        stored(&mut origin, &node, "/x", "ETag: \"v1\"\r\nX-Old: 1\r\n").await;
        let request =
            "HEAD /x HTTP/1.1\r\nHost: www.example.test\r\nCache-Control: no-cache\r\n\r\n";
        let answer = format!("HTTP/1.1 200 OK\r\n{answer}\r\n");
        let head = through(&mut origin, &node, request, answer.clone()).await;
        assert_eq!(
            head.field("x-new"),
            Some("1"),
            "the client sees the answer itself"
        );
        if stays {
            let got = get(&node, "/x").await;
            assert!(got.cache_status().contains("hit"), "{}", got.cache_status());
            assert_eq!(got.text(), "hello");
            assert_eq!(
                (got.head.field("x-new"), got.head.field("x-old")),
                (Some("1"), Some("1"))
            );
        } else {
            let mut wire = connect(&node).await;
            wire.send(get_with("/x", "")).await;
            let asked = origin.asked().await;
            assert_eq!(
                asked.head.field("if-none-match"),
                Some("\"v1\""),
                "{answer}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_goes_upstream_where_nothing_is_stored() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let request = get_with("/x", "If-None-Match: \"v1\"\r\n");
    let mut wire = connect(&node).await;
    wire.send(&request).await;
    let asked = origin.asked().await;
    assert_eq!(asked.head.field("if-none-match"), Some("\"v1\""));
    asked
        .answer("HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nCache-Control: max-age=60\r\n\r\n")
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(head.status(), 304);
    let status = head.field("cache-status").unwrap();
    assert!(
        status.contains("fwd=uri-miss") && !status.contains("stored"),
        "{status}"
    );
    // Its 200 is stored, and evaluated here from then on.
    let answer = response(
        "200 OK",
        "ETag: \"v1\"\r\nCache-Control: max-age=60\r\n",
        "hello",
    );
    let request = get_with("/y", "If-None-Match: \"v0\"\r\n");
    let head = through(&mut origin, &node, &request, answer).await;
    assert_eq!(head.status(), 200);
    let got = exchange(
        &mut connect(&node).await,
        &get_with("/y", "If-None-Match: \"v1\"\r\n"),
    )
    .await;
    assert_eq!(got.head.status(), 304);
    assert!(got.cache_status().contains("hit"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absolute_target_is_an_alias_too() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| {
        let alias = ("edge.localhost".to_owned(), "www.example.test".to_owned());
        config.aliases.extend([alias]);
    })
    .await;
    stored(&mut origin, &node, "/x", "").await;
    for host in ["other.test", "edge.localhost"] {
        let request = format!("GET http://Edge.localhost:81/x HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let got = exchange(&mut connect(&node).await, &request).await;
        assert!(got.cache_status().contains("hit"), "{}", got.cache_status());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn private_fields_reach_their_own_client_only() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let fields =
        "Cache-Control: max-age=60, private=\"set-cookie\"\r\nSet-Cookie: a=1\r\nX-All: 1\r\n";
    let answer = response("200 OK", fields, "hello");
    let head = through(&mut origin, &node, &get_with("/x", ""), answer).await;
    assert_eq!(head.field("set-cookie"), Some("a=1"));
    let got = get(&node, "/x").await;
    assert!(got.cache_status().contains("hit"), "{}", got.cache_status());
    assert_eq!(
        (got.head.field("set-cookie"), got.head.field("x-all")),
        (None, Some("1"))
    );
}
