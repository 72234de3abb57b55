//! The origin: what stands behind a CDN in an experiment.
//!
//! Two halves. The pure half knows, from a [`Catalogue`] alone, every object, its size, its versions
//! over time, its validators and each byte of its body, and answers requests by RFC 9110
//! ([`respond`]); the server, the simulator and the checks of a live run all use it. The other half
//! is a server around it ([`start`]), or a counting pass-through in front of a user's own
//! application ([`server::Pass`]).
//!
//! It knows nothing about caches, places, links or scenarios, and takes the time as a parameter
//! everywhere but in the server.

pub mod body;
pub mod catalogue;
mod check;
mod conditions;
mod draw;
pub mod faults;
mod fields;
pub mod log;
mod ranges;
pub mod respond;
pub mod server;
pub mod validator;
pub mod versions;

pub use body::{BodyBytes, Verifier, version_of_bytes};
pub use catalogue::{Catalogue, Class, DurationDist, ObjectId, SizeDist, VaryOn};
pub use check::CatalogueError;
pub use faults::Faults;
pub use log::{Counts, LogPage, Record};
pub use respond::{Answer, Outcome, Request, respond};
pub use server::{Config, Pass, Publish, Published, Running, Source, StartError, start};
pub use validator::{etag, version_of_etag};
pub use versions::{Selector, Versions};
