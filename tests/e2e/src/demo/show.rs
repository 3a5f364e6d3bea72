//! What the demo prints.

use std::time::Duration;

/// A step begins.
pub(super) fn heading(text: &str) {
    println!("\n== {text}\n");
}

/// A remark.
pub(super) fn say(text: impl std::fmt::Display) {
    println!("{text}");
}

/// A time in milliseconds.
pub(super) fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1_000.0;
    if millis < 10.0 { format!("{millis:.2} ms") } else { format!("{millis:.0} ms") }
}

/// A number in groups of three digits.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(' ');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{count, millis};

    #[test]
    fn numbers_are_readable() {
        assert_eq!([count(0), count(999), count(58_665), count(1_000_000)], ["0", "999", "58 665", "1 000 000"]);
        assert_eq!([millis(Duration::from_micros(1_234)), millis(Duration::from_millis(345))], ["1.23 ms", "345 ms"]);
    }
}
