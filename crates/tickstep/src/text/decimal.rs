//! Decimal text to an exact mantissa and a count of decimals. No floats anywhere.

/// Most decimals a number may have after its trailing zeros are dropped.
pub(crate) const DECIMALS_MAX: usize = 18;

/// Powers of ten that fit 64 bits.
pub(crate) const POWERS_OF_TEN: [u64; 20] = powers_of_ten();

const fn powers_of_ten() -> [u64; 20] {
    let mut powers = [1; 20];
    let mut exponent = 1;
    while exponent < 20 {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
}

/// The number `mantissa / 10^decimals`, in lowest terms: a mantissa that ends in 0 has no decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    /// All digits as one integer, at most 19 of them.
    pub mantissa: u64,
    /// Digits behind the point, at most [`DECIMALS_MAX`].
    pub decimals: usize,
}

/// Why a text is not a [`Decimal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecimalFault {
    /// Not of the form `12`, `12.34`, `.5` or `9.0E-5`.
    Syntax,
    /// Below zero.
    Negative,
    /// More than 63 bits of digits before or after scaling.
    TooLarge,
    /// More than [`DECIMALS_MAX`] decimals.
    TooFine,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self {
        mantissa: 0,
        decimals: 0,
    };

    /// Reads `12`, `12.34`, `.5`, `5.` or `9.0E-5`, exactly.
    pub fn parse(text: &[u8]) -> Result<Self, DecimalFault> {
        let (is_negative, text) = split_sign(text);
        let (number, exponent) = split_exponent(text)?;
        let (whole, fraction) = split_point(number);
        if whole.is_empty() && fraction.is_empty() {
            return Err(DecimalFault::Syntax);
        }
        let value = Self::from_digits(whole, fraction, exponent)?;
        if is_negative && value.mantissa != 0 {
            return Err(DecimalFault::Negative);
        }
        Ok(value)
    }

    /// The number as a multiple of 10^-18, to compare two of them.
    pub fn scaled_size(self) -> i128 {
        i128::from(self.mantissa) * i128::from(POWERS_OF_TEN[DECIMALS_MAX - self.decimals])
    }

    fn from_digits(whole: &[u8], fraction: &[u8], exponent: i64) -> Result<Self, DecimalFault> {
        let digits = Digits::read(whole, fraction)?;
        if digits.is_zero {
            return Ok(Self::ZERO);
        }
        let fraction_length = i64::try_from(fraction.len()).map_err(|_| DecimalFault::Syntax)?;
        let power = exponent - fraction_length + digits.zeros_dropped;
        let mantissa = digits.value.ok_or(if power < -18 {
            DecimalFault::TooFine
        } else {
            DecimalFault::TooLarge
        })?;
        Self::scaled(mantissa, power)
    }

    /// `mantissa * 10^power`, where the mantissa does not end in 0.
    fn scaled(mantissa: u64, power: i64) -> Result<Self, DecimalFault> {
        if power >= 0 {
            let factor = usize::try_from(power)
                .ok()
                .and_then(|power| POWERS_OF_TEN.get(power));
            let scaled = factor.and_then(|factor| mantissa.checked_mul(*factor));
            return match scaled {
                Some(mantissa) if i64::try_from(mantissa).is_ok() => Ok(Self {
                    mantissa,
                    decimals: 0,
                }),
                _ => Err(DecimalFault::TooLarge),
            };
        }
        match usize::try_from(-power) {
            Ok(decimals) if decimals <= DECIMALS_MAX => Ok(Self { mantissa, decimals }),
            _ => Err(DecimalFault::TooFine),
        }
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.decimals == 0 {
            return write!(f, "{}", self.mantissa);
        }
        let one = POWERS_OF_TEN[self.decimals];
        let (whole, fraction) = (self.mantissa / one, self.mantissa % one);
        write!(f, "{whole}.{fraction:0width$}", width = self.decimals)
    }
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

fn split_exponent(text: &[u8]) -> Result<(&[u8], i64), DecimalFault> {
    match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        None => Ok((text, 0)),
        Some(at) => Ok((&text[..at], parse_exponent(&text[at + 1..])?)),
    }
}

/// An exponent too long to matter saturates: the result is out of range either way.
fn parse_exponent(text: &[u8]) -> Result<i64, DecimalFault> {
    let (is_negative, digits) = split_sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(DecimalFault::Syntax);
    }
    let size = digits.iter().fold(0, |exponent: i64, digit| {
        exponent
            .saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'))
            .min(1 << 40)
    });
    Ok(if is_negative { -size } else { size })
}

fn split_point(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b'.') {
        None => (text, &[]),
        Some(at) => (&text[..at], &text[at + 1..]),
    }
}

/// The digits of a number as one integer, its trailing zeros dropped.
struct Digits {
    /// `None` where the digits do not fit 63 bits.
    value: Option<u64>,
    zeros_dropped: i64,
    is_zero: bool,
}

impl Digits {
    fn read(whole: &[u8], fraction: &[u8]) -> Result<Self, DecimalFault> {
        let mut digits = Self {
            value: Some(0),
            zeros_dropped: 0,
            is_zero: true,
        };
        for byte in whole.iter().chain(fraction) {
            if !byte.is_ascii_digit() {
                return Err(DecimalFault::Syntax);
            }
            digits.append(byte - b'0');
        }
        Ok(digits)
    }

    /// Zeros are held back until a later digit shows that they are not trailing.
    fn append(&mut self, digit: u8) {
        if digit == 0 {
            self.zeros_dropped += i64::from(!self.is_zero);
            return;
        }
        let shift = usize::try_from(self.zeros_dropped + 1).ok();
        let factor = shift.and_then(|shift| POWERS_OF_TEN.get(shift));
        let is_first = self.is_zero;
        self.value = match (self.value, factor) {
            _ if is_first => Some(u64::from(digit)),
            (Some(value), Some(factor)) => value
                .checked_mul(*factor)
                .and_then(|value| value.checked_add(u64::from(digit)))
                .filter(|value| i64::try_from(*value).is_ok()),
            _ => None,
        };
        self.zeros_dropped = 0;
        self.is_zero = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, DecimalFault> {
        Decimal::parse(text.as_bytes()).map(|value| value.to_string())
    }

    #[test]
    fn spellings_of_one_number_are_one_number() {
        for text in [
            "61800.30",
            "61800.3",
            "061800.3000",
            "6.18003E4",
            "6.18003e+4",
            "618003E-1",
        ] {
            assert_eq!(parse(text).as_deref(), Ok("61800.3"), "{text}");
        }
        for text in [
            "0.00009",
            "9.0E-5",
            "9e-05",
            ".00009",
            "0.000090000000000000000000000000",
        ] {
            assert_eq!(parse(text).as_deref(), Ok("0.00009"), "{text}");
        }
        for text in ["0", "0.000", "-0", "0E+99999999999999999999", ".0", "0."] {
            assert_eq!(parse(text).as_deref(), Ok("0"), "{text}");
        }
    }

    #[test]
    fn whole_numbers_keep_their_zeros() {
        assert_eq!(
            Decimal::parse(b"61800"),
            Ok(Decimal {
                mantissa: 61800,
                decimals: 0
            })
        );
        assert_eq!(
            Decimal::parse(b"618.00E2"),
            Ok(Decimal {
                mantissa: 61800,
                decimals: 0
            })
        );
        assert_eq!(
            parse("9223372036854775807").as_deref(),
            Ok("9223372036854775807")
        );
        assert_eq!(
            parse("9.223372036854775807").as_deref(),
            Ok("9.223372036854775807")
        );
    }

    #[test]
    fn faults_have_their_kind() {
        for text in [
            "", ".", "+", "-", "e5", "1e", "1e+", "1.2.3", "NaN", "inf", "1 ", "\"1\"", "1_0",
        ] {
            assert_eq!(parse(text), Err(DecimalFault::Syntax), "{text}");
        }
        assert_eq!(parse("-1"), Err(DecimalFault::Negative));
        for text in [
            "1e308",
            "9223372036854775808",
            "12345678901234567890",
            "1e99999999999999999999",
        ] {
            assert_eq!(parse(text), Err(DecimalFault::TooLarge), "{text}");
        }
        for text in [
            "1e-308",
            "0.0000000000000000001",
            "0.3333333333333333333333",
        ] {
            assert_eq!(parse(text), Err(DecimalFault::TooFine), "{text}");
        }
    }
}
