//! What makes a catalogue servable, beyond its types: patterns, field syntax, sensible distributions.

use std::collections::HashSet;

use http::{HeaderName, HeaderValue};

use crate::catalogue::{Catalogue, Class, DurationDist, SizeDist};

/// Why a catalogue cannot be served. The text names the class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// Not JSON, or not of the catalogue's shape.
    #[error("not a catalogue: {0}")]
    Json(String),
    /// More classes than [`ObjectId::class`] can count.
    #[error("{0} classes; at most 65535 are possible")]
    TooManyClasses(usize),
    /// The concurrency cap is zero, so that no request would ever be answered.
    #[error("a concurrency of 0 would answer nothing")]
    NoConcurrency,
    /// Two classes have the same name.
    #[error("class {0}: the name is used twice")]
    DuplicateName(String),
    /// Two classes have the same path, so that the second could never be reached.
    #[error("class {0}: another class has the same path")]
    DuplicatePath(String),
    /// Something in one class is wrong.
    #[error("class {class}: {what}")]
    Class {
        /// The class's name.
        class: String,
        /// What is wrong, as a sentence.
        what: String,
    },
}

impl Catalogue {
    /// Checks what the types cannot say: patterns, field syntax, sensible distributions. The other
    /// functions never panic on a catalogue that fails this, but what they answer then means little.
    pub fn check(&self) -> Result<(), CatalogueError> {
        if self.classes.len() > usize::from(u16::MAX) {
            return Err(CatalogueError::TooManyClasses(self.classes.len()));
        }
        if self.concurrency == Some(0) {
            return Err(CatalogueError::NoConcurrency);
        }
        let mut names = HashSet::new();
        let mut paths = HashSet::new();
        for class in &self.classes {
            if !names.insert(&class.name) {
                return Err(CatalogueError::DuplicateName(class.name.clone()));
            }
            if !paths.insert(&class.path) {
                return Err(CatalogueError::DuplicatePath(class.name.clone()));
            }
            class.check().map_err(|what| CatalogueError::Class {
                class: class.name.clone(),
                what,
            })?;
        }
        Ok(())
    }
}

impl Class {
    fn check(&self) -> Result<(), String> {
        self.check_path()?;
        if self.objects == 0 {
            return Err("it has no objects".to_owned());
        }
        if !(200..=599).contains(&self.status) {
            return Err(format!(
                "{} is not a final status (200 to 599)",
                self.status
            ));
        }
        if self.changes_every_ms == Some(0) {
            return Err("it cannot change every 0 ms".to_owned());
        }
        for (name, value) in &self.headers {
            let field = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| format!("{name:?} is not a field name"))?;
            HeaderValue::from_str(value)
                .map_err(|_| format!("the value of {name} is not allowed"))?;
            if crate::fields::OWN_FIELDS.contains(&field) {
                return Err(format!("the origin sets {field} itself"));
            }
        }
        if let Some(vary) = &self.vary {
            if HeaderName::from_bytes(vary.header.as_bytes()).is_err() {
                return Err(format!("{:?} is not a field name", vary.header));
            }
            if vary.values.is_empty() || vary.values.len() > usize::from(u16::MAX) {
                return Err("vary needs 1 to 65535 values".to_owned());
            }
            if let Some(bad) = vary
                .values
                .iter()
                .find(|v| HeaderValue::from_str(v).is_err())
            {
                return Err(format!("{bad:?} cannot be sent as a field value"));
            }
        }
        self.size.check()?;
        self.think.check()
    }

    fn check_path(&self) -> Result<(), String> {
        let ids = self.path.matches("{id}").count();
        if !self.path.starts_with('/') {
            return Err(format!("the path {:?} does not begin with /", self.path));
        }
        if ids > 1 || (ids == 0 && self.objects > 1) {
            return Err(format!(
                "{} objects need exactly one {{id}} in the path",
                self.objects
            ));
        }
        let example = self.path.replace("{id}", "0");
        if example.contains('#') || example.parse::<http::uri::PathAndQuery>().is_err() {
            return Err(format!("{:?} is not a path", self.path));
        }
        Ok(())
    }
}

/// Bodies beyond this are a mistake in units, not an experiment.
const LARGEST: u64 = 1 << 44;

impl SizeDist {
    fn check(&self) -> Result<(), String> {
        let largest = match self {
            SizeDist::Fixed(size) => *size,
            SizeDist::Uniform { min, max } if min > max => {
                return Err("size: min is larger than max".to_owned());
            }
            SizeDist::Uniform { max, .. } => *max,
            SizeDist::Lognormal { median, sigma, max } => {
                check_lognormal("size", *median, *sigma)?;
                *max
            }
            SizeDist::Listed(sizes) => sizes.iter().copied().max().unwrap_or(0),
        };
        if largest > LARGEST {
            return Err("size: more than 16 TiB".to_owned());
        }
        Ok(())
    }
}

impl DurationDist {
    fn check(&self) -> Result<(), String> {
        match self {
            DurationDist::Uniform { min_ns, max_ns } if min_ns > max_ns => {
                Err("think: min is longer than max".to_owned())
            }
            DurationDist::Lognormal {
                median_ns, sigma, ..
            } => check_lognormal("think", *median_ns, *sigma),
            _ => Ok(()),
        }
    }
}

fn check_lognormal(what: &str, median: u64, sigma: f64) -> Result<(), String> {
    if median == 0 {
        return Err(format!("{what}: a lognormal's median is above 0"));
    }
    if !(sigma.is_finite() && (0.0..=10.0).contains(&sigma)) {
        return Err(format!("{what}: sigma is a number from 0 to 10"));
    }
    Ok(())
}
