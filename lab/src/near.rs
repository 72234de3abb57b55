//! Asking for memory ahead of its use, so that it is near when it is needed. A hint to the processor: nothing waits for it, and
//! nothing differs without it.

/// What comes near together, in bytes.
const LINE: usize = 64;

/// Brings a value near.
#[inline(always)]
pub(crate) fn bring<T>(value: &T) {
    let at = std::ptr::from_ref(value).cast::<u8>();
    for line in (0..size_of::<T>()).step_by(LINE) {
        branches::prefetch_read_data::<u8, 0>(at.wrapping_add(line));
    }
}

/// Brings one place of a table near, if there is one of this index.
#[inline(always)]
pub(crate) fn bring_place<T>(table: &[T], index: usize) {
    if let Some(value) = table.get(index) {
        bring(value);
    }
}
