//! Expectations: what a scenario claims about its figures, parsed and judged.
