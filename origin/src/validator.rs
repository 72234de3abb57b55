//! Entity tags: made for versions, and read by RFC 9110 section 8.8.3.

use crate::body::BodyBytes;

/// The strong entity tag of a version: `"v3-` and a fingerprint of seed, path, variant and version.
pub fn etag(body: &BodyBytes) -> String {
    format!("\"v{}-{:016x}\"", body.version(), body.fingerprint())
}

/// The version that an entity tag of this origin names, weak or strong; `None` for others' tags.
pub fn version_of_etag(tag: &str) -> Option<u32> {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    let inner = opaque.strip_prefix("\"v")?.strip_suffix('"')?;
    let (version, fingerprint) = inner.split_once('-')?;
    let hex = fingerprint.len() == 16 && fingerprint.bytes().all(|b| b.is_ascii_hexdigit());
    let plain = version.bytes().all(|b| b.is_ascii_digit());
    if hex && plain {
        version.parse().ok()
    } else {
        None
    }
}
