//! How far a figure would lie elsewhere if chance had fallen otherwise: over seeds, or within a single run or trace.
//!
//! Several seeds give independent values, and Student's t a band for their mean ([`Band::of`]). One run gives a series of
//! buckets that depend on each other; whole blocks of it are drawn anew ([`Blocks`], the stationary bootstrap), and
//! [`ratio`], [`total`] and [`difference`] are the figures that are made of buckets. The band of one run knows how much the
//! traffic of that run varied, and nothing of what another draw of popularities or sizes would bring: several seeds do.
//! The module knows numbers alone.

mod band;
mod blocks;

pub use band::{Band, at_once, student};
pub use blocks::{Blocks, difference, ratio, ratio_at, total};
