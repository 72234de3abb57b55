//! The published JSON Schema of the language, for editors.

use schemars::Schema;
use schemars::generate::SchemaSettings;

use super::{SCHEMA, Scenario};

/// The JSON Schema of scenario files, draft 2020-12.
#[must_use]
pub fn json_schema() -> Schema {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Scenario>();
    schema.insert("title".to_owned(), "cdnlab scenario".into());
    if let Some(version) = schema
        .pointer_mut("/properties/schema")
        .and_then(|version| version.as_object_mut())
    {
        version.retain(|key, _| key == "description");
        version.insert("const".to_owned(), SCHEMA.into());
    }
    schema
}

/// The same as text, as `scenarios/schema.json` holds it.
#[must_use]
pub fn json_schema_text() -> String {
    // A schema is plain JSON and always has a text.
    let mut text = serde_json::to_string_pretty(&json_schema()).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_published_schema_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/schema.json");
        let text = super::json_schema_text();
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, &text).unwrap_or_else(|error| panic!("{error}"));
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            published == text,
            "scenarios/schema.json is out of date: run this test with UPDATE_SCHEMA=1"
        );
    }
}
