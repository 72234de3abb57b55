//! How quantities are read from files, and how the JSON Schema describes them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::{BIT_RATE, BitRate, RATE, Rate, SIZE, SPAN, Size, Span, UnitError};

/// Gives a quantity its serde and its schema: it is a string, and a bare number is refused with a hint.
macro_rules! written {
    ($type:ident, $kind:ident, $bare:expr, $pattern:literal, $about:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Written;
                impl Visitor<'_> for Written {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "{} such as {}", $kind.what, $kind.example)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                    fn visit_u64<E: de::Error>(self, number: u64) -> Result<$type, E> {
                        let bare: fn(u64) -> Option<$type> = $bare;
                        bare(number).ok_or_else(|| {
                            E::custom(UnitError::NoUnit {
                                text: number.to_string(),
                                what: $kind.what,
                                example: $kind.example,
                            })
                        })
                    }
                    fn visit_i64<E: de::Error>(self, number: i64) -> Result<$type, E> {
                        match u64::try_from(number) {
                            Ok(number) => self.visit_u64(number),
                            Err(_) => {
                                Err(E::custom(UnitError::Negative { text: number.to_string(), what: $kind.what }))
                            }
                        }
                    }
                    fn visit_f64<E: de::Error>(self, number: f64) -> Result<$type, E> {
                        Err(E::custom(UnitError::NoUnit {
                            text: number.to_string(),
                            what: $kind.what,
                            example: $kind.example,
                        }))
                    }
                }
                deserializer.deserialize_any(Written)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": ["string", "integer"], "pattern": $pattern, "description": $about })
            }
        }
    };
}

written!(
    Size,
    SIZE,
    |bytes| Some(Size(bytes)),
    r"^[0-9.]+ ?(B|[kK]B|KiB|MB|MiB|GB|GiB|TB|TiB)$",
    "A size, such as 512B, 12KiB or 64MiB; a bare number is bytes."
);
written!(
    Span,
    SPAN,
    |n| (n == 0).then_some(Span(0)),
    r"^([0-9.]+ ?(ns|us|µs|ms|s|m|min|h|d))+$",
    "A duration, such as 250ms, 20s, 5m or 1m30s; of bare numbers only 0."
);
written!(
    Rate,
    RATE,
    |n| (n == 0).then_some(Rate(0.0)),
    r"^[0-9.]+ ?/(s|m|min|h|d)$",
    "A rate, such as 100/s, 30/m or 5000/h; of bare numbers only 0."
);
written!(
    BitRate,
    BIT_RATE,
    |_| None,
    r"^[0-9.]+ ?[kMG]?(bit/s|bps)$",
    "A bit rate, such as 10Mbit/s or 1Gbit/s."
);
