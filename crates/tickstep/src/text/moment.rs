//! Times as text to whole numbers of a unit since 1970: counts and calendar dates.
//!
//! A count tells its unit by its digits. A date is read as it stands; one that names no offset from
//! UTC is *naive*, and who knows its time zone shifts it later. A date is kept in milliseconds, or
//! in a finer unit where its fraction needs one.

use super::decimal::{Decimal, POWERS_OF_TEN};

const DAY_S: i64 = 86_400;

/// The unit of a time column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeUnit {
    /// Seconds since 1970: 10 digits.
    S,
    /// Milliseconds since 1970: 13 digits.
    Ms,
    /// Microseconds since 1970: 16 digits.
    Us,
    /// Nanoseconds since 1970: 19 digits.
    Ns,
}

impl TimeUnit {
    /// All units, the coarsest first.
    pub const ALL: [Self; 4] = [Self::S, Self::Ms, Self::Us, Self::Ns];

    /// `s`, `ms`, `us` or `ns`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::S => "s",
            Self::Ms => "ms",
            Self::Us => "us",
            Self::Ns => "ns",
        }
    }

    /// Decimals of a second.
    pub(crate) const fn decimals(self) -> u32 {
        3 * self as u32
    }

    /// Digits of a count of this unit, from 2001 to 2286.
    pub(crate) const fn digits(self) -> usize {
        10 + 3 * self as usize
    }

    pub(crate) fn of_digits(digits: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.digits() == digits)
    }

    /// How many of the finer unit are one of this.
    pub(crate) fn count_of(self, finer: Self) -> i64 {
        10i64.pow(finer.decimals().saturating_sub(self.decimals()))
    }
}

/// How a time was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// An integer since 1970.
    Count,
    /// Seconds since 1970, maybe with a fraction: some rows may be finer than others.
    Seconds,
    /// A date without an offset from UTC.
    Naive,
    /// A date with one.
    Zoned,
}

/// A time, in the coarsest unit that its spelling allows and that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub value: i64,
    pub unit: TimeUnit,
    pub spelling: Spelling,
}

/// Why a text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MomentFault {
    /// Neither a count of known digits nor a date that exists.
    Syntax,
    /// Finer than the unit that was asked for.
    TooFine,
    /// Beyond what the unit holds.
    Range,
}

/// A time below a second, and seconds since 1970.
#[derive(Clone, Copy)]
struct Instant {
    seconds: i64,
    nanos: i64,
}

impl Moment {
    /// Reads a time. With `unit` given, counts of any length are in it and dates must fit it.
    pub fn parse(text: &[u8], unit: Option<TimeUnit>) -> Result<Self, MomentFault> {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == text.len() && !is_compact_date(text, unit) {
            return Self::count(text, unit);
        }
        match Scanner(text).moment() {
            Some((instant, spelling)) => Self::of(instant, spelling, unit),
            // Libraries write counts as 1.7040672E12 or 1704067200000.0, too.
            None => Self::count(text, unit),
        }
    }

    /// The time `clock` after the beginning of the day `date`.
    pub fn parse_two(
        date: &[u8],
        clock: &[u8],
        unit: Option<TimeUnit>,
    ) -> Result<Self, MomentFault> {
        let mut text = Vec::with_capacity(date.len() + 1 + clock.len());
        text.extend_from_slice(date);
        text.push(b' ');
        // A clock that is written as a number has lost its leading zero: 93000.
        if clock.iter().all(u8::is_ascii_digit) && clock.len() == 5 {
            text.push(b'0');
        }
        text.extend_from_slice(clock);
        let (instant, spelling) = Scanner(&text).moment().ok_or(MomentFault::Syntax)?;
        Self::of(instant, spelling, unit)
    }

    fn count(text: &[u8], unit: Option<TimeUnit>) -> Result<Self, MomentFault> {
        let (is_negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let count = Decimal::parse(text).map_err(|_| MomentFault::Syntax)?;
        let whole = count.mantissa / POWERS_OF_TEN[count.decimals];
        let told = TimeUnit::of_digits(digits_of(whole)).filter(|_| !is_negative);
        if unit.is_none() && told == Some(TimeUnit::S) {
            return Self::seconds(count);
        }
        if count.decimals > 0 {
            return Err(MomentFault::TooFine);
        }
        let size = i64::try_from(count.mantissa).map_err(|_| MomentFault::Range)?;
        Ok(Self {
            value: within(i128::from(if is_negative { -size } else { size }))?,
            unit: unit.or(told).ok_or(MomentFault::Syntax)?,
            spelling: Spelling::Count,
        })
    }

    /// Seconds since 1970 in the coarsest unit that holds them.
    fn seconds(count: Decimal) -> Result<Self, MomentFault> {
        let holds = |unit: &TimeUnit| unit.decimals() as usize >= count.decimals;
        let unit = TimeUnit::ALL.into_iter().find(holds);
        let unit = unit.ok_or(MomentFault::TooFine)?;
        let growth = POWERS_OF_TEN[unit.decimals() as usize - count.decimals];
        Ok(Self {
            value: within(i128::from(count.mantissa) * i128::from(growth))?,
            unit,
            spelling: Spelling::Seconds,
        })
    }

    fn of(
        instant: Instant,
        spelling: Spelling,
        unit: Option<TimeUnit>,
    ) -> Result<Self, MomentFault> {
        let nanos = i128::from(instant.seconds) * 1_000_000_000 + i128::from(instant.nanos);
        let holds = |unit: &TimeUnit| instant.nanos % unit.count_of(TimeUnit::Ns) == 0;
        let unit = match unit {
            Some(unit) if !holds(&unit) => return Err(MomentFault::TooFine),
            Some(unit) => unit,
            None => TimeUnit::ALL[1..]
                .iter()
                .copied()
                .find(holds)
                .unwrap_or(TimeUnit::Ns),
        };
        Ok(Self {
            value: within(nanos / i128::from(unit.count_of(TimeUnit::Ns)))?,
            unit,
            spelling,
        })
    }
}

/// Within what the kernel takes as a time.
pub(crate) fn within(value: i128) -> Result<i64, MomentFault> {
    i64::try_from(value)
        .ok()
        .filter(|value| value.unsigned_abs() < 1 << 62)
        .ok_or(MomentFault::Range)
}

fn digits_of(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Whether digits alone are a date: 8 of them, or 14 and 17 with the time of day.
fn is_compact_date(digits: &[u8], unit: Option<TimeUnit>) -> bool {
    unit.is_none() && matches!(digits.len(), 8 | 14 | 17)
}

/// What is left of the text.
struct Scanner<'a>(&'a [u8]);

impl Scanner<'_> {
    fn moment(mut self) -> Option<(Instant, Spelling)> {
        let day = self.date()?;
        let (clock, nanos) = if self.0.is_empty() {
            (0, 0)
        } else {
            self.clock_after_date()?
        };
        let offset = self.offset()?;
        let spelling = offset.map_or(Spelling::Naive, |_| Spelling::Zoned);
        let seconds = day * DAY_S + clock - offset.unwrap_or(0);
        Some((Instant { seconds, nanos }, spelling))
    }

    fn date(&mut self) -> Option<i64> {
        let is_compact = self.0.get(4).is_some_and(u8::is_ascii_digit);
        let year = self.digits(4)?;
        if is_compact {
            return day_number(year, self.digits(2)?, self.digits(2)?);
        }
        let separator = self
            .0
            .first()
            .copied()
            .filter(|byte| b"-/.".contains(byte))?;
        self.0 = &self.0[1..];
        let month = self.one_or_two()?;
        self.expect(separator)?;
        day_number(year, month, self.one_or_two()?)
    }

    /// Seconds and nanoseconds since midnight.
    fn clock_after_date(&mut self) -> Option<(i64, i64)> {
        if !self.0[0].is_ascii_digit() {
            let is_between = |byte: &u8| matches!(byte, b' ' | b'T');
            self.0.first().filter(|byte| is_between(byte))?;
            self.0 = &self.0[1..];
            while self.0.first() == Some(&b' ') {
                self.0 = &self.0[1..];
            }
        }
        let hours = self.one_or_two()?;
        let is_spaced = self.0.first() == Some(&b':');
        let minutes = self.part(is_spaced, true)?;
        let has_seconds = self.0.first().is_some_and(|byte| {
            if is_spaced {
                *byte == b':'
            } else {
                byte.is_ascii_digit()
            }
        });
        let seconds = self.part(is_spaced, has_seconds)?;
        if hours > 23 || minutes > 59 || seconds > 59 {
            return None;
        }
        let nanos = self.fraction(!is_spaced && has_seconds)?;
        Some((hours * 3600 + minutes * 60 + seconds, nanos))
    }

    /// Two digits, after a colon where the parts are `is_spaced`; 0 where they are not there.
    fn part(&mut self, is_spaced: bool, is_there: bool) -> Option<i64> {
        if !is_there {
            return Some(0);
        }
        if is_spaced {
            self.expect(b':')?;
        }
        self.digits(2)
    }

    /// The fraction of a second in nanoseconds; `may_touch` allows one without a point.
    fn fraction(&mut self, may_touch: bool) -> Option<i64> {
        match self.0.first() {
            Some(b'.' | b',') => self.0 = &self.0[1..],
            Some(byte) if may_touch && byte.is_ascii_digit() => {}
            _ => return Some(0),
        }
        let length = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        let (kept, dropped) = digits.split_at(length.min(9));
        let is_exact = length > 0 && dropped.iter().all(|byte| *byte == b'0');
        is_exact.then(|| number(kept) * 10i64.pow(9 - kept.len() as u32))
    }

    /// Seconds ahead of UTC; `None` inside where nothing is said.
    fn offset(&mut self) -> Option<Option<i64>> {
        let text = self.0.trim_ascii_start();
        let (sign, rest) = match text {
            [] => return Some(None),
            b"Z" | b"z" | b"UTC" | b"GMT" => return Some(Some(0)),
            [b'+', rest @ ..] => (1, rest),
            [b'-', rest @ ..] => (-1, rest),
            _ => return None,
        };
        self.0 = rest;
        let hours = self.digits(2)?;
        if self.0.first() == Some(&b':') {
            self.0 = &self.0[1..];
        }
        let minutes = if self.0.is_empty() {
            0
        } else {
            self.digits(2)?
        };
        let is_whole = self.0.is_empty() && hours < 24 && minutes < 60;
        is_whole.then_some(Some(sign * (hours * 3600 + minutes * 60)))
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.0 = rest;
        Some(number(digits))
    }

    fn one_or_two(&mut self) -> Option<i64> {
        let is_two = self.0.get(1).is_some_and(u8::is_ascii_digit);
        self.digits(if is_two { 2 } else { 1 })
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        let rest = self.0.strip_prefix(&[byte])?;
        self.0 = rest;
        Some(())
    }
}

fn number(digits: &[u8]) -> i64 {
    digits
        .iter()
        .fold(0, |number, digit| 10 * number + i64::from(digit - b'0'))
}

/// Days since 1970 of a day that exists. Years are counted from March, so that leap days come last.
fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) || year == 0 {
        return None;
    }
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    Some(year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(i64, &'static str, Spelling), MomentFault> {
        Moment::parse(text.as_bytes(), None).map(|at| (at.value, at.unit.name(), at.spelling))
    }

    #[test]
    fn counts_tell_their_unit_by_their_digits() {
        let count = |value, unit| Ok((value, unit, Spelling::Count));
        let seconds = |value, unit| Ok((value, unit, Spelling::Seconds));
        assert_eq!(read("1704067200"), seconds(1_704_067_200, "s"));
        assert_eq!(read("1704067200.25"), seconds(1_704_067_200_250, "ms"));
        assert_eq!(
            read("1704067200.0001"),
            seconds(1_704_067_200_000_100, "us")
        );
        assert_eq!(read("1704067200000.5"), Err(MomentFault::TooFine));
        assert_eq!(read("1704067200000"), count(1_704_067_200_000, "ms"));
        assert_eq!(read("1704067200000.0"), count(1_704_067_200_000, "ms"));
        assert_eq!(read("1.7040672E12"), count(1_704_067_200_000, "ms"));
        assert_eq!(
            read("1704067200000000000"),
            count(1_704_067_200_000_000_000, "ns")
        );
        for text in ["", "5", "170406720000", "-1704067200000", "x", "9e99"] {
            assert_eq!(read(text), Err(MomentFault::Syntax), "{text}");
        }
        assert_eq!(read("5704067200000000000"), Err(MomentFault::Range));
        let given = Moment::parse(b"-86400", Some(TimeUnit::S)).unwrap();
        assert_eq!((given.value, given.unit), (-86_400, TimeUnit::S));
    }

    #[test]
    fn dates_in_every_spelling() {
        for text in [
            "2024-01-01 23:01:00",
            "2024-01-01T23:01",
            "2024/1/1 23:01:00",
            "2024.01.01 23:01:00.000000",
            "20240101 23:01:00",
            "20240101T230100",
            "20240101230100",
            "20240101230100000",
        ] {
            assert_eq!(
                read(text),
                Ok((1_704_150_060_000, "ms", Spelling::Naive)),
                "{text}"
            );
        }
        for text in [
            "2024-01-01T23:01:00Z",
            "2024-01-02 07:01:00+08:00",
            "2024-01-01 18:01:00 -0500",
            "2024-01-01 23:01:00 UTC",
        ] {
            assert_eq!(
                read(text),
                Ok((1_704_150_060_000, "ms", Spelling::Zoned)),
                "{text}"
            );
        }
        for text in ["2022/1/28", "2022-01-28", "20220128"] {
            assert_eq!(
                read(text),
                Ok((1_643_328_000_000, "ms", Spelling::Naive)),
                "{text}"
            );
        }
        let fine = |value, unit| Ok((value, unit, Spelling::Naive));
        assert_eq!(read("1970-01-01 00:00:00.000001"), fine(1, "us"));
        assert_eq!(read("1969-12-31 23:59:59.999999999"), fine(-1, "ns"));
        assert_eq!(read("2024-02-29"), fine(1_709_164_800_000, "ms"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "2023-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-01-32",
            "2024-01/01",
            "01/02/2024",
            "2024-01-01 24:00:00",
            "2024-01-01 23:60:00",
            "2024-01-01 23:01:60",
            "2024-01-01 2301:00",
            "2024-01-01 23:01:00.",
            "2024-01-01 23:01:00+25:00",
            "2024-01-01 23:01:00 CET",
            "2024-01-01x",
            "2024-01-01T",
            "20240132",
            "NaT",
        ] {
            assert_eq!(read(text), Err(MomentFault::Syntax), "{text}");
        }
        let fine = Moment::parse(b"2024-01-01 00:00:00.5", Some(TimeUnit::S));
        assert_eq!(fine, Err(MomentFault::TooFine));
        let far = Moment::parse(b"9999-01-01", Some(TimeUnit::Ns));
        assert_eq!(far, Err(MomentFault::Range));
    }

    #[test]
    fn clocks_join_dates() {
        for clock in ["09:30:00", "93000", "093000", "9:30"] {
            let joined = Moment::parse_two(b"20240102", clock.as_bytes(), None).unwrap();
            assert_eq!(joined.value, 1_704_187_800_000, "{clock}");
        }
        assert!(Moment::parse_two(b"20240102", b"", None).is_err());
    }

    #[test]
    fn days_are_counted_through_four_centuries() {
        let mut expected = day_number(1999, 12, 31).unwrap();
        assert_eq!(expected, 10_956);
        for year in 2000..2400 {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Some(number) = day_number(year, month, day) {
                        expected += 1;
                        assert_eq!(number, expected);
                    }
                }
            }
        }
        assert_eq!(expected - 10_956, 146_097);
    }
}
