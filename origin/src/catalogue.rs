//! The catalogue: classes of objects by path, and what is true of each object.
//!
//! Plain data, read from JSON or made by the lab. Everything drawn (sizes, think times, when an
//! object changes) comes from the catalogue's seed and the object's own number, so each question has
//! one answer on every platform, in whatever order it is asked. Knows nothing about time passing:
//! that is [`crate::versions`].

use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use crate::check::CatalogueError;
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
    /// A server takes 0, the default, as the moment of its own start.
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

impl Catalogue {
    /// Reads a catalogue from JSON and checks it.
    pub fn from_json(text: &[u8]) -> Result<Catalogue, CatalogueError> {
        let catalogue: Catalogue = serde_json::from_slice(text)
            .map_err(|error| CatalogueError::Json(error.to_string()))?;
        catalogue.check()?;
        Ok(catalogue)
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
        let fields = crate::fields::fields(self, versions, id, variant, version, now_ms);
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
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
