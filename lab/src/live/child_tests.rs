//! A shell script plays the node: it prints what it is told to and waits for the end of its stdin.

use super::*;

struct Script {
    _folder: tempfile::TempDir,
    spec: ChildSpec,
}

fn script(body: &str) -> Script {
    let folder = tempfile::tempdir().unwrap();
    let exe = folder.path().join("node.sh");
    // Another process writes the file: a descriptor of ours could be inherited by a child that a test
    // on another thread forks just now, and then the script would be "busy" when it is to run.
    let written = std::process::Command::new("sh")
        .args([
            "-c",
            "printf '#!/bin/sh\n%s\n' \"$1\" > \"$0\" && chmod 755 \"$0\"",
        ])
        .arg(&exe)
        .arg(body)
        .status()
        .unwrap();
    assert!(written.success());
    let spec = ChildSpec {
        exe,
        role: "edge",
        name: "fra-1".to_owned(),
        args: vec!["--name".to_owned(), "fra-1".to_owned()],
        listens: true,
    };
    Script {
        _folder: folder,
        spec,
    }
}

const READY: &str =
    r#"echo '{"ready":"edge","name":"fra-1","listen":"127.0.0.1:4000","admin":"127.0.0.1:4001"}'"#;
const LIMIT: Duration = Duration::from_secs(20);

/// Signal 0 of kill(1) tells whether a process is there.
fn alive(pid: u32) -> bool {
    std::process::Command::new("kill")
        .args(["-0", &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

#[tokio::test]
async fn a_child_that_says_ready_is_known_by_its_addresses() {
    let script = script(&format!("{READY}\nexec cat >/dev/null"));
    let mut child = Child::start(script.spec.clone(), LIMIT).await.unwrap();
    assert_eq!(child.listen().unwrap().port(), 4000);
    assert_eq!(child.admin().port(), 4001);
    assert_eq!(child.ended(), None);
    child.stop(LIMIT).await;
    assert_eq!(
        child.ended().as_deref(),
        Some("exit code 0"),
        "closing stdin ends it in peace"
    );
}

#[tokio::test]
async fn a_child_that_ends_early_is_reported_with_its_last_words_and_advice() {
    let script = script("echo 'bind 127.0.0.1:80: Address already in use' >&2\nexit 3");
    let error = Child::start(script.spec.clone(), LIMIT)
        .await
        .unwrap_err()
        .to_string();
    for part in [
        "edge `fra-1`",
        "exit code 3",
        "127.0.0.1:80",
        "a port is taken",
    ] {
        assert!(error.contains(part), "{part:?} is missing in {error:?}");
    }
}

#[tokio::test]
async fn another_first_line_is_not_taken_for_readiness() {
    let script = script("echo hello\nexec cat >/dev/null");
    let error = Child::start(script.spec.clone(), LIMIT).await.unwrap_err();
    assert!(
        matches!(error, ChildError::NotReadiness { ref line, .. } if line == "hello"),
        "{error}"
    );
}

#[tokio::test]
async fn a_silent_child_is_given_up() {
    let script = script("echo 'still thinking' >&2\nread line");
    let error = Child::start(script.spec.clone(), Duration::from_millis(300))
        .await
        .unwrap_err();
    assert!(matches!(error, ChildError::Slow { .. }), "{error}");
}

#[tokio::test]
async fn a_missing_binary_is_named() {
    let mut script = script("");
    script.spec.exe = PathBuf::from("/nowhere/cdnlab");
    let error = Child::start(script.spec.clone(), LIMIT)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("/nowhere/cdnlab"), "{error}");
}

#[tokio::test]
async fn kill_is_abrupt_and_restart_brings_it_back_on_its_ports() {
    // The script writes its arguments to stderr, where the test can read them.
    let script = script(&format!("echo \"$@\" >&2\n{READY}\nexec cat >/dev/null"));
    let mut child = Child::start(script.spec.clone(), LIMIT).await.unwrap();
    let first = child.pid().unwrap();
    child.kill().await;
    assert_eq!(child.ended().as_deref(), Some("signal 9"));
    child.restart(LIMIT).await.unwrap();
    assert_ne!(child.pid().unwrap(), first);
    child.stop(LIMIT).await;
    let said = child.stderr().join("\n");
    assert!(
        said.contains("--listen 127.0.0.1:4000 --admin 127.0.0.1:4001"),
        "{said}"
    );
}

#[tokio::test]
async fn an_unasked_end_is_noticed() {
    let script = script(&format!("{READY}\nread line\nexit 7"));
    let mut child = Child::start(script.spec.clone(), LIMIT).await.unwrap();
    let mut ending = child.ending();
    drop(child.stdin.take());
    ending.wait_for(Option::is_some).await.unwrap();
    assert_eq!(child.ended().as_deref(), Some("exit code 7"));
}

#[test]
fn dropping_the_runtime_in_a_panic_leaves_nothing_behind() {
    let script = script(&format!(
        "{READY}\ntrap '' INT TERM\nwhile :; do read line || true; done"
    ));
    let pid = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&pid);
    let spec = script.spec.clone();
    let outcome = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let child = Child::start(spec, LIMIT).await.unwrap();
            *seen.lock().unwrap() = child.pid();
            panic!("the lab has a bug");
        });
    })
    .join();
    assert!(outcome.is_err());
    let pid = pid.lock().unwrap().unwrap();
    // SIGKILL has been sent; the kernel needs a moment, and init or tokio's reaper another.
    let limit = std::time::Instant::now() + LIMIT;
    while alive(pid) && !is_zombie(pid) {
        assert!(
            std::time::Instant::now() < limit,
            "process {pid} is still there"
        );
        std::thread::yield_now();
    }
}

fn is_zombie(pid: u32) -> bool {
    let output = std::process::Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    output.trim_start().starts_with('Z')
}
