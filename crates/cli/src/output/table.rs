//! Columns of text: as wide as their widest cell, two spaces between, titles in capitals as docker and kubectl have.

use fathom_model::field::Shown;
use fathom_model::quantity::show_age;
use fathom_model::{Field, Kind, Value};

pub(super) fn render<T>(fields: &[Field<T>], records: &[T], wide: bool) -> String {
    let columns: Vec<&Field<T>> = fields.iter().filter(|field| wide || field.shown == Shown::Always).collect();
    let mut rows: Vec<Vec<String>> = vec![columns.iter().map(|field| field.name.to_uppercase()).collect()];
    rows.extend(records.iter().map(|record| columns.iter().map(|field| cell(&(field.get)(record))).collect()));
    let widths: Vec<usize> = (0..columns.len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    rows.iter().map(|row| line(row, &widths, &columns)).collect()
}

fn line<T>(row: &[String], widths: &[usize], columns: &[&Field<T>]) -> String {
    let mut text = String::new();
    for (index, cell) in row.iter().enumerate() {
        let space = " ".repeat(widths[index] - cell.chars().count());
        // Numbers end where their column ends, so that they can be compared.
        if columns[index].kind == Kind::Number {
            text.extend([space.as_str(), cell]);
        } else {
            text.extend([cell, space.as_str()]);
        }
        text.push_str("  ");
    }
    format!("{}\n", text.trim_end())
}

/// Control characters of foreign names must not reach the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// One cell.
pub(super) fn cell(value: &Value<'_>) -> String {
    match value {
        Value::Unknown => "-".to_owned(),
        Value::Text(text) => printable(text),
        Value::Id(_, short) => printable(short),
        Value::Number(number) => number.to_string(),
        Value::Age(age) => show_age(*age),
        Value::Pairs(pairs) => pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(","),
        Value::Bytes(bytes) => printable(&String::from_utf8_lossy(bytes)),
        Value::Unsigned(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Address(address) => address.to_string(),
        Value::Addresses(ends) => ends.map(|end| end.to_string()).join(","),
        Value::Ports(ends) => ends.map(|end| end.to_string()).join(","),
        Value::Any(values) => values.iter().map(cell).collect::<Vec<_>>().join(","),
    }
}
