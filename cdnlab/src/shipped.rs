//! The scenarios that the binary carries, so that `cdnlab run quickstart` works without a checkout.

include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// A shipped scenario.
#[derive(Debug)]
pub(crate) struct Shipped {
    /// Its name: the file's, without `.yaml`.
    pub(crate) name: &'static str,
    /// The file's text.
    pub(crate) text: &'static str,
}

/// All of them, by name.
pub(crate) fn all() -> &'static [Shipped] {
    SHIPPED
}

/// The one of this name.
pub(crate) fn named(name: &str) -> Option<&'static Shipped> {
    SHIPPED.iter().find(|shipped| shipped.name == name)
}
