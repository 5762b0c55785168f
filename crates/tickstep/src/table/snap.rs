//! Numbers that went through 32-bit floats, back to their grid.
//!
//! A float of 32 bits has 24 of precision, and a few operations on it lose one or two of them:
//! 3197.0002441406 was 3197. Such a number is within four of the float's last places of its tick.
//! This is done on request alone, for a tick that was given, and never over half a tick.

use crate::text::decimal::{DECIMALS_MAX, Decimal, POWERS_OF_TEN};

/// The value of the grid that this text stands for, unless it misses it by more than noise.
pub(super) fn snapped(text: &[u8], unit: Decimal) -> Option<Decimal> {
    let value = Decimal::parse(shortened(text)).ok()?;
    let decimals = value.decimals.max(unit.decimals);
    let scaled = |number: Decimal| {
        u128::from(number.mantissa) * u128::from(POWERS_OF_TEN[decimals - number.decimals])
    };
    let (size, step) = (scaled(value), scaled(unit));
    let index = (2 * size + step) / (2 * step);
    let distance = size.abs_diff(index * step);
    let is_noise = distance <= size >> 21 && 4 * distance < step;
    if distance != 0 && !is_noise {
        return None;
    }
    on_grid(index, unit)
}

/// The text with as many digits as a decimal holds; the rest of noise is noise.
fn shortened(text: &[u8]) -> &[u8] {
    if !text
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b'.')
    {
        return text;
    }
    let point = text
        .iter()
        .position(|byte| *byte == b'.')
        .unwrap_or(text.len());
    let decimals = DECIMALS_MAX.saturating_sub(point.saturating_sub(1));
    &text[..text.len().min(point + 1 + decimals)]
}

/// `index` steps of the grid in lowest terms.
fn on_grid(index: u128, unit: Decimal) -> Option<Decimal> {
    let mut mantissa = u64::try_from(index.checked_mul(u128::from(unit.mantissa))?).ok()?;
    let mut decimals = unit.decimals;
    while decimals > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        decimals -= 1;
    }
    i64::try_from(mantissa).ok()?;
    Some(Decimal { mantissa, decimals })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snap(text: &str, unit: &str) -> Option<String> {
        let unit = Decimal::parse(unit.as_bytes()).unwrap();
        snapped(text.as_bytes(), unit).map(|value| value.to_string())
    }

    #[test]
    fn noise_goes_and_nothing_else() {
        assert_eq!(snap("3197.0002441406", "1").as_deref(), Some("3197"));
        assert_eq!(snap("3196.9997558594", "0.5").as_deref(), Some("3197"));
        assert_eq!(
            snap("0.10000000149011611938476562", "0.01").as_deref(),
            Some("0.1")
        );
        assert_eq!(snap("61800.30078125", "0.1").as_deref(), Some("61800.3"));
        assert_eq!(snap("3197.00", "1").as_deref(), Some("3197"));
        assert_eq!(snap("3197.01", "1"), None);
        assert_eq!(snap("3197.0002441406", "0.0005"), None);
        assert_eq!(snap("3197.25", "0.5"), None);
        assert_eq!(snap("NaN", "1"), None);
        assert_eq!(snap("0", "1").as_deref(), Some("0"));
    }
}
