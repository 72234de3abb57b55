//! The simulator against formulas, exact counts and itself.
