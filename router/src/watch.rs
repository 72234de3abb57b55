//! Checking the nodes' health over HTTP, from where the router stands.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::server::Shared;

/// Of an answer's body so much is read, so that the connection can be kept; nobody looks at it.
const READ_AT_MOST: usize = 64 * 1024;

/// Checks the node at `index` for ever.
pub(crate) async fn watch(shared: Arc<Shared>, index: usize, client: reqwest::Client) {
    let health = &shared.health;
    let url = format!("{}{}", shared.steering.nodes()[index].url, health.path);
    let timeout = Duration::from_millis(health.timeout_ms);
    let mut ticks = tokio::time::interval(Duration::from_millis(health.interval_ms));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let result = match tokio::time::timeout(timeout, check(&client, &url)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {timeout:?}")),
        };
        shared.checked(index, result);
    }
}

async fn check(client: &reqwest::Client, url: &str) -> Result<(), String> {
    let mut answer = client.get(url).send().await.map_err(innermost)?;
    let status = answer.status();
    let mut read = 0;
    while let Some(chunk) = answer.chunk().await.map_err(innermost)? {
        read += chunk.len();
        if read > READ_AT_MOST {
            break;
        }
    }
    if status.is_success() {
        Ok(())
    } else {
        Err(format!("status {}", status.as_u16()))
    }
}

/// The last cause says most: `Connection refused`, where the error itself says `error sending request`.
fn innermost(error: reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
