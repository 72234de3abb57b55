//! What the end-to-end tests share: nodes as real processes, and an upstream whose every byte is scripted.

pub(crate) mod machine;
pub(crate) mod node;
pub(crate) mod scenario;
pub(crate) mod upstream;
pub(crate) mod wire;
