//! `Vary` (RFC 9111 section 4.1): which request fields select among stored responses, and the
//! variant that a request's fields name. Knows nothing about the store.

use http::{HeaderMap, HeaderName, header};
use serde::{Deserialize, Serialize};

use crate::fields::list;

/// What a response says about the requests it can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vary {
    /// All requests for its target URI.
    None,
    /// Requests with the same values in these fields.
    Fields(SelectingFields),
    /// No other request: `*`.
    Star,
}

impl Vary {
    /// What a response says, all lines of Vary taken together. A member that is no field name can
    /// match nothing and counts as `*`.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut names = Vec::new();
        for member in list(headers, &header::VARY) {
            match HeaderName::from_bytes(member) {
                _ if member == b"*" => return Self::Star,
                Ok(name) => names.push(name),
                Err(_) => return Self::Star,
            }
        }
        if names.is_empty() {
            return Self::None;
        }
        Self::Fields(SelectingFields::new(names))
    }
}

/// The request fields that a resource's responses vary on: sorted, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectingFields(Box<[HeaderName]>);

impl SelectingFields {
    /// From names as [`SelectingFields::names`] gave them, in any order.
    pub fn new(mut names: Vec<HeaderName>) -> Self {
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        Self(names.into())
    }

    /// No fields: what a response without Vary is stored under beside those that have one.
    pub fn none() -> Self {
        Self(Box::default())
    }

    /// The names.
    pub fn names(&self) -> &[HeaderName] {
        &self.0
    }

    /// The variant that a request's fields name, values normalised: field lines joined, white
    /// space, case and order brought to one form where they mean the same (section 4.1).
    pub fn variant(&self, request: &HeaderMap, rules: &[Normalise]) -> Variant {
        self.variant_for(request, rules, None)
    }

    /// The same, as if the request's Accept-Language were the one that `accepted` was made from.
    pub fn variant_for(
        &self,
        request: &HeaderMap,
        rules: &[Normalise],
        accepted: Option<&AcceptedLanguages>,
    ) -> Variant {
        let mut text = String::new();
        for (at, name) in self.0.iter().enumerate() {
            if at > 0 {
                text.push('\n');
            }
            match accepted {
                Some(accepted) if *name == header::ACCEPT_LANGUAGE => text.push_str(&accepted.0),
                _ => push_field(&mut text, name, request, rules),
            }
        }
        Variant(text.into())
    }

    /// What of a request's variant comes from its Accept-Language, if that is one of these fields.
    pub fn accepted_languages(
        &self,
        request: &HeaderMap,
        rules: &[Normalise],
    ) -> Option<AcceptedLanguages> {
        let varies = self.0.contains(&header::ACCEPT_LANGUAGE);
        // Where a rule brings it to a few values, languages are told apart already.
        let ruled = rules.iter().any(|rule| is(rule, &header::ACCEPT_LANGUAGE));
        (varies && !ruled).then(|| {
            let mut text = String::new();
            push_field(&mut text, &header::ACCEPT_LANGUAGE, request, rules);
            AcceptedLanguages(text.into())
        })
    }
}

/// The values of selecting fields that name one variant, normalised.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Variant(Box<str>);

impl Variant {
    /// The normalised values, one line per selecting field.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The part of a [`Variant`] that comes from Accept-Language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedLanguages(Box<str>);

impl AcceptedLanguages {
    /// As text, from which [`AcceptedLanguages::from_text`] makes it again.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What was read back.
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }
}

/// The language of a response, lower case, if it is in exactly one.
pub fn content_language(response: &HeaderMap) -> Option<String> {
    let mut members = list(response, &header::CONTENT_LANGUAGE);
    let (one, None) = (members.next()?, members.next()) else {
        return None;
    };
    let one = std::str::from_utf8(one).ok()?;
    Some(one.to_ascii_lowercase())
}

/// The languages that a request wants most, lower case: those of the highest weight. Among them
/// order means nothing (RFC 9110 section 12.5.4).
pub fn wanted_languages(request: &HeaderMap) -> Vec<String> {
    let lines: Vec<&str> = request
        .get_all(header::ACCEPT_LANGUAGE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    let members = weighted(&lines.join(","));
    let most = members.first().map_or(0, |(_, weight)| *weight);
    members
        .into_iter()
        .filter(|(tag, weight)| *weight == most && most > 0 && tag != "*")
        .map(|(tag, _)| tag)
        .collect()
}

/// Brings a request field to one of a few values, in the key and towards upstream alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalise {
    /// The field's name.
    pub field: String,
    /// The values that are told apart; the first is taken where none is asked for. Lower case.
    pub values: Vec<String>,
}

impl Normalise {
    /// The value that stands for what a client sent: of its list, the most wanted that is among
    /// ours (a language such as `de-at` also finds `de`); without any, the first of ours.
    pub fn apply<'a>(&'a self, sent: &str) -> &'a str {
        let wanted = weighted(sent);
        let known = |token: &str| self.values.iter().find(|value| *value == token);
        wanted
            .iter()
            .filter(|(_, weight)| *weight > 0)
            .find_map(|(token, _)| {
                known(token).or_else(|| known(token.split('-').next().unwrap_or_default()))
            })
            .or(self.values.first())
            .map_or("", String::as_str)
    }
}

fn push_field(text: &mut String, name: &HeaderName, request: &HeaderMap, rules: &[Normalise]) {
    let mut lines = request.get_all(name).iter().peekable();
    if lines.peek().is_none() && !rules.iter().any(|rule| is(rule, name)) {
        // An absent field is not the same as an empty one.
        text.push('-');
        return;
    }
    let mut joined = String::new();
    for line in lines {
        if !joined.is_empty() {
            joined.push(',');
        }
        // A line feed cannot stand in a field, so values can't run into each other.
        joined.extend(line.as_bytes().iter().map(|byte| char::from(*byte)));
    }
    if let Some(rule) = rules.iter().find(|rule| is(rule, name)) {
        text.push('=');
        text.push_str(rule.apply(&joined));
        return;
    }
    text.push('=');
    if *name == header::ACCEPT_ENCODING || *name == header::ACCEPT_LANGUAGE {
        for (token, weight) in weighted(&joined) {
            text.push_str(&token);
            text.push_str(&format!(";{weight},"));
        }
        return;
    }
    for (at, member) in crate::fields::split(joined.as_bytes()).enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.extend(member.iter().map(|byte| char::from(*byte)));
    }
}

fn is(rule: &Normalise, name: &HeaderName) -> bool {
    rule.field.eq_ignore_ascii_case(name.as_str())
}

/// The members of a list with q-values, lower case, most wanted first, then by name. Weights are
/// in thousandths; a malformed one counts as 1.
fn weighted(value: &str) -> Vec<(String, u16)> {
    let mut members: Vec<(String, u16)> = value
        .split(',')
        .filter_map(|member| {
            let (token, parameters) = member.split_once(';').unwrap_or((member, ""));
            let token = token.trim().to_ascii_lowercase();
            (!token.is_empty()).then(|| (token, weight(parameters)))
        })
        .collect();
    members.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    members.dedup();
    members
}

fn weight(parameters: &str) -> u16 {
    let q = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("q")
            .then_some(value.trim())
    });
    let Some(q) = q else { return 1000 };
    let (whole, fraction) = q.split_once('.').unwrap_or((q, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "0" if digits => format!("{fraction:0<3}").parse().unwrap_or(1000),
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        headers
    }

    #[test]
    fn star_anywhere() {
        for lines in [
            &[("vary", "*")][..],
            &[("vary", "accept, *")],
            &[("vary", "accept"), ("vary", " , *")],
            &[("vary", "a b")],
        ] {
            assert_eq!(Vary::of(&headers(lines)), Vary::Star, "{lines:?}");
        }
        assert_eq!(Vary::of(&headers(&[("vary", " , ")])), Vary::None);
    }

    #[test]
    fn lines_are_combined() {
        let one = Vary::of(&headers(&[("vary", "Foo, accept"), ("vary", "foo")]));
        let two = Vary::of(&headers(&[("vary", "ACCEPT,FOO")]));
        assert_eq!(one, two);
    }

    #[test]
    fn the_same_in_other_words() {
        let check = |field: &'static str, a: &'static str, b: &'static str, same: bool| {
            let Vary::Fields(fields) = Vary::of(&headers(&[("vary", field)])) else {
                panic!("fields");
            };
            let of = |value| {
                let value = HeaderValue::from_static(value);
                let mut headers = HeaderMap::new();
                headers.insert(HeaderName::from_static(field), value);
                fields.variant(&headers, &[])
            };
            assert_eq!(of(a) == of(b), same, "{a} {b}");
        };
        check("foo", "1", "1", true);
        check("foo", "1", "2", false);
        check("foo", "1,2", "1,  2", true);
        check("foo", "1,2", "2,1", false);
        check("foo", "a", "A", false);
        check("foo", "\"a,  b\"", "\"a, b\"", false);
        check("accept-language", "en, de", "DE,en", true);
        check(
            "accept-language",
            "en;q=0.5, de",
            "de;q=1.0, en;q=0.500",
            true,
        );
        check("accept-language", "en;q=0.5, de", "en, de;q=0.5", false);
        check("accept-encoding", "gzip, br", "br,  gzip", true);
        check("accept-encoding", "gzip, br;q=0", "gzip", false);
    }

    #[test]
    fn languages() {
        let check = |asked: &'static str, expected: &[&str]| {
            let found = wanted_languages(&headers(&[("accept-language", asked)]));
            assert_eq!(found, expected, "{asked}");
        };
        check("fr, DE", &["de", "fr"]);
        check("fr;q=0.9, de, en-GB", &["de", "en-gb"]);
        check("fr;q=0.9, de;q=0.8", &["fr"]);
        check("*, de;q=0.8", &[]);
        check("de;q=0", &[]);
        check("", &[]);
        assert_eq!(
            content_language(&headers(&[("content-language", "DE ")])).as_deref(),
            Some("de")
        );
        assert_eq!(
            content_language(&headers(&[("content-language", "de, en")])),
            None
        );
        assert_eq!(content_language(&headers(&[])), None);

        let Vary::Fields(fields) = Vary::of(&headers(&[("vary", "accept-language, foo")])) else {
            panic!("fields");
        };
        let first = headers(&[("accept-language", "en, de"), ("foo", "1")]);
        let second = headers(&[("accept-language", "fr, de"), ("foo", "1")]);
        let accepted = fields
            .accepted_languages(&first, &[])
            .expect("it varies on languages");
        assert_ne!(fields.variant(&first, &[]), fields.variant(&second, &[]));
        assert_eq!(
            fields.variant(&first, &[]),
            fields.variant_for(&second, &[], Some(&accepted))
        );
        assert_eq!(
            SelectingFields::none().accepted_languages(&first, &[]),
            None
        );
    }

    #[test]
    fn absent_is_not_empty() {
        let fields = SelectingFields(vec![HeaderName::from_static("foo")].into());
        let absent = fields.variant(&HeaderMap::new(), &[]);
        assert_ne!(absent, fields.variant(&headers(&[("foo", "")]), &[]));
        assert_ne!(absent, fields.variant(&headers(&[("foo", "-")]), &[]));
    }

    #[test]
    fn few_values() {
        let rule = Normalise {
            field: "Accept-Language".into(),
            values: vec!["en".into(), "de".into()],
        };
        assert_eq!(rule.apply("fr, de-AT;q=0.8, en;q=0.3"), "de");
        assert_eq!(rule.apply("fr, de;q=0"), "en");
        assert_eq!(rule.apply(""), "en");
        // It holds for its own field alone.
        let Vary::Fields(fields) = Vary::of(&headers(&[("vary", "accept-language, foo")])) else {
            panic!("fields");
        };
        let of = |language: &'static str, foo: &'static str| {
            let asked = headers(&[("accept-language", language), ("foo", foo)]);
            fields.variant(&asked, std::slice::from_ref(&rule))
        };
        assert_eq!(of("de", "1"), of("de-AT, fr;q=0.1", "1"));
        assert_ne!(of("de", "1"), of("de", "2"));
    }

    #[test]
    fn weights_have_three_digits_at_most() {
        let check = |asked: &'static str, expected: u16| {
            let found: Vec<_> = weighted(asked)
                .into_iter()
                .map(|(_, weight)| weight)
                .collect();
            assert_eq!(found, [expected], "{asked}");
        };
        check("de;q=0.5", 500);
        check("de;q=0.055", 55);
        check("de;q=0", 0);
        check("de;q=1.000", 1000);
        // Malformed ones count as 1.
        check("de;q=0.0001", 1000);
        check("de;q=0.x", 1000);
        check("de;q=2", 1000);
    }
}
