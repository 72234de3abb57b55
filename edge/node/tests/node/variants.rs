//! Variants kept side by side (RFC 9111 section 4.1).

use crate::support::*;

/// Asks with these fields; the origin, if it is asked at all, answers with those. The body.
async fn ask(origin: &mut Origin, node: &edge::Running, asked: &str, answer: &str) -> String {
    let mut wire = connect(node).await;
    let body = format!("body {}", origin.count() + 1);
    wire.send(get_with("/x", asked)).await;
    let fields = format!("Cache-Control: max-age=60\r\n{answer}");
    let head = tokio::select! {
        head = wire.head() => head,
        upstream = origin.asked() => {
            upstream.answer(response("200 OK", &fields, &body)).await;
            soon(wire.head()).await
        }
    };
    let (body, whole) = soon(wire.body(&head.expect("a head"))).await;
    assert!(whole);
    String::from_utf8(body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn other_selecting_fields_hide_no_older_variants() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let o = &mut origin;
    let (foo, both) = ("Vary: Foo\r\n", "Vary: Foo, Bar\r\n");
    assert_eq!(ask(o, &node, "Foo: 1\r\n", foo).await, "body 1");
    assert_eq!(ask(o, &node, "Foo: 2\r\nBar: 1\r\n", both).await, "body 2");
    assert_eq!(ask(o, &node, "Foo: 1\r\nBar: 9\r\n", "").await, "body 1");
    assert_eq!(ask(o, &node, "Foo: 2\r\nBar: 1\r\n", "").await, "body 2");
    assert_eq!(ask(o, &node, "Foo: 2\r\nBar: 2\r\n", both).await, "body 3");
    assert_eq!(ask(o, &node, "Foo: 2\r\nBar: 1\r\n", "").await, "body 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_without_vary_answers_where_no_variant_does() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let o = &mut origin;
    let foo = "Vary: Foo\r\n";
    assert_eq!(ask(o, &node, "Foo: 1\r\n", foo).await, "body 1");
    // The default response forgets its Vary.
    assert_eq!(ask(o, &node, "", "").await, "body 2");
    assert_eq!(ask(o, &node, "Foo: 1\r\n", "").await, "body 1");
    assert_eq!(ask(o, &node, "Foo: 3\r\n", "").await, "body 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stood_there_before_the_first_vary_stays() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| config.policy.request_directives = true).await;
    let o = &mut origin;
    assert_eq!(ask(o, &node, "", "").await, "body 1");
    let anew = "Foo: 1\r\nCache-Control: no-cache\r\n";
    assert_eq!(ask(o, &node, anew, "Vary: Foo\r\n").await, "body 2");
    assert_eq!(ask(o, &node, "Foo: 1\r\n", "").await, "body 2");
    assert_eq!(ask(o, &node, "Foo: 2\r\n", "").await, "body 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_that_is_wanted_most_is_served() {
    let german = "Vary: Accept-Language\r\nContent-Language: DE\r\n";
    for (matches, expected) in [(true, "body 1"), (false, "body 2")] {
        let mut origin = Origin::start().await;
        let node = node(&origin, |config| config.policy.match_language = matches).await;
        let o = &mut origin;
        assert_eq!(
            ask(o, &node, "Accept-Language: en, de\r\n", german).await,
            "body 1"
        );
        assert_eq!(
            ask(o, &node, "Accept-Language: DE,  en\r\n", german).await,
            "body 1"
        );
        assert_eq!(
            ask(o, &node, "Accept-Language: fr, de\r\n", german).await,
            expected
        );
        let asked = origin.count();
        let o = &mut origin;
        let other = format!("body {}", asked + 1);
        assert_eq!(
            ask(o, &node, "Accept-Language: fr, de;q=0.9\r\n", german).await,
            other
        );
    }
}
