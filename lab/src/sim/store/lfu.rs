//! Window-TinyLFU (Einziger et al., 2017) with foyer's queues: a window of 10 % of the weight,
//! probation, protected of 80 %, and a count-min sketch that is halved as it ages.
//!
//! The sketch has foyer's shape but not its hash, so single evictions can differ from a live edge;
//! hit ratios agree within sampling noise.

use super::list::{Links, List, NONE};
use super::{Eviction, Key};

/// Columns of the sketch: e / 0.001, as for an error of 0.1 %.
const COLUMNS: usize = 2719;
/// Rows of the sketch: ln(1 / (1 - 0.9)), rounded up.
const ROWS: usize = 3;
const SEEDS: [u64; ROWS] = [
    0x9e37_79b9_7f4a_7c15,
    0xbf58_476d_1ce4_e5b9,
    0x94d0_49bb_1331_11eb,
];

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
        }
    }

    fn cells(key: Key) -> [usize; ROWS] {
        let mut row = 0;
        SEEDS.map(|seed| {
            let mut hash = (u64::from(key) + 1).wrapping_mul(seed);
            hash ^= hash >> 32;
            hash = hash.wrapping_mul(0xd6e8_feb8_6659_fd93);
            hash ^= hash >> 29;
            let column = usize::try_from(hash % COLUMNS as u64).unwrap_or(0);
            row += 1;
            (row - 1) * COLUMNS + column
        })
    }

    fn count(&mut self, key: Key) {
        for cell in Self::cells(key) {
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
        Self::cells(key)
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

    fn evict(&mut self, _weight_of: impl Fn(Key) -> u64) -> Option<Key> {
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
