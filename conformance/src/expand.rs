//! Families: one case with a table of values becomes a case for each row. Knows nothing of what a case is.

use serde_json::{Map, Value};

/// The cases of one entry. `each` maps names to lists (all combinations), `rows` is a list of maps; in the rest `${name}`
/// stands for the value, a string that is nothing else takes the value's type.
///
/// # Errors
/// A sentence that says what is wrong with the table.
pub(crate) fn expand(entry: Value) -> Result<Vec<Value>, String> {
    let Value::Object(mut entry) = entry else {
        return Err("a case is a map".to_owned());
    };
    let rows = rows(entry.remove("rows"))?;
    let combinations = combinations(entry.remove("each"))?;
    let entry = Value::Object(entry);
    let mut cases = Vec::with_capacity(rows.len() * combinations.len());
    for row in &rows {
        for combination in &combinations {
            let mut values = row.clone();
            values.extend(combination.clone());
            cases.push(substitute(&entry, &values)?);
        }
    }
    Ok(cases)
}

fn rows(table: Option<Value>) -> Result<Vec<Map<String, Value>>, String> {
    match table {
        None => Ok(vec![Map::new()]),
        Some(Value::Array(rows)) => rows
            .into_iter()
            .map(|row| match row {
                Value::Object(row) => Ok(row),
                _ => Err("each of `rows` is a map".to_owned()),
            })
            .collect(),
        Some(_) => Err("`rows` is a list of maps".to_owned()),
    }
}

fn combinations(table: Option<Value>) -> Result<Vec<Map<String, Value>>, String> {
    let mut all = vec![Map::new()];
    let Some(table) = table else { return Ok(all) };
    let Value::Object(table) = table else {
        return Err("`each` maps names to lists".to_owned());
    };
    for (name, values) in table {
        let Value::Array(values) = values else {
            return Err(format!("`each.{name}` is a list"));
        };
        all = all
            .iter()
            .flat_map(|so_far| {
                values.iter().map(|value| {
                    let mut more = so_far.clone();
                    more.insert(name.clone(), value.clone());
                    more
                })
            })
            .collect();
    }
    Ok(all)
}

fn substitute(value: &Value, values: &Map<String, Value>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => fill(text, values)?,
        Value::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| substitute(item, values))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, item)| Ok((key.clone(), substitute(item, values)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => other.clone(),
    })
}

fn fill(text: &str, values: &Map<String, Value>) -> Result<Value, String> {
    let value = |name: &str| {
        values
            .get(name)
            .ok_or_else(|| format!("`${{{name}}}` is in neither `each` nor `rows`"))
    };
    if let Some(name) = text
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        && !name.contains('}')
    {
        return value(name).cloned();
    }
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| format!("`{text}`: `${{` without `}}`"))?;
        filled.push_str(before);
        match value(name)? {
            Value::String(text) => filled.push_str(text),
            other => filled.push_str(&other.to_string()),
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(Value::String(filled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_and_combinations_multiply() {
        let entry = json!({
            "id": "${a}-${b}-${c}", "status": "${b}",
            "rows": [{"a": "x"}, {"a": "y"}], "each": {"b": [1, 2], "c": ["p"]},
        });
        let cases = expand(entry).expect("a table");
        let ids: Vec<_> = cases.iter().map(|case| case["id"].clone()).collect();
        assert_eq!(ids, ["x-1-p", "x-2-p", "y-1-p", "y-2-p"]);
        assert_eq!(cases[1]["status"], json!(2), "a number stays one");
    }

    #[test]
    fn what_is_not_in_the_table_is_an_error() {
        assert!(expand(json!({"id": "${a}"})).is_err());
        assert!(expand(json!({"id": "a", "each": {"b": 1}})).is_err());
        assert!(expand(json!({"id": "a", "rows": {"b": 1}})).is_err());
    }
}
