//! CSV with one number per row.

use serde_json::{Map, Value};

use super::guarded;
use crate::report::Report;

/// Fields that name a row of a table, in the order of preference.
const NAMES: [&str; 8] = [
    "name", "class", "cause", "status", "by", "of", "what", "event",
];

/// Every table of a report, in the columns `variant`, `table`, `row`, `column`, `value` (empty where there are no samples) and
/// `samples` (empty where it is no figure with samples). Times are in seconds, sizes in bytes, shares between 0 and 1; rows of
/// `series` are named by the second at which they begin. Text that a spreadsheet would take for a formula begins with `'`.
///
/// # Errors
/// None that is known: a report is plain JSON, and memory can be written to.
pub fn csv(report: &Report) -> Result<String, csv::Error> {
    let mut rows = Rows {
        writer: csv::Writer::from_writer(Vec::new()),
        variant: String::new(),
    };
    rows.writer
        .write_record(["variant", "table", "row", "column", "value", "samples"])?;
    let value = serde_json::to_value(report)
        .map_err(|error| csv::Error::from(std::io::Error::other(error)))?;
    for (index, verdict) in value["expectations"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        rows.variant = text(&verdict["variant"]);
        let name = format!("{} {}", index + 1, text(&verdict["expectation"]));
        rows.fields("expectations", &name, "", verdict)?;
    }
    for variant in value["variants"].as_array().into_iter().flatten() {
        rows.variant = text(&variant["name"]);
        for (table, content) in variant.as_object().into_iter().flatten() {
            rows.table(table, "", content)?;
        }
    }
    let bytes = rows
        .writer
        .into_inner()
        .map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

struct Rows {
    writer: csv::Writer<Vec<u8>>,
    variant: String,
}

impl Rows {
    /// A field of a variant: a table, a group of fields, or a single number.
    fn table(&mut self, table: &str, row: &str, content: &Value) -> Result<(), csv::Error> {
        match content {
            Value::Array(rows) => {
                for (index, one) in rows.iter().enumerate() {
                    let name = joined(row, &name(one, index), " / ");
                    self.fields(table, &name, "", one)?;
                }
                Ok(())
            }
            Value::Object(fields) if table == "series" => self.series(table, fields),
            other => self.fields(table, row, "", other),
        }
    }

    /// The numbers of one row. Tables within it are tables of their own.
    fn fields(
        &mut self,
        table: &str,
        row: &str,
        column: &str,
        content: &Value,
    ) -> Result<(), csv::Error> {
        match content {
            Value::Object(fields) => {
                if let (Some(value), Some(samples), 2) =
                    (fields.get("value"), fields.get("samples"), fields.len())
                {
                    return self.number(table, row, column, value, Some(samples));
                }
                for (name, content) in fields {
                    match content {
                        Value::Array(parts) if parts.iter().all(Value::is_object) => {
                            self.table(
                                &joined(table, &joined(column, name, "."), "."),
                                row,
                                content,
                            )?;
                        }
                        _ => self.fields(table, row, &joined(column, name, "."), content)?,
                    }
                }
                Ok(())
            }
            Value::Array(list) => {
                for (index, one) in list.iter().enumerate() {
                    self.fields(table, row, &joined(column, &index.to_string(), "."), one)?;
                }
                Ok(())
            }
            // What is left out of a name is no number.
            Value::Null if column.ends_with("reading") || column == "rule" => Ok(()),
            Value::Number(_) | Value::Null => self.number(table, row, column, content, None),
            Value::Bool(flag) => {
                self.number(table, row, column, &Value::from(u8::from(*flag)), None)
            }
            // Names of rows stand in `row`.
            Value::String(_) => Ok(()),
        }
    }

    fn series(&mut self, table: &str, fields: &Map<String, Value>) -> Result<(), csv::Error> {
        let width = fields
            .get("bucket_seconds")
            .and_then(Value::as_f64)
            .unwrap_or(0.0);
        let mut lists = Vec::new();
        collect("", &Value::Object(fields.clone()), &mut lists);
        for (column, list) in lists {
            for (index, value) in list.iter().enumerate() {
                let begin = crate::metrics::tidy(index as f64 * width);
                self.number(table, &begin.to_string(), &column, value, None)?;
            }
        }
        Ok(())
    }

    fn number(
        &mut self,
        table: &str,
        row: &str,
        column: &str,
        value: &Value,
        samples: Option<&Value>,
    ) -> Result<(), csv::Error> {
        let shown = |value: Option<&Value>| {
            value
                .filter(|value| value.is_number())
                .map_or(String::new(), Value::to_string)
        };
        let words = [&self.variant, table, row, column].map(guarded);
        self.writer
            .write_record(words.iter().chain(&[shown(Some(value)), shown(samples)]))
    }
}

/// Lists of numbers with the names of the fields that lead to them.
fn collect(column: &str, value: &Value, lists: &mut Vec<(String, Vec<Value>)>) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| collect(&joined(column, name, "."), value, lists)),
        Value::Array(list) => lists.push((column.to_owned(), list.clone())),
        _ => {}
    }
}

fn joined(first: &str, second: &str, with: &str) -> String {
    match (first, second) {
        ("", one) | (one, "") => one.to_owned(),
        (first, second) => format!("{first}{with}{second}"),
    }
}

fn name(row: &Value, index: usize) -> String {
    let named = NAMES
        .iter()
        .map(|field| &row[*field])
        .find(|value| value.is_string() || value.is_number());
    let nested = || {
        ["total", "spot"]
            .map(|field| &row[field]["name"])
            .into_iter()
            .find(|value| value.is_string())
    };
    let name = named
        .or_else(nested)
        .map_or_else(|| index.to_string(), text);
    // An event has a row per region.
    let region = row["region"]
        .as_str()
        .filter(|_| row.get("event").is_some());
    let rule = row["rule"].as_str();
    joined(
        &joined(&name, region.unwrap_or(""), " / "),
        rule.unwrap_or(""),
        " / ",
    )
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
