//! Doubly linked lists of dense keys in one flat array of links. It knows nothing of caches.
//!
//! Several lists can share one [`Links`] as long as a key is in at most one of them: a key costs
//! eight bytes, and no operation allocates.

/// No key. Keys are below it.
pub(super) const NONE: u32 = u32::MAX;

/// The links of all keys: `before` and `after`, by key. Held as one more, so that [`NONE`] is 0 and a table of keys that nobody
/// asks for takes neither time nor memory.
#[derive(Debug, Default)]
pub(super) struct Links(Vec<[u32; 2]>);

impl Links {
    /// Links for the keys `0..keys`, none of them in a list.
    pub(super) fn new(keys: usize) -> Self {
        Self(vec![[0, 0]; keys])
    }

    #[inline]
    fn of(&self, key: u32) -> [u32; 2] {
        self.0[key as usize].map(|link| link.wrapping_sub(1))
    }

    #[inline]
    fn set(&mut self, key: u32, links: [u32; 2]) {
        self.0[key as usize] = links.map(|link| link.wrapping_add(1));
    }

    #[inline]
    fn set_before(&mut self, key: u32, before: u32) {
        self.0[key as usize][0] = before.wrapping_add(1);
    }

    #[inline]
    fn set_after(&mut self, key: u32, after: u32) {
        self.0[key as usize][1] = after.wrapping_add(1);
    }

    /// The key after this one (towards the back of its list), or [`NONE`].
    pub(super) fn after(&self, key: u32) -> u32 {
        self.of(key)[1]
    }
}

/// One list: its ends and its length. The front is where most policies evict.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    front: u32,
    back: u32,
}

impl List {
    /// An empty list.
    pub(super) const fn new() -> Self {
        Self {
            front: NONE,
            back: NONE,
        }
    }

    /// The oldest key, or [`NONE`].
    pub(super) fn front(&self) -> u32 {
        self.front
    }

    /// Appends a key that is in no list.
    pub(super) fn push_back(&mut self, links: &mut Links, key: u32) {
        links.set(key, [self.back, NONE]);
        if self.back == NONE {
            self.front = key;
        } else {
            links.set_after(self.back, key);
        }
        self.back = key;
    }

    /// Takes a key out that is in this list.
    pub(super) fn remove(&mut self, links: &mut Links, key: u32) {
        let [before, after] = links.of(key);
        if before == NONE {
            self.front = after;
        } else {
            links.set_after(before, after);
        }
        if after == NONE {
            self.back = before;
        } else {
            links.set_before(after, before);
        }
        links.set(key, [NONE, NONE]);
    }

    /// Takes the oldest key out.
    pub(super) fn pop_front(&mut self, links: &mut Links) -> Option<u32> {
        let key = self.front;
        if key == NONE {
            return None;
        }
        self.remove(links, key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(list: &List, links: &Links) -> Vec<u32> {
        let mut found = Vec::new();
        let mut key = list.front();
        while key != NONE {
            found.push(key);
            key = links.after(key);
        }
        found
    }

    #[test]
    fn keys_keep_their_order_whichever_is_removed() {
        for removed in 0..4u32 {
            let mut links = Links::new(4);
            let mut list = List::new();
            for key in 0..4 {
                list.push_back(&mut links, key);
            }
            list.remove(&mut links, removed);
            let expected: Vec<u32> = (0..4).filter(|&key| key != removed).collect();
            assert_eq!(keys(&list, &links), expected);
            list.push_back(&mut links, removed);
            assert_eq!(keys(&list, &links).last(), Some(&removed));
        }
    }

    #[test]
    fn a_list_empties_and_fills_again() {
        let mut links = Links::new(2);
        let mut list = List::new();
        assert_eq!(list.pop_front(&mut links), None);
        list.push_back(&mut links, 1);
        assert_eq!(list.pop_front(&mut links), Some(1));
        assert_eq!(list.pop_front(&mut links), None);
        list.push_back(&mut links, 0);
        assert_eq!(keys(&list, &links), [0]);
    }
}
