//! An upstream over TLS: fetched from where its certificate is trusted, refused with a reason where it is not.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::node::{Node, binary};
use crate::support::scenario::printed;
use crate::support::wire::get;

/// Serves the same answer over TLS as `localhost`; gives its port and its certificate in PEM.
fn secure_upstream() -> (u16, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a certificate and its key");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let session = ServerConnection::new(config.clone()).expect("a TLS session");
            let mut stream = BufReader::new(StreamOwned::new(session, stream));
            // Ends at a client that does not trust us, or when the connection closes.
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|length| length > 0) {
                if line == "\r\n" {
                    let answer = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 6\r\n\r\nsecret";
                    let _ = stream.get_mut().write_all(answer);
                }
                line.clear();
            }
        }
    });
    (port, cert.pem())
}

#[test]
fn a_trusted_upstream_over_tls() {
    let (port, pem) = secure_upstream();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("authority.pem");
    std::fs::write(&file, pem).expect("a writable folder");
    let file = file.to_str().expect("a path in UTF-8");
    let edge = Node::edge(
        &format!("https://localhost:{port}"),
        &["--upstream-ca", file],
    );
    let first = get(edge.listen, "/a", &[]);
    assert_eq!(
        (first.status, first.body.as_slice()),
        (200, b"secret".as_slice()),
        "{first:?}"
    );
    let second = get(edge.listen, "/a", &[]);
    assert!(
        second
            .field("cache-status")
            .is_some_and(|status| status.contains("; hit")),
        "{second:?}"
    );
}

#[test]
fn an_upstream_that_is_not_trusted() {
    let (port, _) = secure_upstream();
    let edge = Node::edge(&format!("https://localhost:{port}"), &[]);
    let answer = get(edge.listen, "/a", &[]);
    assert_eq!(answer.status, 502, "{answer:?}");
    assert!(
        answer
            .field("cache-status")
            .is_some_and(|status| status.contains("upstream-tls")),
        "{answer:?}"
    );
}

#[test]
fn authorities_that_are_none_are_refused_at_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("authority.pem");
    std::fs::write(&file, "no certificate").expect("a writable folder");
    let output = std::process::Command::new(binary())
        .args([
            "edge",
            "--listen",
            "127.0.0.1:0",
            "--upstream",
            "https://localhost:1",
            "--upstream-ca",
        ])
        .arg(&file)
        .output()
        .expect("the binary starts");
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("no certificate in them") && text.contains("PEM"),
        "{text}"
    );
}
