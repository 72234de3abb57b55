//! The scenario as written: YAML in, checked types out.
