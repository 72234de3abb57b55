//! Seeded draws: independent streams, exponential gaps and choices by weight, the same on every platform.
//!
//! Generators are PCG, stable across versions; logarithms and powers come from `libm`, not from the platform. Every stream is
//! named by what it is for, so that adding a population or a choice does not shift the others.

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use crate::near;

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Arrivals,
    Burst,
    Object,
    Place,
    Address,
    Variant,
    Admission,
}

/// One stream of draws.
#[derive(Debug, Clone)]
pub(crate) struct Stream(Pcg64);

/// One round of splitmix64: spreads a small seed over all bits.
fn spread(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Stream {
    /// The stream of one purpose of one population.
    pub(crate) fn new(seed: u64, population: &str, purpose: Purpose) -> Self {
        // FNV-1a: any stable hash will do, and this one is three lines.
        let name = population.bytes().chain([0xff, purpose as u8]);
        let hash = name.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        let (mut a, mut b) = (seed, hash);
        let mut bytes = [0; 32];
        for (i, chunk) in bytes.chunks_exact_mut(8).enumerate() {
            let word = if i % 2 == 0 {
                spread(&mut a) ^ spread(&mut b)
            } else {
                spread(&mut a).rotate_left(17) ^ b
            };
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        Self(Pcg64::from_seed(bytes))
    }

    /// 64 random bits.
    #[inline]
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Evenly in (0, 1]: never 0, so that its logarithm is finite.
    #[inline]
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Exponentially distributed with mean 1.
    #[inline]
    pub(crate) fn exponential(&mut self) -> f64 {
        -libm::log(self.unit())
    }

    /// Evenly in 0..n; 0 if n is 0.
    #[inline]
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }
}

/// A choice among `0..n` by weights, in constant time and with one draw (Walker 1977, Vose 1991).
///
/// Each probability is right to one part in 2^32 of 1/n.
#[derive(Debug, Clone)]
pub(crate) struct Alias(Vec<Bin>);

/// A bin keeps its own index below the threshold and gives its alias above.
#[derive(Debug, Clone, Copy)]
struct Bin {
    threshold: u32,
    alias: u32,
}

impl Alias {
    /// From weights that are finite, not negative and not all zero; otherwise every index is equally likely.
    pub(crate) fn new(weights: &[f64]) -> Self {
        let n = weights.len();
        let sum: f64 = weights.iter().sum();
        let scale = if sum > 0.0 && sum.is_finite() {
            n as f64 / sum
        } else {
            0.0
        };
        let mut share: Vec<f64> = weights
            .iter()
            .map(|w| if scale > 0.0 { w * scale } else { 1.0 })
            .collect();
        let mut bins: Vec<Bin> = (0..n as u32)
            .map(|i| Bin {
                threshold: u32::MAX,
                alias: i,
            })
            .collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..n).partition(|&i| share[i] < 1.0);
        while let (Some(&s), Some(&l)) = (small.last(), large.last()) {
            small.pop();
            bins[s] = Bin {
                threshold: (share[s] * 4_294_967_296.0) as u32,
                alias: l as u32,
            };
            share[l] -= 1.0 - share[s];
            if share[l] < 1.0 {
                large.pop();
                small.push(l);
            }
        }
        Self(bins)
    }

    /// An index; 0 if there are none.
    #[inline]
    pub(crate) fn choose(&self, stream: &mut Stream) -> u32 {
        self.index(self.aim(stream))
    }

    /// Draws, without a look at the bin that was met.
    #[inline]
    fn aim(&self, stream: &mut Stream) -> Aim {
        let product = u128::from(stream.bits()) * self.0.len() as u128;
        Aim {
            bin: (product >> 64) as u32,
            within: (product as u64 >> 32) as u32,
        }
    }

    /// What was drawn.
    #[inline]
    fn index(&self, aim: Aim) -> u32 {
        let Some(bin) = self.0.get(aim.bin as usize) else {
            return 0;
        };
        // A choice of values, not of ways: a wrong guess would wait for the memory.
        std::hint::select_unpredictable(aim.within >= bin.threshold, bin.alias, aim.bin)
    }
}

/// One draw: which bin it met, and where in it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Aim {
    bin: u32,
    within: u32,
}

/// Popularity falling with rank as `1 / rank^exponent`; index 0 is the most popular.
///
/// The most popular indices have a table of their own, small enough for the processor's nearest cache: with a million objects
/// that is where most draws end, and a draw is little but the wait for memory.
#[derive(Debug, Clone)]
pub(crate) struct Zipf {
    /// The head, and as its last index the tail as a whole.
    head: Alias,
    tail: Option<Alias>,
}

/// Indices in the head: 32 KiB of table.
const HEAD: u32 = 4_000;

impl Zipf {
    pub(crate) fn new(n: u32, exponent: f64) -> Self {
        let weights: Vec<f64> = (1..=n)
            .map(|rank| libm::pow(f64::from(rank), -exponent))
            .collect();
        if n <= 16 * HEAD {
            return Self {
                head: Alias::new(&weights),
                tail: None,
            };
        }
        let (head, tail) = weights.split_at(HEAD as usize);
        let rest: f64 = tail.iter().sum();
        Self {
            head: Alias::new(&[head, &[rest]].concat()),
            tail: Some(Alias::new(tail)),
        }
    }

    /// An index; 0 if there are none.
    #[cfg(test)]
    pub(crate) fn choose(&self, stream: &mut Stream) -> u32 {
        self.aim(stream).unwrap_or_else(|aim| self.hit(aim))
    }

    /// Draws an index; or, of the tail, asks for the memory that tells which one was [hit](Self::hit). Draw several before the
    /// first of these is asked for.
    #[inline]
    pub(crate) fn aim(&self, stream: &mut Stream) -> Result<u32, Aim> {
        let index = self.head.choose(stream);
        match &self.tail {
            Some(tail) if index == HEAD => {
                let aim = tail.aim(stream);
                near::bring_place(&tail.0, aim.bin as usize);
                Err(aim)
            }
            _ => Ok(index),
        }
    }

    /// The index that a draw has hit in the tail.
    #[inline]
    pub(crate) fn hit(&self, aim: Aim) -> u32 {
        HEAD + self.tail.as_ref().map_or(0, |tail| tail.index(aim))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_name_and_purpose_and_repeat() {
        let first = |seed, name, purpose| Stream::new(seed, name, purpose).bits();
        let one = first(1, "europe", Purpose::Arrivals);
        assert_eq!(one, first(1, "europe", Purpose::Arrivals));
        for other in [
            first(2, "europe", Purpose::Arrivals),
            first(1, "asia", Purpose::Arrivals),
            first(1, "europe", Purpose::Object),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn the_same_bits_on_every_platform() {
        let mut stream = Stream::new(7, "europe", Purpose::Object);
        let table = Zipf::new(1000, 0.9);
        let drawn: Vec<u32> = (0..8).map(|_| table.choose(&mut stream)).collect();
        let gap = stream.exponential();
        assert_eq!(drawn, [2, 9, 20, 156, 383, 1, 6, 9]);
        assert_eq!(gap.to_bits(), 4_607_946_018_940_159_062);
    }

    #[test]
    fn zipf_has_its_probabilities() {
        for exponent in [0.0, 0.6, 0.9, 1.0, 1.2] {
            let n = 50;
            let table = Zipf::new(n, exponent).head;
            let mut mass = vec![0.0; n as usize];
            for (i, bin) in table.0.iter().enumerate() {
                let keep = (f64::from(bin.threshold)
                    + f64::from(u8::from(bin.threshold == u32::MAX)))
                    / 4_294_967_296.0;
                mass[i] += keep / f64::from(n);
                mass[bin.alias as usize] += (1.0 - keep) / f64::from(n);
            }
            let total: f64 = (1..=n).map(|k| f64::from(k).powf(-exponent)).sum();
            for (i, p) in mass.iter().enumerate() {
                let wanted = ((i + 1) as f64).powf(-exponent) / total;
                assert!(
                    (p - wanted).abs() < 1e-9,
                    "{exponent}: rank {} has {p}, not {wanted}",
                    i + 1
                );
            }
        }
    }

    #[test]
    fn head_and_tail_join_without_a_seam() {
        let (n, draws) = (100_000, 400_000);
        let table = Zipf::new(n, 0.8);
        let mut stream = Stream::new(3, "x", Purpose::Object);
        let mut counts = vec![0_u32; n as usize];
        for _ in 0..draws {
            counts[table.choose(&mut stream) as usize] += 1;
        }
        let total: f64 = (1..=n).map(|rank| f64::from(rank).powf(-0.8)).sum();
        for (from, to) in [
            (0, 10),
            (100, 1000),
            (3_500, 4_000),
            (4_000, 4_500),
            (10_000, 20_000),
        ] {
            let found = f64::from(counts[from..to].iter().sum::<u32>());
            let mass: f64 = (from + 1..=to).map(|rank| (rank as f64).powf(-0.8)).sum();
            let wanted = mass / total * f64::from(draws);
            assert!(
                (found - wanted).abs() < 5.0 * wanted.sqrt(),
                "{from}..{to}: {found}, wanted {wanted}"
            );
        }
    }

    #[test]
    fn draws_follow_the_table() {
        let table = Alias::new(&[3.0, 0.0, 1.0]);
        let mut stream = Stream::new(1, "x", Purpose::Place);
        let mut counts = [0_u32; 3];
        for _ in 0..100_000 {
            counts[table.choose(&mut stream) as usize] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((74_000..76_000).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn no_choice_is_no_panic() {
        let mut stream = Stream::new(1, "x", Purpose::Place);
        assert_eq!(Alias::new(&[]).choose(&mut stream), 0);
        assert_eq!(stream.below(0), 0);
    }
}
