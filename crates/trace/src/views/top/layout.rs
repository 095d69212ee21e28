//! What a table looks like on a page, as text and as JSON, and how it stands still on a screen.

use rustc_hash::FxHashMap;
use serde_json::{Value as Json, json};

use crate::views::page::{Page, bytes, hundredths, number, span};

/// How wide columns are.
const WIDTH: usize = 20;
/// What stands between the keys of a row while it is counted.
pub(in crate::views) const BETWEEN: &[u8] = b"\x01\x01";

/// What a table looks like.
pub(in crate::views) struct Layout {
    /// Fields, as JSON names them.
    pub(in crate::views) names: Vec<String>,
    /// What they are called.
    pub(in crate::views) titles: Vec<String>,
    /// The field of the number.
    pub(in crate::views) value: String,
    /// What it is called.
    pub(in crate::views) title: String,
    /// No more rows than these, if not zero.
    pub(in crate::views) rows: usize,
    /// What the number is.
    pub(in crate::views) unit: String,
}

impl Layout {
    /// Writes the largest of `sums`. Those that are equally large stand in the order of their keys.
    pub(in crate::views) fn write(&self, sums: &FxHashMap<Box<[u8]>, f64>, time: u64, length: u64, page: &mut Page) {
        let mut rows: Vec<_> = sums.iter().map(|(key, value)| (&key[..], *value)).collect();
        rows.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(other.0)));
        if self.rows > 0 {
            rows.truncate(self.rows);
        }
        if page.is_json() {
            return page_json(self, &rows, time, page);
        }
        let (room, start) = (page.room(), page.text.len());
        if let Some((fit, _)) = room {
            rows.truncate(fit);
        }
        page.column(self.title.as_bytes(), WIDTH);
        for title in &self.titles {
            page.column(title.as_bytes(), WIDTH);
        }
        page.line(b"").line([b'-'; 80]);
        for (key, value) in rows {
            let shown = match self.unit.as_str() {
                "bytes" => bytes(value).into_bytes(),
                "time" => span(value).into_bytes(),
                "timepct" if length > 0 => (hundredths(value / length as f64 * 100.0) + "%").into_bytes(),
                "timepct" => b"0.00%".to_vec(),
                _ => number(value),
            };
            page.column(&shown, WIDTH);
            let mut keys = split(key).peekable();
            while let Some(key) = keys.next() {
                if keys.peek().is_some() {
                    page.column(key, WIDTH);
                } else {
                    page.line(key);
                }
            }
        }
        if let Some((_, width)) = room {
            page.cut_lines(start, width);
        }
    }
}

/// The same as one JSON object, with the names that sysdig gives its parts.
fn page_json(layout: &Layout, rows: &[(&[u8], f64)], time: u64, page: &mut Page) {
    let whole =
        |value: f64| if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) };
    let data = rows.iter().map(|(key, value)| {
        let keys = split(key).map(|key| Json::from(String::from_utf8_lossy(key)));
        keys.chain([whole(*value)]).collect::<Json>()
    });
    let column = |name: &String, title: &String, key: bool| json!({"name": name, "desc": title, "is_key": key});
    let keys = layout.names.iter().zip(&layout.titles).map(|(name, title)| column(name, title, true));
    let info: Json = keys.chain([column(&layout.value, &layout.title, false)]).collect();
    let time = format!("{}000000000", time / 1_000_000_000);
    page.line(json!({"ts": time, "info": info, "data": data.collect::<Json>()}).to_string());
}

fn split(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(key);
    std::iter::from_fn(move || {
        let whole = rest?;
        let at = whole.windows(BETWEEN.len()).position(|window| window == BETWEEN);
        rest = at.map(|at| &whole[at + BETWEEN.len()..]);
        Some(at.map_or(whole, |at| &whole[..at]))
    })
}

/// Tables of what happens now stand still on a screen.
pub(in crate::views) fn hide_cursor(page: &mut Page) {
    if page.is_live_screen() {
        page.wipe();
        page.put(b"\x1b[?25l");
    }
}

/// What [`hide_cursor`] did ends.
pub(in crate::views) fn show_cursor(page: &mut Page) {
    if page.is_live_screen() {
        page.put(b"\x1b[?25h");
    }
}
