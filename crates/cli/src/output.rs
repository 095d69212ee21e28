//! Records as text: tables, JSON, YAML, names. All of them read the record's field table, so that a column, a JSON
//! key and a page of the reference are one row.

pub(crate) mod doctor;
pub(crate) mod lines;
pub(crate) mod markdown;
pub(crate) mod nested;
pub(crate) mod sessions;
mod table;
mod yaml;

use fathom_model::{Field, Value};
use serde_json::{Map, Value as Json};

use crate::words::Format;

/// All of `records` in one of the formats, ending with a newline.
pub(crate) fn records<T>(fields: &[Field<T>], records: &[T], format: Format) -> anyhow::Result<String> {
    let object = |record: &T| {
        Json::Object(
            fields.iter().map(|field| (field.name.to_owned(), json(&(field.get)(record)))).collect::<Map<_, _>>(),
        )
    };
    Ok(match format {
        Format::Table | Format::Wide => table::render(fields, records, format == Format::Wide),
        // One object per line, as for everything that streams.
        Format::Json => records.iter().map(|record| format!("{}\n", object(record))).collect(),
        Format::Yaml => records.iter().map(|record| yaml::document(&object(record))).collect(),
        Format::Name => records.iter().map(|record| format!("{}\n", table::cell(&(fields[0].get)(record)))).collect(),
    })
}

fn json(value: &Value<'_>) -> Json {
    match value {
        Value::Unknown => Json::Null,
        Value::Text(text) => text.as_ref().into(),
        Value::Id(full, _) => (*full).into(),
        Value::Number(number) => (*number).into(),
        Value::Age(age) => age.as_secs().into(),
        Value::Pairs(pairs) => {
            Json::Object(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect())
        }
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).as_ref().into(),
        Value::Unsigned(number) => (*number).into(),
        Value::Real(number) => (*number).into(),
        Value::Flag(flag) => (*flag).into(),
        Value::Address(address) => address.to_string().into(),
        Value::Addresses(ends) => ends.map(|end| Json::from(end.to_string())).to_vec().into(),
        Value::Ports(ends) => ends.map(Json::from).to_vec().into(),
        Value::Any(values) => values.iter().map(json).collect(),
    }
}
