//! The scenario as written: YAML in, checked types out.
//!
//! A file is parsed into a tree that remembers lines and columns, each variant is laid over it, and the result is read into
//! plain types and checked. This module knows the language; what a scenario means for a run is the plan's business, and it
//! knows nothing of drivers.

pub(crate) mod check;
pub mod clients;
mod decode;
pub mod events;
mod file;
mod library;
mod names;
pub mod places;
mod problems;
mod read;
mod schema;
mod settings;
pub mod storage;
pub mod topology;
mod tree;
pub mod values;
pub mod written;

pub use check::SCHEMA;
pub use file::{BASE, PlanOptions, ScenarioFile};
pub use geo_data::Database;
pub use library::{SHIPPED, Shipped};
pub use names::nearest;
pub use problems::{Problem, ScenarioError};
pub use schema::{json_schema, json_schema_text};
pub use settings::{Choice, Setting, SettingError};
pub use tree::Position;
pub use written::{Driver, Drivers, Scenario};

pub(crate) use check::node_names;
pub(crate) use names::hint;
pub(crate) use problems::Problems;
