//! One event, brought about on a stage: used by runs at the planned time, and by the front when somebody asks.

use origin::Selector;

use super::LiveError;
use super::stage::Stage;
use crate::plan::{Event, Nanos, Plan};

/// What came of it, beside that it happened.
#[derive(Debug, Default)]
pub(super) struct Performed {
    /// From when a publication is current, in wall milliseconds.
    pub(super) published_at_ms: Option<i64>,
    /// Nodes that could not be reached, in words; the others were.
    pub(super) warnings: Vec<String>,
}

/// Brings an event about. A node that is killed in a world stays down for `down`.
///
/// # Errors
/// When a node refuses, or cannot be reached where it is the only one concerned.
pub(super) async fn perform(
    stage: &Stage,
    plan: &Plan,
    event: &Event,
    down: Nanos,
) -> Result<Performed, LiveError> {
    let origin = stage.control.of("origin", stage.origin_admin());
    let mut performed = Performed::default();
    match event {
        Event::Origin(fault) => origin.faults(fault).await?,
        Event::Link(state) => {
            stage.links().set(&stage.control, state).await?;
        }
        Event::Kill(node) => stage.kill(*node, down).await?,
        Event::Restart(node) => stage.restart(*node).await?,
        Event::Publish(selector) => {
            let (class, path) = match selector {
                Selector::All => (None, None),
                Selector::Class(class) => (plan.classes.get(usize::from(*class)), None),
                Selector::Object(object) => (None, Some(plan.origin.catalogue.path(*object))),
            };
            let class = class.map(|class| class.name.as_str());
            let published = origin.publish(class, path.as_deref()).await?;
            performed.published_at_ms = Some(published.at_ms);
        }
        Event::Purge(purge) => {
            let url = format!("http://{}{}", plan.site, purge.path);
            for &node in &purge.nodes {
                let Some(admin) = stage.admin(node) else {
                    continue;
                };
                // One node that is down does not keep the others from being purged.
                if let Err(error) = admin.purge(&url, purge.soft).await {
                    performed.warnings.push(error.to_string());
                }
            }
        }
    }
    Ok(performed)
}
