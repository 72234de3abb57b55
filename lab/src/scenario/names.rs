//! The nearest known name to one that is not known.

/// The candidate nearest to `word`, if one is near enough to be meant.
///
/// ```
/// assert_eq!(lab::scenario::nearest("pagse", ["pages", "images"]), Some("pages"));
/// assert_eq!(lab::scenario::nearest("zebra", ["pages", "images"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).clamp(1, 4);
    let folded = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `, did you mean …?`, or the known names if none is near, or nothing if there are too many of those.
pub(crate) fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    match nearest(word, candidates.iter().copied()) {
        Some(near) => format!(", did you mean `{near}`?"),
        None if candidates.is_empty() || candidates.len() > 24 => String::new(),
        None => format!("; known: {}", candidates.join(", ")),
    }
}
