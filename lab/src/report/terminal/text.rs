//! Text that is safe and fits: names from traces and URLs reach a terminal only through here.

/// The width that everything fits into, in columns.
pub(crate) const WIDTH: usize = 100;

/// A name as it may be shown: control characters, line breaks and marks that reorder text are replaced, and it is cut
/// after `most` characters.
pub(crate) fn plain(name: &str, most: usize) -> String {
    let mut shown: String = name.chars().take(most).map(harmless).collect();
    if name.chars().count() > most {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// A character, or a mark in its place if it controls a terminal or reorders text.
pub const fn harmless(c: char) -> char {
    let reorders = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let controls = matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}');
    if controls || reorders { '\u{fffd}' } else { c }
}

/// Text of several lines of which nothing but line breaks and tabs moves a terminal's cursor.
#[must_use]
pub fn harmless_lines(text: &str) -> String {
    let safe = |c| {
        if matches!(c, '\n' | '\t') {
            c
        } else {
            harmless(c)
        }
    };
    text.chars().map(safe).collect()
}

/// JSON in which no character controls a terminal or reorders text: outside of strings there is none, within them each is
/// escaped, so that a reader gets it as it was.
#[must_use]
pub fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || harmless(c) == c {
            text.push(c);
        } else {
            // All of them lie below U+10000.
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        }
    }
    text
}

/// Words laid out in lines of at most [`WIDTH`] columns; lines after the first are indented by `indent`.
pub(crate) fn wrapped(first: &str, text: &str, indent: usize) -> String {
    let mut lines = vec![first.to_owned()];
    let mut empty = true;
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let line = lines.last_mut().map_or(0, |line| line.chars().count());
            let gap = usize::from(!empty);
            if line + gap + word.len() <= WIDTH {
                let line = lines.last_mut().into_iter();
                line.for_each(|line| {
                    line.push_str(&" ".repeat(gap));
                    line.extend(word.iter());
                });
                empty = false;
                break;
            }
            if empty {
                // Longer than a whole line.
                let room = WIDTH.saturating_sub(line).max(1).min(word.len());
                let rest = word.split_off(room);
                lines
                    .last_mut()
                    .into_iter()
                    .for_each(|line| line.extend(word.iter()));
                word = rest;
            }
            lines.push(" ".repeat(indent));
            empty = true;
        }
    }
    lines.join("\n") + "\n"
}

/// A share as a bar of at most `columns` columns, in eighths of a column. Anything above zero shows.
pub(super) fn bar(share: f64, columns: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * columns as f64 * 8.0).round() as usize;
    let eighths = if share > 0.0 { eighths.max(1) } else { eighths };
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// Shares over time, one character each; a blank where there is none.
pub(super) fn sparkline(shares: &[Option<f64>]) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let level = |share: &Option<f64>| {
        share.map_or(' ', |share| {
            LEVELS[(share.clamp(0.0, 1.0) * 7.0).round() as usize]
        })
    };
    shares.iter().map(level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_names_come_out_harmless() {
        assert_eq!(
            plain("a\u{1b}[31mb\nc\u{202e}d\u{9b}e\r\u{7}", 40),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}\u{fffd}"
        );
        assert_eq!(plain("abcdef", 4), "abc…");
        assert_eq!(plain("日本", 4), "日本");
    }

    #[test]
    fn json_keeps_hostile_names_and_shows_them_escaped() {
        let name = "a\u{1b}[31m\u{9b}31m\u{202e}\r\n\t\u{feff}\"日本😀";
        let json = serde_json::to_string_pretty(&[name]).unwrap();
        let safe = escaped(&json);
        assert!(
            safe.chars().all(|c| c == '\n' || harmless(c) == c),
            "{safe}"
        );
        assert!(
            safe.contains("日本😀") && safe.contains("\\u009b"),
            "{safe}"
        );
        let back: Vec<String> = serde_json::from_str(&safe).unwrap();
        assert_eq!(back, [name]);
        assert_eq!(
            harmless_lines("a\u{1b}b\nc\u{202e}"),
            "a\u{fffd}b\nc\u{fffd}"
        );
    }

    #[test]
    fn bars_and_lines() {
        assert_eq!(
            (bar(0.0, 4), bar(1.0, 4), bar(0.5, 4)),
            (String::new(), "████".into(), "██".into())
        );
        assert_eq!(bar(0.0001, 4), "▏");
        assert_eq!(bar(f64::NAN, 4), "");
        assert_eq!(sparkline(&[None, Some(0.0), Some(0.5), Some(1.0)]), " ▁▅█");
    }

    proptest! {
        #[test]
        fn wrapping_keeps_every_word_within_the_width(text in "[a-z]{1,150}( [a-zé]{1,130}){0,8}", indent in 0_usize..8) {
            let out = wrapped("  x ", &text, indent);
            prop_assert!(out.lines().all(|line| line.chars().count() <= WIDTH), "{out}");
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&out), letters(&format!("x{text}")));
        }

        #[test]
        fn no_control_character_passes(name in ".{0,60}") {
            prop_assert!(!plain(&name, 50).chars().any(char::is_control));
        }
    }
}
