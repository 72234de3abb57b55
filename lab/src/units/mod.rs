//! Sizes, durations and rates as people write them: `64MiB`, `250ms`, `100/s`, `10Mbit/s`.
//!
//! Used by scenario files and by the command line alike. Values are exact: decimals are read as decimals, not as binary
//! floating point. Knows nothing of scenarios.

mod written;

use std::fmt;
use std::str::FromStr;

/// Why a text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Nothing stands there.
    #[error("{what} is empty; write it as in {example}")]
    Empty {
        /// What was expected.
        what: &'static str,
        /// Right ways to write it.
        example: &'static str,
    },
    /// It does not begin with a number.
    #[error("`{text}` is not {what}; write it as in {example}")]
    NotANumber {
        /// What was written.
        text: String,
        /// What was expected.
        what: &'static str,
        /// Right ways to write it.
        example: &'static str,
    },
    /// Below zero.
    #[error("`{text}` is negative; {what} cannot be")]
    Negative {
        /// What was written.
        text: String,
        /// What was expected.
        what: &'static str,
    },
    /// A number without its unit.
    #[error("`{text}` lacks a unit; write {what} as in {example}")]
    NoUnit {
        /// What was written.
        text: String,
        /// What was expected.
        what: &'static str,
        /// Right ways to write it.
        example: &'static str,
    },
    /// A unit that we do not know.
    #[error("unknown unit `{unit}` in `{text}`; the units of {what} are {known}")]
    UnknownUnit {
        /// What was written.
        text: String,
        /// The unit in it.
        unit: String,
        /// What was expected.
        what: &'static str,
        /// The units that exist.
        known: String,
    },
    /// More than 64 bits can hold.
    #[error("`{text}` is too large")]
    TooLarge {
        /// What was written.
        text: String,
    },
}

/// A kind of quantity: its name, examples and units with the factor to the base unit.
struct Kind {
    what: &'static str,
    example: &'static str,
    units: &'static [(&'static str, u64)],
}

const SIZE: Kind = Kind {
    what: "a size",
    example: "`512B`, `12KiB` or `64MiB`",
    units: &[
        ("B", 1),
        ("kB", 1_000),
        ("KB", 1_000),
        ("KiB", 1 << 10),
        ("MB", 1_000_000),
        ("MiB", 1 << 20),
        ("GB", 1_000_000_000),
        ("GiB", 1 << 30),
        ("TB", 1_000_000_000_000),
        ("TiB", 1 << 40),
    ],
};
const SPAN: Kind = Kind {
    what: "a duration",
    example: "`250ms`, `20s` or `5m`",
    units: &[
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("min", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ],
};
/// The factor of a rate is the number of seconds that it is counted over.
const RATE: Kind = Kind {
    what: "a rate",
    example: "`100/s`, `30/m` or `5000/h`",
    units: &[
        ("/s", 1),
        ("/m", 60),
        ("/min", 60),
        ("/h", 3_600),
        ("/d", 86_400),
    ],
};
const BIT_RATE: Kind = Kind {
    what: "a bit rate",
    example: "`10Mbit/s` or `1Gbit/s`",
    units: &[
        ("bit/s", 1),
        ("kbit/s", 1_000),
        ("Mbit/s", 1_000_000),
        ("Gbit/s", 1_000_000_000),
        ("bps", 1),
        ("kbps", 1_000),
        ("Mbps", 1_000_000),
        ("Gbps", 1_000_000_000),
    ],
};

/// A decimal number: `digits / 10^places`.
struct Decimal {
    digits: u128,
    places: u32,
}

impl Kind {
    /// Splits the next `number unit` off `rest`. `text` is the whole, for messages.
    fn part<'a>(&self, text: &str, rest: &'a str) -> Result<(Decimal, u64, &'a str), UnitError> {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || fraction.contains('.') || number.ends_with('.') {
            return Err(UnitError::NotANumber {
                text: text.to_owned(),
                what: self.what,
                example: self.example,
            });
        }
        if whole.len() + fraction.len() > 24 {
            return Err(UnitError::TooLarge {
                text: text.to_owned(),
            });
        }
        let digits = whole
            .bytes()
            .chain(fraction.bytes())
            .fold(0_u128, |n, b| n * 10 + u128::from(b - b'0'));
        let tail = tail.trim_start();
        let end = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, rest) = tail.split_at(end);
        let unit = unit.trim_end();
        let decimal = Decimal {
            digits,
            places: fraction.len() as u32,
        };
        if unit.is_empty() {
            return Err(UnitError::NoUnit {
                text: text.to_owned(),
                what: self.what,
                example: self.example,
            });
        }
        match self.units.iter().find(|(name, _)| *name == unit) {
            Some((_, factor)) => Ok((decimal, *factor, rest)),
            None => Err(UnitError::UnknownUnit {
                text: text.to_owned(),
                unit: unit.to_owned(),
                what: self.what,
                known: self
                    .units
                    .iter()
                    .map(|(name, _)| *name)
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }

    /// Refuses what no quantity may be.
    fn begin<'a>(&self, text: &'a str) -> Result<&'a str, UnitError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(UnitError::Empty {
                what: self.what,
                example: self.example,
            });
        }
        if trimmed.starts_with('-') {
            return Err(UnitError::Negative {
                text: trimmed.to_owned(),
                what: self.what,
            });
        }
        Ok(trimmed)
    }

    /// Reads a text as a whole number of base units, rounded down. `several`: `1m30s` is allowed.
    fn whole(&self, text: &str, several: bool) -> Result<u64, UnitError> {
        let text = self.begin(text)?;
        let mut rest = text;
        let mut total = 0_u128;
        loop {
            let (decimal, factor, tail) = self.part(text, rest)?;
            total +=
                decimal.digits.saturating_mul(u128::from(factor)) / 10_u128.pow(decimal.places);
            rest = tail;
            if rest.is_empty() {
                return u64::try_from(total).map_err(|_| UnitError::TooLarge {
                    text: text.to_owned(),
                });
            }
            if !several {
                return Err(UnitError::NotANumber {
                    text: text.to_owned(),
                    what: self.what,
                    example: self.example,
                });
            }
        }
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Size(pub u64);

/// A length of time in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub u64);

/// Events per second; never negative, never infinite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

/// Bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BitRate(pub u64);

impl Span {
    /// Whole milliseconds, rounded down.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.0 / 1_000_000
    }
}

impl FromStr for Size {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        SIZE.whole(text, false).map(Self)
    }
}

impl FromStr for Span {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        SPAN.whole(text, true).map(Self)
    }
}

impl FromStr for BitRate {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        BIT_RATE.whole(text, false).map(Self)
    }
}

impl FromStr for Rate {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let trimmed = RATE.begin(text)?;
        let (decimal, seconds, rest) = RATE.part(trimmed, trimmed)?;
        if !rest.is_empty() {
            return Err(UnitError::NotANumber {
                text: trimmed.to_owned(),
                what: RATE.what,
                example: RATE.example,
            });
        }
        // One division of two exactly held numbers is rounded once, and equally on every platform.
        let divisor = 10_u128.pow(decimal.places) * u128::from(seconds);
        Ok(Self(decimal.digits as f64 / divisor as f64))
    }
}

/// Writes `value` with the largest unit that divides it.
fn largest(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let divides = |(_, factor): &&(&str, u64)| value != 0 && value.is_multiple_of(*factor);
    let (name, factor) = units.iter().rfind(divides).unwrap_or(&units[0]);
    write!(f, "{}{name}", value / factor)
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        largest(
            f,
            self.0,
            &[
                ("B", 1),
                ("KiB", 1 << 10),
                ("MiB", 1 << 20),
                ("GiB", 1 << 30),
            ],
        )
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let units = [
            ("ns", 1),
            ("us", 1_000),
            ("ms", 1_000_000),
            ("s", 1_000_000_000),
            ("m", 60_000_000_000),
            ("h", 3_600_000_000_000),
        ];
        largest(f, self.0, &units)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            ("bit/s", 1),
            ("kbit/s", 1_000),
            ("Mbit/s", 1_000_000),
            ("Gbit/s", 1_000_000_000),
        ];
        largest(f, self.0, &units)
    }
}

#[cfg(test)]
mod tests;
