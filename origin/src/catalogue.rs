//! The catalogue: classes of objects by path, and what is true of each object.
//!
//! Plain data, read from JSON or made by the lab. Everything drawn (sizes, think times, when an
//! object changes) comes from the catalogue's seed and the object's own number, so each question has
//! one answer on every platform, in whatever order it is asked. Knows nothing about time passing:
//! that is [`crate::versions`].

use std::collections::HashSet;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::draw;
use crate::versions::Versions;

/// Everything that the synthetic origin serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Seed of all draws and of all body bytes.
    #[serde(default)]
    pub seed: u64,
    /// Wall clock at offset 0, in milliseconds since the Unix epoch. Versions change by offsets.
    #[serde(default)]
    pub epoch_ms: i64,
    /// The classes; a path belongs to the first class that it fits.
    pub classes: Vec<Class>,
    /// How many requests are worked on at once; further ones queue in order of arrival. `None` is
    /// without limit. A request holds its slot for its service time (think time and fault delay),
    /// not while its body is on the way.
    #[serde(default)]
    pub concurrency: Option<u32>,
}

/// A class of objects that share a path pattern and behaviour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Name, unique in the catalogue.
    pub name: String,
    /// Path, with one `{id}` that stands for the object's number: `/img/{id}.jpg`. Without `{id}`
    /// the class has one object. A pattern without `?` fits whatever the query is.
    pub path: String,
    /// How many objects: numbers 0 to `objects - 1`.
    pub objects: u32,
    /// Sizes of the bodies, in bytes. An object keeps its size over all versions and variants.
    pub size: SizeDist,
    /// Response fields, as given, in order, repeated ones kept.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// How long the origin thinks before it answers.
    #[serde(default)]
    pub think: DurationDist,
    /// Each object gets a new version after every so many milliseconds. Objects change at phases of
    /// their own, so that a class does not change all at once.
    #[serde(default)]
    pub changes_every_ms: Option<u64>,
    /// Status of the responses.
    #[serde(default = "ok")]
    pub status: u16,
    /// The request field that selects among variants; the response then carries `Vary`.
    #[serde(default)]
    pub vary: Option<VaryOn>,
    /// Whether responses carry an `ETag`.
    #[serde(default = "yes")]
    pub etag: bool,
    /// Whether responses carry `Last-Modified`.
    #[serde(default = "yes")]
    pub last_modified: bool,
    /// Whole bodies go out in chunked coding, without Content-Length.
    #[serde(default)]
    pub chunked: bool,
}

fn ok() -> u16 {
    200
}

fn yes() -> bool {
    true
}

impl Class {
    /// A class with the usual behaviour: status 200, both validators, Content-Length, no think time.
    pub fn new(name: &str, path: &str, objects: u32, size: SizeDist) -> Class {
        Class {
            name: name.to_owned(),
            path: path.to_owned(),
            objects,
            size,
            headers: Vec::new(),
            think: DurationDist::default(),
            changes_every_ms: None,
            status: ok(),
            vary: None,
            etag: true,
            last_modified: true,
            chunked: false,
        }
    }
}

/// Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum SizeDist {
    /// All the same.
    Fixed(u64),
    /// Each size from `min` to `max` equally likely, both included.
    Uniform {
        /// Smallest size.
        min: u64,
        /// Largest size.
        max: u64,
    },
    /// Lognormal around a median, cut off at `max`.
    Lognormal {
        /// Half of the objects are smaller.
        median: u64,
        /// Standard deviation of the size's natural logarithm.
        sigma: f64,
        /// No object is larger.
        max: u64,
    },
    /// The size of each object by its number, as a trace gives them; objects beyond have none.
    Listed(Vec<u64>),
}

/// Durations in nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum DurationDist {
    /// All the same.
    Fixed {
        /// The duration.
        ns: u64,
    },
    /// From `min_ns` to `max_ns` equally likely.
    Uniform {
        /// Shortest.
        min_ns: u64,
        /// Longest.
        max_ns: u64,
    },
    /// Lognormal around a median, cut off at `max_ns`.
    Lognormal {
        /// Half of the draws are shorter.
        median_ns: u64,
        /// Standard deviation of the duration's natural logarithm.
        sigma: f64,
        /// No draw is longer.
        max_ns: u64,
    },
}

impl Default for DurationDist {
    fn default() -> Self {
        DurationDist::Fixed { ns: 0 }
    }
}

/// Variants selected by one request field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaryOn {
    /// Name of the request field, in lower case.
    pub header: String,
    /// The values that have a variant of their own; a variant's number is its place here. Requests
    /// without the field, or with another value, get the first. Compared without regard to case.
    pub values: Vec<String>,
}

/// One object: its class's place in the catalogue, and its number in the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectId {
    /// Index into [`Catalogue::classes`].
    pub class: u16,
    /// From 0 to the class's `objects - 1`.
    pub object: u32,
}

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
    /// Reads a catalogue from JSON and checks it.
    pub fn from_json(text: &[u8]) -> Result<Catalogue, CatalogueError> {
        let catalogue: Catalogue = serde_json::from_slice(text)
            .map_err(|error| CatalogueError::Json(error.to_string()))?;
        catalogue.check()?;
        Ok(catalogue)
    }

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

    /// The object behind a request target in origin form (path and, perhaps, query). A number has
    /// one spelling: decimal digits without leading zeros.
    pub fn resolve(&self, path_and_query: &str) -> Option<ObjectId> {
        let path = path_and_query.split('?').next().unwrap_or_default();
        self.classes.iter().zip(0u16..).find_map(|(class, index)| {
            let target = if class.path.contains('?') {
                path_and_query
            } else {
                path
            };
            let object = class.object_of(target)?;
            Some(ObjectId {
                class: index,
                object,
            })
        })
    }

    /// The path of an object; `/` if there is no such class.
    pub fn path(&self, id: ObjectId) -> String {
        self.class(id).map_or_else(
            || "/".to_owned(),
            |class| class.path.replacen("{id}", &id.object.to_string(), 1),
        )
    }

    /// The size of an object's body in bytes, whatever its version and variant.
    pub fn size(&self, id: ObjectId) -> u64 {
        self.class(id)
            .map_or(0, |class| draw::size(&class.size, self.seed, id))
    }

    /// How long the origin thinks about the `nth` request that it gets (counted over all objects,
    /// from 0), in nanoseconds.
    pub fn think(&self, id: ObjectId, nth: u64) -> u64 {
        self.class(id)
            .map_or(0, |class| draw::duration(&class.think, self.seed, id, nth))
    }

    /// The class of an object.
    pub fn class(&self, id: ObjectId) -> Option<&Class> {
        self.classes.get(usize::from(id.class))
    }

    /// The variant that a request selects: 0 for a class without variants.
    pub fn variant(&self, id: ObjectId, request: &HeaderMap) -> u16 {
        let Some(vary) = self.class(id).and_then(|class| class.vary.as_ref()) else {
            return 0;
        };
        let sent = request
            .get(vary.header.as_str())
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .trim();
        let at = vary
            .values
            .iter()
            .position(|value| value.eq_ignore_ascii_case(sent));
        at.and_then(|at| u16::try_from(at).ok()).unwrap_or(0)
    }

    /// The versions that the script makes, before anything is published.
    pub fn versions(&self) -> Versions {
        Versions::new(self)
    }

    /// Head of the whole response to a plain GET at `now_ms` (Unix time), as [`crate::respond`]
    /// sends it, for those who need no body: the sim, and whoever asks what is cacheable.
    pub fn head(
        &self,
        versions: &Versions,
        id: ObjectId,
        variant: u16,
        now_ms: i64,
    ) -> (StatusCode, HeaderMap) {
        let version = versions.version_at(id, versions.offset(now_ms));
        let fields = crate::respond::fields(self, versions, id, variant, version, now_ms);
        (fields.status, fields.headers)
    }
}

impl Class {
    /// The number in `target`, if this class has the path.
    fn object_of(&self, target: &str) -> Option<u32> {
        let Some((before, after)) = self.path.split_once("{id}") else {
            return (target == self.path && self.objects > 0).then_some(0);
        };
        let digits = target.strip_prefix(before)?.strip_suffix(after)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'));
        let object = plain.then(|| digits.parse::<u32>().ok())??;
        (object < self.objects).then_some(object)
    }

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
            if crate::respond::OWN_FIELDS.contains(&field) {
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

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
