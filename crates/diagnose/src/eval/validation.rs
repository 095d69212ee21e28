//! What the API server answers to what was written, before anybody else looks at it: types, bounds and names of fields,
//! and what must agree with what (k8s.io/kubernetes/pkg/apis/*/validation). Only what every version that is still
//! supported refuses; of unknown fields only those that people mix up.

mod names;
mod objects;
mod pods;
mod rows;

use crate::eval::template::Template;
use crate::eval::versions;
use crate::kinds;
use crate::object::{Fields as _, Object};
use crate::quantity;
use crate::value::Value;

/// A field that is refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// The pointer to it, or to where it is missing.
    pub at: String,
    /// `Invalid value: -1: must be greater than or equal to 0`.
    pub says: String,
    /// What would be right, where that can be told: pointer and value.
    pub right: Option<(String, Value)>,
}

impl Fault {
    fn new(at: impl Into<String>, says: impl Into<String>) -> Fault {
        Fault { at: at.into(), says: says.into(), right: None }
    }

    /// To be mended at the same place.
    fn mended(self, right: impl Into<Value>) -> Fault {
        let at = self.at.clone();
        self.mended_at(at, right)
    }

    fn mended_at(mut self, at: impl Into<String>, right: impl Into<Value>) -> Fault {
        self.right = Some((at.into(), right.into()));
        self
    }

    /// As the API server writes it: `spec.ports[0].port: Invalid value: …`.
    pub fn shown(&self) -> String {
        format!("{}: {}", path(&self.at), self.says)
    }
}

/// A pointer as the API server writes it.
pub fn path(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        match part.parse::<usize>() {
            Ok(index) => path.push_str(&format!("[{index}]")),
            Err(_) if part.contains(['.', '/']) => path.push_str(&format!("[{part}]")),
            Err(_) if path.is_empty() => path.push_str(&part),
            Err(_) => path.push_str(&format!(".{part}")),
        }
    }
    path
}

/// What a field must be.
#[derive(Debug, Clone, Copy)]
enum Must {
    /// Text.
    Text,
    /// A whole number.
    Whole,
    /// true or false.
    Flag,
    /// A quantity.
    Amount,
    /// A whole number of at least this.
    From(i64),
    /// A whole number between these.
    Between(i64, i64),
    /// One of these words.
    One(&'static [&'static str]),
    /// The number of a port, or the name of one.
    Port,
    /// A whole number, or a share such as `25%`.
    Share,
    /// Text of this form.
    Named(names::Form),
    /// A list.
    List,
    /// Not there: kubectl refuses a field that the kind does not have.
    Absent,
}

/// A field and what it must be; `*` is any key or index.
type Row = (&'static str, Must);

/// Everything about an object that is refused; nothing of a kind, or a version of it, that is not known here.
pub fn faults(object: &Object) -> Vec<Fault> {
    let version = object.text("/apiVersion");
    if let Some(right) = versions::never(version, &object.id.kind) {
        let says = format!("no matches for kind \"{}\" in version \"{version}\"", object.id.kind);
        return vec![Fault::new("/apiVersion", says).mended(right)];
    }
    if !is_current(object) {
        return Vec::new();
    }
    let mut faults = rows::faults(object);
    faults.extend(objects::faults(object));
    if let Some(template) = Template::of(object) {
        faults.extend(pods::faults(&template));
    }
    // What has no right type, or no right value, need not be said again.
    let mut known: Vec<String> = Vec::new();
    faults.retain(|fault| {
        let new = !known.contains(&fault.at);
        known.push(fault.at.clone());
        new
    });
    faults
}

/// Whether an object is of a kind that is known here, in a version that is served.
pub fn is_current(object: &Object) -> bool {
    let version = object.text("/apiVersion");
    let known = kinds::of_name(&object.id.kind);
    let is_own = known.is_some_and(|kind| kind.group == versions::group(version) || version.is_empty());
    is_own && versions::find(version, &object.id.kind).is_none()
}

/// What somebody else fills in before it is applied: nothing is known of it.
pub fn is_placeholder(text: &str) -> bool {
    ["${", "$(", "{{", "<%"].iter().any(|begin| text.contains(begin))
}

/// The places that a pattern leads to, and what is there.
fn places<'a>(value: &'a Value, pattern: &str) -> Vec<(String, &'a Value)> {
    let mut found = vec![(String::new(), value)];
    for part in pattern.split('/').skip(1) {
        let mut next = Vec::new();
        for (at, value) in found {
            match (part, value) {
                ("*", Value::Array(list)) => {
                    next.extend(list.iter().enumerate().map(|(index, one)| (format!("{at}/{index}"), one)));
                }
                ("*", Value::Object(map)) => {
                    let key = |key: &str| key.replace('~', "~0").replace('/', "~1");
                    next.extend(map.iter().map(|(name, one)| (format!("{at}/{}", key(name)), one)));
                }
                ("*", _) => {}
                _ => next.extend(value.get(part).map(|one| (format!("{at}/{part}"), one))),
            }
        }
        found = next;
    }
    found.retain(|(_, value)| !value.is_null());
    found
}

/// What is wrong with a value; nothing where it is what it must be.
fn wrong(value: &Value, must: Must) -> Option<Fault> {
    let fault = |says: String| Some(Fault::new("", says));
    let text = value.as_str();
    if text.is_some_and(is_placeholder) {
        return None;
    }
    match must {
        Must::Text if text.is_none() => {
            let says = format!("it is {}, and must be a string: put it in quotation marks", kind(value));
            // What is no whole number may have been written otherwise: `yes`, `1e3`.
            let right = value.as_i64().map(|number| number.to_string());
            let fault = Fault::new("", says);
            Some(match right {
                Some(right) => fault.mended(right),
                None => fault,
            })
        }
        Must::Flag if value.as_bool().is_none() => {
            let fault =
                Fault::new("", format!("it is {}, and must be true or false without quotation marks", kind(value)));
            Some(match text.and_then(|text| text.parse::<bool>().ok()) {
                Some(right) => fault.mended(right),
                None => fault,
            })
        }
        Must::Whole | Must::From(_) | Must::Between(..) if whole(value).is_none() => {
            let fault =
                Fault::new("", format!("it is {}, and must be a whole number without quotation marks", kind(value)));
            Some(match text.and_then(|text| text.parse::<i64>().ok()) {
                Some(right) => fault.mended(right),
                None => fault,
            })
        }
        Must::From(low) if whole(value) < Some(low) => {
            fault(format!("Invalid value: {value}: must be greater than or equal to {low}"))
        }
        Must::Between(low, high) if !whole(value).is_some_and(|number| (low..=high).contains(&number)) => {
            fault(format!("Invalid value: {value}: must be between {low} and {high}, inclusive"))
        }
        Must::One(words) if !text.is_some_and(|text| text.is_empty() || words.contains(&text)) => {
            let shown = text.map_or_else(|| value.to_string(), |text| format!("\"{text}\""));
            let supported: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            let fault =
                Fault::new("", format!("Unsupported value: {shown}: supported values: {}", supported.join(", ")));
            let near = words.iter().find(|word| text.is_some_and(|text| word.eq_ignore_ascii_case(text)));
            Some(match near {
                Some(near) => fault.mended(*near),
                None => fault,
            })
        }
        Must::List if !matches!(value, Value::Array(_)) => Some(list(value)),
        Must::Absent => fault("unknown field".to_owned()),
        Must::Amount => amount(value),
        Must::Port => port(value),
        Must::Share => share(value),
        Must::Named(form) => match text {
            Some(text) => names::fault(text, form).map(|says| Fault::new("", says)),
            None => wrong(value, Must::Text),
        },
        _ => None,
    }
}

/// A whole number, which may be written as `3.0`.
fn whole(value: &Value) -> Option<i64> {
    let short = |number: &f64| number.fract() == 0.0 && number.abs() < 1e15;
    value.as_i64().or_else(|| value.as_f64().filter(short).map(|number| number as i64))
}

/// What a value is, in words.
fn kind(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text \"{text}\""),
        Value::Number(number) => format!("the number {number}"),
        Value::Bool(flag) => flag.to_string(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
        Value::Null => "nothing".to_owned(),
    }
}

/// Endings that people write, and what they mean.
const ENDINGS: [(&str, &str); 12] = [
    ("kib", "Ki"),
    ("mib", "Mi"),
    ("gib", "Gi"),
    ("tib", "Ti"),
    ("ki", "Ki"),
    ("mi", "Mi"),
    ("gi", "Gi"),
    ("ti", "Ti"),
    ("kb", "k"),
    ("mb", "M"),
    ("gb", "G"),
    ("tb", "T"),
];

fn amount(value: &Value) -> Option<Fault> {
    if let Some(amount) = quantity::of(Some(value)) {
        let says = format!("Invalid value: {value}: must be greater than or equal to 0");
        return (amount < 0).then(|| Fault::new("", says));
    }
    let Some(text) = value.as_str() else {
        return Some(Fault::new("", format!("it is {}, and must be a quantity such as 500m or 1Gi", kind(value))));
    };
    let small = text.trim().to_lowercase().replace(',', ".").replace(' ', "");
    let ending = ENDINGS.iter().find_map(|(wrong, right)| Some(format!("{}{right}", small.strip_suffix(wrong)?)));
    let meant = ending.or_else(|| small.strip_suffix(['g', 't', 'p']).map(|_| small.to_uppercase())).unwrap_or(small);
    let fault = Fault::new("", format!("\"{text}\" is no quantity; quantities are written as 500m, 0.5, 512Mi or 1Gi"));
    Some(if quantity::parse(&meant).is_some() { fault.mended(meant) } else { fault })
}

/// Words that stand alone where a list of them must be; what a shell would read otherwise is left to a person.
fn list(value: &Value) -> Fault {
    let fault = Fault::new("", format!("it is {}, and must be a list", kind(value)));
    let plain = |letter: char| letter.is_alphanumeric() || " -_./:=,@%+".contains(letter);
    match value.as_str().filter(|text| !text.trim().is_empty() && text.chars().all(plain)) {
        Some(text) => fault.mended(text.split_whitespace().map(Value::from).collect::<Vec<_>>()),
        None => fault,
    }
}

fn port(value: &Value) -> Option<Fault> {
    match value {
        Value::String(name) => {
            let fault = names::fault(name, names::Form::Port).map(|says| Fault::new("", says));
            let number = name.parse::<i64>().ok().filter(|number| (1..=65535).contains(number));
            fault.map(|fault| number.map_or_else(|| fault.clone(), |number| fault.clone().mended(number)))
        }
        _ => wrong(value, Must::Between(1, 65535)),
    }
}

fn share(value: &Value) -> Option<Fault> {
    let fault = |says: &str| Some(Fault::new("", format!("Invalid value: {value}: {says}")));
    match value {
        Value::String(text) => {
            let number = text.strip_suffix('%').filter(|number| number.chars().all(|one| one.is_ascii_digit()));
            let share = number.and_then(|number| number.parse::<i64>().ok());
            if share.is_some() { None } else { fault("must be a whole number, or a share such as \"25%\"") }
        }
        _ if value.as_i64().is_none() => fault("must be a whole number, or a share such as \"25%\""),
        _ if value.as_i64() < Some(0) => fault("must be greater than or equal to 0"),
        _ => None,
    }
}
