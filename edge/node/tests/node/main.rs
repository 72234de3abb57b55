//! A node between a scripted origin and clients that see every byte.

mod broken;
mod cold;
mod collapsing;
mod evicted;
mod framing;
mod groups;
mod interim;
mod large;
mod operating;
mod parts;
mod passing;
mod ranges;
mod slices;
mod stale;
mod storing;
mod support;
mod variants;
mod writing;
