//! Versions over time: scripted changes and publications, and so what was current when.
//!
//! Offsets are milliseconds since the catalogue's epoch. An object begins with version 1; each
//! scripted change and each publication that concerns it adds one. Knows nothing about clocks: who
//! publishes says when.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, ObjectId};
use crate::draw::{self, Purpose};

/// What a publication concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selector {
    /// Everything.
    All,
    /// All objects of one class.
    Class(u16),
    /// One object.
    Object(ObjectId),
}

/// Which version of which object is current when.
#[derive(Debug, Clone)]
pub struct Versions {
    seed: u64,
    epoch_ms: i64,
    /// Milliseconds between scripted changes, by class.
    every: Vec<Option<u64>>,
    /// Offsets of publications, ascending.
    all: Vec<u64>,
    classes: Vec<Vec<u64>>,
    objects: FxHashMap<ObjectId, Vec<u64>>,
}

impl Versions {
    /// The script of a catalogue, before anything is published.
    pub fn new(catalogue: &Catalogue) -> Versions {
        Versions {
            seed: catalogue.seed,
            epoch_ms: catalogue.epoch_ms,
            every: catalogue
                .classes
                .iter()
                .map(|class| class.changes_every_ms)
                .collect(),
            all: Vec::new(),
            classes: vec![Vec::new(); catalogue.classes.len()],
            objects: FxHashMap::default(),
        }
    }

    /// The offset of a Unix time in milliseconds; what lies before the epoch counts as 0.
    pub fn offset(&self, now_ms: i64) -> u64 {
        u64::try_from(now_ms.saturating_sub(self.epoch_ms)).unwrap_or(0)
    }

    /// Publishes a new version of what is selected, current from `at_ms` on. Any order will do;
    /// the same instant twice makes two versions. Selectors of nothing are ignored.
    pub fn publish(&mut self, selector: Selector, at_ms: u64) {
        let list = match selector {
            Selector::All => Some(&mut self.all),
            Selector::Class(class) => self.classes.get_mut(usize::from(class)),
            Selector::Object(id) => Some(self.objects.entry(id).or_default()),
        };
        if let Some(list) = list {
            let place = list.partition_point(|&at| at <= at_ms);
            list.insert(place, at_ms);
        }
    }

    /// The version that is current at an offset. Without publications this allocates nothing and
    /// takes one draw.
    pub fn version_at(&self, id: ObjectId, offset_ms: u64) -> u32 {
        let scripted = self
            .script(id)
            .map_or(0, |script| script.changes_until(offset_ms));
        let published: usize = self
            .lists(id)
            .iter()
            .map(|list| list.partition_point(|&at| at <= offset_ms))
            .sum();
        u32::try_from(scripted.saturating_add(published as u64).saturating_add(1))
            .unwrap_or(u32::MAX)
    }

    /// When `version` stopped being current: the offset at which the next one came. `None` if no
    /// next one is known.
    pub fn superseded_at(&self, id: ObjectId, version: u32) -> Option<u64> {
        // Version n ends with the n-th change, scripted ones and publications taken together.
        let wanted = u64::from(version.max(1));
        let mut published: Vec<u64> = self.lists(id).concat();
        published.sort_unstable();
        let Some(script) = self.script(id) else {
            return published.get(usize::try_from(wanted - 1).ok()?).copied();
        };
        for (before, &at) in (0u64..).zip(&published) {
            if before >= wanted {
                break;
            }
            // With `before` publications, the wanted change is this one of the script ...
            let scripted = script.change(wanted - before);
            if scripted <= at {
                return Some(scripted);
            }
            // ... unless this publication, which comes earlier, is the wanted one itself.
            if script.changes_until(at) + before + 1 >= wanted {
                return Some(at);
            }
        }
        let left = wanted.checked_sub(published.len() as u64)?;
        Some(script.change(left))
    }

    /// When `version` became current; 0 for the first.
    pub fn current_from(&self, id: ObjectId, version: u32) -> Option<u64> {
        match version {
            0 | 1 => Some(0),
            later => self.superseded_at(id, later - 1),
        }
    }

    /// `Last-Modified` of a version, in whole seconds of Unix time. The first version is older than
    /// the epoch by one hour to thirty days, drawn for each object, so that heuristic lifetimes mean
    /// something from the start.
    pub fn last_modified(&self, id: ObjectId, version: u32) -> i64 {
        const HOUR: u64 = 3600;
        let epoch = self.epoch_ms.div_euclid(1000);
        match self.current_from(id, version) {
            Some(offset) if version > 1 => self
                .epoch_ms
                .saturating_add(i64::try_from(offset).unwrap_or(i64::MAX))
                .div_euclid(1000),
            _ => {
                let age = HOUR + draw::number(self.seed, Purpose::Age, id, 30 * 24 * HOUR - HOUR);
                epoch.saturating_sub(age as i64)
            }
        }
    }

    /// The publications that concern an object.
    fn lists(&self, id: ObjectId) -> [&[u64]; 3] {
        let class = self
            .classes
            .get(usize::from(id.class))
            .map_or(&[][..], Vec::as_slice);
        // Mostly nothing is published one by one; then the map needs no look-up.
        let object = if self.objects.is_empty() {
            &[][..]
        } else {
            self.objects.get(&id).map_or(&[][..], Vec::as_slice)
        };
        [&self.all, class, object]
    }

    fn script(&self, id: ObjectId) -> Option<Script> {
        let every = (*self.every.get(usize::from(id.class))?)?.max(1);
        let phase = draw::number(self.seed, Purpose::Phase, id, every);
        Some(Script { every, phase })
    }
}

/// Regular changes: the k-th (from 1) at `k * every - phase`, with a phase below `every`.
#[derive(Clone, Copy)]
struct Script {
    every: u64,
    phase: u64,
}

impl Script {
    fn changes_until(self, offset_ms: u64) -> u64 {
        offset_ms.saturating_add(self.phase) / self.every
    }

    fn change(self, k: u64) -> u64 {
        k.saturating_mul(self.every).saturating_sub(self.phase)
    }
}

#[cfg(test)]
#[path = "versions_tests.rs"]
mod tests;
