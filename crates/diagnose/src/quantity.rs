//! Quantities of Kubernetes: `500m`, `1.5Gi`, `2e3`, `128974848`. As thousandths, so that a milli of a CPU is whole.
//! And numbers with their nouns.

/// Thousandths of the unit, saturating; nothing where `text` is no quantity
/// (k8s.io/apimachinery/pkg/api/resource/quantity.go).
pub fn parse(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c)).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let factor: f64 = match suffix {
        "" => 1e3,
        "n" => 1e-6,
        "u" => 1e-3,
        "m" => 1.0,
        "k" => 1e6,
        "M" => 1e9,
        "G" => 1e12,
        "T" => 1e15,
        "P" => 1e18,
        "E" => 1e21,
        "Ki" => 1024.0 * 1e3,
        "Mi" => 1024f64.powi(2) * 1e3,
        "Gi" => 1024f64.powi(3) * 1e3,
        "Ti" => 1024f64.powi(4) * 1e3,
        "Pi" => 1024f64.powi(5) * 1e3,
        "Ei" => 1024f64.powi(6) * 1e3,
        _ => 10f64.powi(suffix.strip_prefix(['e', 'E'])?.parse().ok()?) * 1e3,
    };
    let number: f64 = number.parse().ok()?;
    let value = number * factor;
    // Rounded up, as Kubernetes does, but not because of the float's last bits. What is too big saturates.
    value.is_finite().then_some((value - 1e-6).ceil() as i128)
}

/// A quantity of a JSON value, which may be a number too.
pub fn of(value: Option<&crate::value::Value>) -> Option<i128> {
    match value? {
        crate::value::Value::String(text) => parse(text),
        crate::value::Value::Number(number) => parse(&number.to_string()),
        _ => None,
    }
}

/// A number with its noun: `1 pod`, `2 pods`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_thousandths() {
        for (text, expect) in [("1", 1000), ("500m", 500), ("1.5", 1500), ("1Ki", 1_024_000), ("2e3", 2_000_000)] {
            assert_eq!(parse(text), Some(expect), "{text}");
        }
        for text in ["", "Mi", "1x", "1e", "--1", "1e9999999999"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
