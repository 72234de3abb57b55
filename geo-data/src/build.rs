//! Compiles source tables to a City-type database, byte for byte the same each time.

/// A table to build from: CSV with the columns network, city, country, latitude, longitude.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The table's text.
    pub networks: String,
}

/// Why a table cannot be compiled; names the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A line is wrong.
    #[error("line {line}: {what}")]
    Line {
        /// From 1, the head included.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// The table has no networks.
    #[error("the table has no networks")]
    Empty,
    /// The database's format cannot hold it.
    #[error("cannot be written as a database: {0}")]
    Write(String),
}

/// The table that the shipped database is built from.
pub fn shipped_source() -> Source {
    todo!()
}

/// Compiles a table to the bytes of an .mmdb file.
pub fn build(_source: &Source) -> Result<Vec<u8>, BuildError> {
    todo!()
}
