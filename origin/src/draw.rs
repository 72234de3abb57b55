//! Draws: from a seed and a name to a number, the same on every platform.
//!
//! A draw has no state: it hashes what it is about. Uniform numbers come from PCG, logarithms and
//! exponentials from `libm`. Knows nothing about what the numbers are for.

use rand_core::Rng;
use rand_pcg::Pcg32;

use crate::catalogue::{DurationDist, ObjectId, SizeDist};

/// What a draw is for; keeps the draws about one object apart.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Size = 1,
    Think = 2,
    Phase = 3,
    Age = 4,
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014; Stafford's variant 13).
#[inline(always)]
pub(crate) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A generator of the draw's own.
fn generator(seed: u64, purpose: Purpose, id: ObjectId, nth: u64) -> Pcg32 {
    let object = (u64::from(id.class) << 32) | u64::from(id.object);
    let state = mix(mix(seed ^ (purpose as u64)).wrapping_add(object));
    Pcg32::new(mix(state.wrapping_add(nth)), purpose as u64)
}

/// A uniform number in [0, 1) with 53 bits.
fn unit(generator: &mut Pcg32) -> f64 {
    (generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// A uniform integer below `bound` (0 if that is 0). The bias of the multiplication is below
/// bound / 2^64.
fn below(generator: &mut Pcg32, bound: u64) -> u64 {
    ((u128::from(generator.next_u64()) * u128::from(bound)) >> 64) as u64
}

/// A standard normal number (Box and Muller 1958).
fn normal(generator: &mut Pcg32) -> f64 {
    // 1 - u lies in (0, 1], where the logarithm is finite.
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - unit(generator)));
    radius * libm::cos(2.0 * std::f64::consts::PI * unit(generator))
}

fn uniform(generator: &mut Pcg32, min: u64, max: u64) -> u64 {
    let span = max.saturating_sub(min).saturating_add(1);
    min.saturating_add(below(generator, span))
}

fn lognormal(generator: &mut Pcg32, median: u64, sigma: f64, max: u64) -> u64 {
    let drawn = median as f64 * libm::exp(sigma * normal(generator));
    // The cast saturates, and turns what is not a number into 0.
    (libm::round(drawn) as u64).min(max)
}

pub(crate) fn size(dist: &SizeDist, seed: u64, id: ObjectId) -> u64 {
    let generator = || generator(seed, Purpose::Size, id, 0);
    match dist {
        SizeDist::Fixed(size) => *size,
        SizeDist::Uniform { min, max } => uniform(&mut generator(), *min, *max),
        SizeDist::Lognormal { median, sigma, max } => {
            lognormal(&mut generator(), *median, *sigma, *max)
        }
        SizeDist::Listed(sizes) => sizes.get(id.object as usize).copied().unwrap_or(0),
    }
}

pub(crate) fn duration(dist: &DurationDist, seed: u64, id: ObjectId, nth: u64) -> u64 {
    let generator = || generator(seed, Purpose::Think, id, nth);
    match dist {
        DurationDist::Fixed { ns } => *ns,
        DurationDist::Uniform { min_ns, max_ns } => uniform(&mut generator(), *min_ns, *max_ns),
        DurationDist::Lognormal {
            median_ns,
            sigma,
            max_ns,
        } => lognormal(&mut generator(), *median_ns, *sigma, *max_ns),
    }
}

/// A uniform integer below `bound`.
pub(crate) fn number(seed: u64, purpose: Purpose, id: ObjectId, bound: u64) -> u64 {
    below(&mut generator(seed, purpose, id, 0), bound)
}
