//! Numbers as text, without the detour through formatting machinery where it matters.

use std::io::Write;

use fathom_scap::schema::Base;

use crate::socket::write_number;

/// A number that may be negative, in base ten.
#[inline]
pub fn signed(number: i64, into: &mut Vec<u8>) {
    if number < 0 {
        into.push(b'-');
    }
    write_number(number.unsigned_abs(), into);
}

/// The same in one of the bases; other bases show the bits, of which there are `width`.
pub fn based(number: i64, width: u32, base: Base, into: &mut Vec<u8>) {
    let bits = number as u64 & u64::MAX.checked_shr(64 - width).unwrap_or(0);
    let _ = match base {
        Base::Decimal => return signed(number, into),
        Base::Hex => write!(into, "{bits:X}"),
        Base::Octal if bits == 0 => write!(into, "0"),
        Base::Octal => write!(into, "0{bits:o}"),
    };
}

/// Nine digits.
pub fn padded(number: u64, into: &mut Vec<u8>) {
    if number > 999_999_999 {
        return write_number(number, into);
    }
    let mut digits = [b'0'; 9];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    into.extend_from_slice(&digits);
}

/// Six significant digits, as C's `%g` has them.
pub fn general(number: f64, into: &mut Vec<u8>) {
    significant(number, 6, into);
}

/// So many significant digits, as C's `%g` has them.
pub fn significant(number: f64, count: i32, into: &mut Vec<u8>) {
    if number == 0.0 {
        return into.push(b'0');
    }
    // What rounding makes of it decides how it is written.
    let scientific = format!("{number:.*e}", usize::try_from(count - 1).unwrap_or(0));
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
    };
    let text = if (-4..count).contains(&exponent) {
        trim(&format!("{number:.*}", usize::try_from(count - 1 - exponent).unwrap_or(0)))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trim(digits), exponent.abs())
    };
    into.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_c_writes_them() {
        let check = |write: &dyn Fn(&mut Vec<u8>), expect: &str| {
            let mut text = Vec::new();
            write(&mut text);
            assert_eq!(String::from_utf8(text).unwrap(), expect);
        };
        check(&|into| signed(i64::MIN, into), "-9223372036854775808");
        check(&|into| based(-1, 32, Base::Hex, into), "FFFFFFFF");
        check(&|into| based(0o644, 32, Base::Octal, into), "0644");
        check(&|into| based(0, 32, Base::Octal, into), "0");
        check(&|into| padded(7, into), "000000007");
        for (number, expect) in [
            (0.1, "0.1"),
            (1.0, "1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (123_456.0, "123456"),
            (1_234_567.0, "1.23457e+06"),
            (0.999_999_9, "1"),
            (1.5e-9, "1.5e-09"),
            (100.0, "100"),
            (18_446_744_073.7, "1.84467e+10"),
        ] {
            check(&|into| general(number, into), expect);
        }
    }
}
