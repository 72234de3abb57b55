//! Where a world's link nodes are: read from a compose file, or said outright. Pure.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A world to play against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attach {
    /// The admin listeners of its link nodes, `host:port`.
    pub links: Vec<String>,
    /// The admin token of its nodes.
    pub token: Option<String>,
    /// What for.
    pub purpose: Purpose,
}

/// What a world is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// A measured run: it gets the scenario's content, its caches are emptied, and it is left as it was found.
    #[default]
    Run,
    /// To be looked at: it gets the scenario's distances and ways for clients, and keeps the distances.
    Visit,
}

impl Purpose {
    /// Put before the names of the links that are added; what a killed lab has left behind is known by it.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Run => "run.",
            Self::Visit => "visit.",
        }
    }
}

/// Why no world can be found.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The file cannot be read.
    #[error("cannot read {file}: {why}")]
    Read {
        /// As given.
        file: String,
        /// Why.
        why: String,
    },
    /// It has no service that runs `cdnlab link`.
    #[error(
        "{0} has no service whose command is `link … --admin ADDRESS:PORT`; a world is found by its links"
    )]
    NoLinks(String),
    /// Neither a file nor addresses.
    #[error(
        "`{0}` is neither a compose file nor a list of HOST:PORT, the admin listeners of link nodes"
    )]
    Neither(String),
}

#[derive(Deserialize)]
struct Compose {
    #[serde(default)]
    services: BTreeMap<String, Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(default)]
    command: serde_json::Value,
}

impl Attach {
    /// From what a command line says: the path of a compose file, or `HOST:PORT,HOST:PORT`.
    ///
    /// # Errors
    /// When it leads to no link node.
    pub fn read(written: &str, token: Option<String>) -> Result<Self, AttachError> {
        let path = Path::new(written);
        if path.is_file() {
            let text = std::fs::read_to_string(path).map_err(|error| AttachError::Read {
                file: written.to_owned(),
                why: error.to_string(),
            })?;
            return Ok(Self {
                links: compose(written, &text)?,
                token,
                purpose: Purpose::Run,
            });
        }
        let links: Vec<String> = written
            .split(',')
            .map(|link| link.trim().to_owned())
            .collect();
        let is_address = |link: &String| {
            link.rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if !links.iter().all(is_address) {
            return Err(AttachError::Neither(written.to_owned()));
        }
        Ok(Self {
            links,
            token,
            purpose: Purpose::Run,
        })
    }
}

/// The link services of a compose file, by the names under which containers reach them.
fn compose(file: &str, text: &str) -> Result<Vec<String>, AttachError> {
    let read: Compose = serde_saphyr::from_str(text).map_err(|error| AttachError::Read {
        file: file.to_owned(),
        why: error.to_string(),
    })?;
    let links: Vec<String> = read
        .services
        .iter()
        .filter_map(|(name, service)| {
            let words = words(&service.command);
            let mut words = words.iter().map(String::as_str).peekable();
            // Options of the binary itself may come first, each with its value.
            while words
                .next_if(|word| word.starts_with('-'))
                .is_some_and(|it| !it.contains('='))
            {
                words.next();
            }
            words.next().filter(|word| *word == "link")?;
            let admin = words.skip_while(|word| *word != "--admin").nth(1)?;
            let (_, port) = admin.rsplit_once(':')?;
            Some(format!("{name}:{}", port.parse::<u16>().ok()?))
        })
        .collect();
    if links.is_empty() {
        return Err(AttachError::NoLinks(file.to_owned()));
    }
    Ok(links)
}

/// A command is a list of words or one line of them.
fn words(command: &serde_json::Value) -> Vec<String> {
    match command {
        serde_json::Value::String(line) => line.split_whitespace().map(str::to_owned).collect(),
        serde_json::Value::Array(words) => words
            .iter()
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compose_file_names_its_links_by_their_commands() {
        let text = r#"
version: "3.7"
x-node: &node {image: "cdnlab:${TAG:-local}", read_only: true}
services:
  fra-1: {<<: *node, command: edge --name fra-1 --admin 0.0.0.0:7081}
  link-europe:
    <<: *node
    command: [link, --admin, "0.0.0.0:7000", --link, "door.fra-1=0.0.0.0:7101,fra-1:7080"]
  link-asia: {<<: *node, command: --log json link --admin 0.0.0.0:7001}
  grafana: {image: grafana}
"#;
        let links = compose("x", text).expect("links");
        assert_eq!(links, ["link-asia:7001", "link-europe:7000"]);
        let error = compose("x.yml", "services: {}").expect_err("no links");
        assert!(error.to_string().contains("x.yml has no service"));
        assert!(compose("x", "services: [").is_err());
    }

    #[test]
    fn addresses_can_be_said_outright() {
        let read = |text: &str| Attach::read(text, None).map(|attach| attach.links);
        assert_eq!(read("a:1, b:2").expect("two"), ["a:1", "b:2"]);
        for wrong in ["nothing.yml", "a:1,b", ":1", ""] {
            assert!(
                matches!(read(wrong), Err(AttachError::Neither(_))),
                "{wrong}"
            );
        }
    }
}
