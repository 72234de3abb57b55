//! What a node keeps: which responses it admits, and which leaves when it is full. It knows the choices, not how they work.

use std::fmt;
use std::sync::Arc;

use super::Plan;

/// Eviction policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Eviction {
    /// First in, first out.
    Fifo,
    /// Least recently used.
    Lru,
    /// Least frequently used (Window-TinyLFU, Einziger et al. 2017).
    Lfu,
    /// Three FIFO queues (Yang et al. 2023).
    S3Fifo,
    /// SIEVE (Zhang et al. 2024).
    Sieve,
    /// What is asked for furthest in the future leaves (Belady 1966): the ceiling of the others. Only the simulator knows
    /// the future.
    Belady,
    /// A policy that a program registers under this name with the simulator (`sim::Policies`).
    Own(Arc<str>),
}

impl Eviction {
    /// Every policy that needs no program of one's own.
    pub const ALL: [Self; 6] = [
        Self::Fifo,
        Self::Lru,
        Self::Lfu,
        Self::S3Fifo,
        Self::Sieve,
        Self::Belady,
    ];

    /// The name in scenario files and on the command line of an edge.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Fifo => "fifo",
            Self::Lru => "lru",
            Self::Lfu => "lfu",
            Self::S3Fifo => "s3fifo",
            Self::Sieve => "sieve",
            Self::Belady => "belady",
            Self::Own(name) => name,
        }
    }
}

impl fmt::Display for Eviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which responses a node stores at all; all of the conditions must hold. A stored response is replaced without asking.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Admission {
    /// Only what has been fetched before, as far as this memory of refused keys reaches.
    pub second_hit: Option<History>,
    /// Bodies up to so many bytes.
    pub max_size: Option<u64>,
    /// Each response with this probability, drawn from a stream of the plan's seed.
    pub probability: Option<f64>,
}

impl Admission {
    /// Every response that fits.
    pub const ALL: Self = Self {
        second_hit: None,
        max_size: None,
        probability: None,
    };
}

/// How many refused keys a second-hit filter remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// All of them.
    Unlimited,
    /// So many; the oldest refusal is forgotten first.
    Last(u32),
}

/// What counts against a node's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weigh {
    /// Bodies, heads, keys and book-keeping, as a live edge counts them; what is larger than half of the memory is not
    /// stored.
    #[default]
    All,
    /// Bodies alone, as papers and trace simulators count; what fits at all is stored.
    Bodies,
}

impl Plan {
    /// What of this plan no live edge can do, in words; `None` if a live run can play it.
    #[must_use]
    pub fn only_simulated(&self) -> Option<String> {
        self.nodes.iter().find_map(|node| {
            let what = match &node.eviction {
                Eviction::Belady => {
                    "`eviction: belady` looks into the future, which only the simulator can"
                        .to_owned()
                }
                Eviction::Own(name) => {
                    format!("`eviction: {{own: {name}}}` is a policy for the simulator")
                }
                _ if node.admission != Admission::ALL => {
                    "`admission` is a filter that only the simulator has".to_owned()
                }
                _ if node.weigh != Weigh::All => {
                    "`weigh: bodies` leaves out what a live edge has to hold".to_owned()
                }
                _ => return None,
            };
            Some(format!("{}: {what}", node.name))
        })
    }
}
