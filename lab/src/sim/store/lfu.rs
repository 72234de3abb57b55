//! Window-TinyLFU (Einziger et al., 2017) with foyer's queues: a window of 10 % of the weight,
//! probation, protected of 80 %, and a count-min sketch that is halved as it ages.
//!
//! Shape, hash and decay of the sketch are foyer's, but for one thing: a live edge hashes cache keys
//! where a simulated one has numbers, so that the two take other keys for each other. Hit ratios agree
//! within sampling noise; with numbers as hashes, foyer evicts the same keys.

use super::list::{Links, List, NONE};
use super::{Eviction, Key, Weights};

/// Columns of the sketch: e / 0.001, as for an error of 0.1 %.
const COLUMNS: usize = 2719;
/// Rows of the sketch: ln(1 / (1 - 0.9)), rounded up.
const ROWS: usize = 3;
/// The sketch's own seed; each row's is the hash of its number under it.
const SEED: u64 = 9001;

/// The first half of MurmurHash3 (x64, 128 bits; Appleby) of one little-endian word.
fn murmur3(word: u64, seed: u64) -> u64 {
    fn mix(mut h: u64) -> u64 {
        h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        h ^ (h >> 33)
    }
    let word = word
        .wrapping_mul(0x87c3_7b91_1142_53d5)
        .rotate_left(31)
        .wrapping_mul(0x4cf5_ad43_2745_937f);
    let (first, second) = (seed ^ word ^ 8, seed ^ 8);
    let first = first.wrapping_add(second);
    mix(first).wrapping_add(mix(second.wrapping_add(first)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queue {
    Out,
    Window,
    Probation,
    Protected,
}

/// The three queues and the sketch.
#[derive(Debug)]
pub(super) struct Lfu {
    links: Links,
    window: List,
    probation: List,
    protected: List,
    place: Vec<Queue>,
    weights: Vec<u64>,
    window_weight: u64,
    window_capacity: u64,
    protected_weight: u64,
    protected_capacity: u64,
    sketch: Vec<u16>,
    steps: usize,
    seeds: [u64; ROWS],
}

impl Lfu {
    /// Queues for the keys `0..keys` and a total weight of `capacity`.
    pub(super) fn new(keys: usize, capacity: u64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        let share = |part: f64| (capacity as f64 * part) as u64;
        Self {
            links: Links::new(keys),
            window: List::new(),
            probation: List::new(),
            protected: List::new(),
            place: vec![Queue::Out; keys],
            weights: vec![0; keys],
            window_weight: 0,
            window_capacity: share(0.1),
            protected_weight: 0,
            protected_capacity: share(0.8),
            sketch: vec![0; COLUMNS * ROWS],
            steps: 0,
            seeds: [0, 1, 2].map(|row| murmur3(row, SEED)),
        }
    }

    fn cells(&self, key: Key) -> [usize; ROWS] {
        let mut row = 0;
        self.seeds.map(|seed| {
            let column = usize::try_from(murmur3(u64::from(key), seed) % COLUMNS as u64);
            row += 1;
            (row - 1) * COLUMNS + column.unwrap_or(0)
        })
    }

    fn count(&mut self, key: Key) {
        for cell in self.cells(key) {
            self.sketch[cell] = self.sketch[cell].saturating_add(1);
        }
        self.steps += 1;
        if self.steps >= COLUMNS {
            self.steps /= 2;
            for cell in &mut self.sketch {
                *cell /= 2;
            }
        }
    }

    fn frequency(&self, key: Key) -> u16 {
        self.cells(key)
            .map(|cell| self.sketch[cell])
            .into_iter()
            .min()
            .unwrap_or(0)
    }
}

impl Eviction for Lfu {
    fn found(&mut self, key: Key) {
        self.count(key);
        match self.place[key as usize] {
            Queue::Out => {}
            Queue::Window => {
                self.window.remove(&mut self.links, key);
                self.window.push_back(&mut self.links, key);
            }
            Queue::Probation => {
                self.probation.remove(&mut self.links, key);
                self.protected.push_back(&mut self.links, key);
                self.place[key as usize] = Queue::Protected;
                self.protected_weight += self.weights[key as usize];
                while self.protected_weight > self.protected_capacity {
                    let Some(oldest) = self.protected.pop_front(&mut self.links) else {
                        break;
                    };
                    self.protected_weight -= self.weights[oldest as usize];
                    self.place[oldest as usize] = Queue::Probation;
                    self.probation.push_back(&mut self.links, oldest);
                }
            }
            Queue::Protected => {
                self.protected.remove(&mut self.links, key);
                self.protected.push_back(&mut self.links, key);
            }
        }
    }

    fn insert(&mut self, key: Key, weight: u64) {
        self.count(key);
        self.weights[key as usize] = weight;
        self.place[key as usize] = Queue::Window;
        self.window_weight += weight;
        self.window.push_back(&mut self.links, key);
        while self.window_weight > self.window_capacity {
            let Some(oldest) = self.window.pop_front(&mut self.links) else {
                break;
            };
            self.window_weight -= self.weights[oldest as usize];
            self.place[oldest as usize] = Queue::Probation;
            self.probation.push_back(&mut self.links, oldest);
        }
    }

    fn remove(&mut self, key: Key, weight: u64) {
        match self.place[key as usize] {
            Queue::Out => {}
            Queue::Window => {
                self.window_weight -= weight;
                self.window.remove(&mut self.links, key);
            }
            Queue::Probation => self.probation.remove(&mut self.links, key),
            Queue::Protected => {
                self.protected_weight -= weight;
                self.protected.remove(&mut self.links, key);
            }
        }
        self.place[key as usize] = Queue::Out;
    }

    fn evict(&mut self, _weights: &Weights) -> Option<Key> {
        let (window, probation) = (self.window.front(), self.probation.front());
        let chosen = match (window, probation) {
            (NONE, NONE) => self.protected.front(),
            (NONE, key) | (key, NONE) => key,
            (window, probation) if self.frequency(window) < self.frequency(probation) => window,
            (_, probation) => probation,
        };
        if chosen == NONE {
            return None;
        }
        let weight = self.weights[chosen as usize];
        self.remove(chosen, weight);
        Some(chosen)
    }
}
