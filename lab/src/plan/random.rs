//! Seeded draws: independent streams, exponential gaps and choices by weight, the same on every platform.
//!
//! Generators are PCG, stable across versions; logarithms and powers come from `libm`, not from the platform. Every stream is
//! named by what it is for, so that adding a population or a choice does not shift the others.

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

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
                threshold: (share[s] * TWO_TO_32) as u32,
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
        let (at, within) = place(stream, self.0.len() as u64);
        let Some(bin) = self.0.get(at as usize) else {
            return 0;
        };
        // A choice of values, not of ways: half of the guesses would be wrong.
        std::hint::select_unpredictable(within >= bin.threshold, bin.alias, at)
    }
}

/// One draw, used twice: one of `0..n`, and how far it is from there to the next one, of 2^32.
#[inline]
fn place(stream: &mut Stream, n: u64) -> (u32, u32) {
    let product = u128::from(stream.bits()) * u128::from(n);
    ((product >> 64) as u32, (product as u64 >> 32) as u32)
}

/// Popularity falling with rank as `1 / rank^exponent`; index 0 is the most popular.
///
/// Few indices have a table. Of many, the most popular ones stand in one, and behind them *strips* of neighbours as wholes, each as
/// high as its first index: who meets one draws an index of it evenly, and begins anew where that is less popular by more
/// than a further draw allows (rejection, Devroye 1986, section II.3). That is exact, and all of it lies in the
/// processor's nearest cache, where a table of a million objects is little but a wait for memory.
#[derive(Debug, Clone)]
pub(crate) struct Zipf {
    table: Alias,
    /// So many indices stand in the table themselves.
    head: u32,
    strips: Vec<Strip>,
    exponent: f64,
}

/// Neighbours that are nearly as popular as the first of them.
#[derive(Debug, Clone, Copy)]
struct Strip {
    first: u32,
    count: u32,
    /// How popular the last one is beside the first, of 2^32: draws below need no further look.
    sure: u32,
}

/// So many indices have a table at most.
const FEW: u32 = 64_000;
/// Of more, so many at the head.
const HEAD: u32 = 1_000;
/// The first rank of a strip is so many times as large as the span of the strip.
const NARROW: u32 = 64;

impl Zipf {
    pub(crate) fn new(n: u32, exponent: f64) -> Self {
        let head = if n <= FEW { n } else { HEAD };
        let height = |index: u32| libm::pow(f64::from(index) + 1.0, -exponent);
        let mut weights: Vec<f64> = (0..head).map(height).collect();
        let mut strips = Vec::new();
        let mut first = head;
        while first < n {
            let count = (first / NARROW).min(n - first);
            let share = height(first + count - 1) / height(first);
            strips.push(Strip {
                first,
                count,
                sure: (share * TWO_TO_32) as u32,
            });
            weights.push(f64::from(count) * height(first));
            first += count;
        }
        Self {
            table: Alias::new(&weights),
            head,
            strips,
            exponent,
        }
    }

    /// An index; 0 if there are none.
    #[inline]
    pub(crate) fn choose(&self, stream: &mut Stream) -> u32 {
        loop {
            let met = self.table.choose(stream);
            let strip = met.checked_sub(self.head);
            let Some(strip) = strip.and_then(|strip| self.strips.get(strip as usize)) else {
                return met;
            };
            let (within, height) = place(stream, strip.count.into());
            if height < strip.sure || self.reaches(strip, within, height) {
                return strip.first + within;
            }
        }
    }

    /// Whether an index of a strip is as popular as a draw asks, beside the first one.
    #[cold]
    fn reaches(&self, strip: &Strip, within: u32, height: u32) -> bool {
        let first = f64::from(strip.first) + 1.0;
        let rank = first + f64::from(within);
        f64::from(height) < libm::pow(rank / first, -self.exponent) * TWO_TO_32
    }
}

/// The span of a draw of 32 bits.
const TWO_TO_32: f64 = 4_294_967_296.0;

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
            let table = Zipf::new(n, exponent).table;
            let mut mass = vec![0.0; n as usize];
            for (i, bin) in table.0.iter().enumerate() {
                let keep = (f64::from(bin.threshold)
                    + f64::from(u8::from(bin.threshold == u32::MAX)))
                    / TWO_TO_32;
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
    fn many_indices_have_their_probabilities_too() {
        let (n, draws) = (FEW + 20_000, 400_000);
        let borders = [
            0, 1, 10, 500, 990, 1000, 1015, 1030, 4_000, 9_000, 60_000, n,
        ];
        for exponent in [0.0, 0.6, 1.0, 1.4] {
            let zipf = Zipf::new(n, exponent);
            let mut stream = Stream::new(3, "x", Purpose::Object);
            let mut counts = vec![0_u32; n as usize];
            for _ in 0..draws {
                counts[zipf.choose(&mut stream) as usize] += 1;
            }
            let mass = |from: u32, to: u32| -> f64 {
                (from..to)
                    .map(|i| (f64::from(i) + 1.0).powf(-exponent))
                    .sum()
            };
            for range in borders.windows(2) {
                let (from, to) = (range[0], range[1]);
                let found: u32 = counts[from as usize..to as usize].iter().sum();
                let share = mass(from, to) / mass(0, n);
                let wanted = share * f64::from(draws);
                let error = (wanted * (1.0 - share)).sqrt();
                assert!(
                    (f64::from(found) - wanted).abs() < 4.0 * error + 1.0,
                    "{exponent}, {from}..{to}: {found}, wanted {wanted}"
                );
            }
        }
    }

    #[test]
    fn within_a_strip_popularity_falls() {
        let zipf = Zipf::new(FEW + 1, 1.2);
        let strip = zipf.strips[100];
        let share = |within: u32| f64::from(strip.first + 1) / f64::from(strip.first + 1 + within);
        for within in [0, strip.count / 2, strip.count - 1] {
            let least = libm::pow(share(within), 1.2) * TWO_TO_32;
            assert!(zipf.reaches(&strip, within, least as u32 - 1));
            assert!(within == 0 || !zipf.reaches(&strip, within, least as u32 + 1));
            assert!(strip.sure <= least as u32);
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
