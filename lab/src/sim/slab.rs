//! Flat storage for things that come and go, under ids that never mean another thing.

use crate::near;

/// Names one thing in a [`Slab`]; after its removal, nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id {
    pub(super) index: u32,
    pub(super) serial: u32,
}

/// Things by id. Places are used again, so that nothing is allocated once it has grown.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, thing: T) -> Id {
        if let Some(index) = self.free.pop() {
            let place = &mut self.places[index as usize];
            place.1 = Some(thing);
            return Id {
                index,
                serial: place.0,
            };
        }
        let index = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push((0, Some(thing)));
        Id { index, serial: 0 }
    }

    pub(super) fn get(&self, id: Id) -> Option<&T> {
        match self.places.get(id.index as usize) {
            Some((serial, Some(thing))) if *serial == id.serial => Some(thing),
            _ => None,
        }
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        match self.places.get_mut(id.index as usize) {
            Some((serial, Some(thing))) if *serial == id.serial => Some(thing),
            _ => None,
        }
    }

    /// Brings a thing near in memory.
    #[inline]
    pub(super) fn bring(&self, id: Id) {
        near::bring_place(&self.places, id.index as usize);
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<T> {
        let place = self.places.get_mut(id.index as usize)?;
        if place.0 != id.serial {
            return None;
        }
        let thing = place.1.take()?;
        place.0 = place.0.wrapping_add(1);
        self.free.push(id.index);
        Some(thing)
    }

    /// Removes a thing that has been looked at.
    pub(super) fn discard(&mut self, id: Id) {
        let Some(place) = self.places.get_mut(id.index as usize) else {
            return;
        };
        if place.0 == id.serial && place.1.is_some() {
            place.1 = None;
            place.0 = place.0.wrapping_add(1);
            self.free.push(id.index);
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// How many there have ever been.
    #[cfg(test)]
    pub(super) fn ever(&self) -> usize {
        let gone = |(serial, _): &(u32, Option<T>)| *serial as usize;
        self.places.iter().map(gone).sum::<usize>() + self.len()
    }

    /// All of them, by index.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        self.places
            .iter()
            .zip(0u32..)
            .filter_map(|((serial, thing), index)| {
                Some((
                    Id {
                        index,
                        serial: *serial,
                    },
                    thing.as_ref()?,
                ))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_dies_with_its_thing() {
        let mut slab = Slab::default();
        let first = slab.insert('a');
        let second = slab.insert('b');
        assert_eq!(slab.remove(first), Some('a'));
        assert_eq!(slab.remove(first), None);
        let third = slab.insert('c');
        assert_eq!(third.index, first.index, "the place is used again");
        assert_eq!(
            (slab.get(first), slab.get(second), slab.get(third)),
            (None, Some(&'b'), Some(&'c'))
        );
        assert_eq!(slab.len(), 2);
        assert_eq!(slab.iter().map(|(_, c)| *c).collect::<String>(), "cb");
    }
}
