//! Stand-ins for types of other crates that have not landed yet; each becomes a `pub use`.

/// Stands for `origin::ObjectId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    /// Index of the class.
    pub class: u16,
    /// Index of the object in its class.
    pub object: u32,
}

/// Stands for `geo_data::Point`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
}

/// Stands for `network::model::LinkModel`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkModel {
    /// Round-trip time.
    pub rtt: u64,
}

/// Stands for `origin::Catalogue`.
#[derive(Debug, Clone)]
pub struct Catalogue;

/// Stands for `edge_core::Policy`.
#[derive(Debug, Clone)]
pub struct Policy;

/// Stands for `Result<edge_core::Digest, edge_core::NotStorable>`.
pub type ClassDigest = Result<u32, String>;
