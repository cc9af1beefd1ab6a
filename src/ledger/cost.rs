//! What tokens cost. Exact: whole picodollars, rounded up to a nanodollar once for an attempt.

use std::fmt;

use crate::config::{Price, Rates};
use crate::ir::Usage;

/// Billionths of a USD. `None`: there are tokens of a kind whose price nobody knows.
pub fn cost(price: &Price, usage: &Usage) -> Option<u64> {
    let input = [
        usage.input,
        usage.cache_read,
        usage.cache_write,
        usage.audio_input,
    ];
    let input = input.into_iter().flatten().fold(0, u64::saturating_add);
    let rates = price.rates(input);
    let Rates { input, output, .. } = *rates;
    let kinds = [
        (usage.input, Some(input)),
        (usage.cache_read, rates.cached.or(Some(input))),
        (usage.cache_write, rates.cache_write.or(Some(input))),
        (usage.output, output),
        (usage.reasoning, rates.reasoning.or(output)),
        (usage.audio_input, rates.audio_input),
        (usage.audio_output, rates.audio_output),
    ];
    let mut pico: u128 = 0;
    for (tokens, rate) in kinds {
        let tokens = tokens.unwrap_or(0);
        if tokens > 0 {
            pico += u128::from(tokens) * u128::from(rate?);
        }
    }
    Some(nano(pico))
}

/// Nanodollars as they are read: `0.00275`, without zeros at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usd(pub u64);

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NANO: u64 = 1_000_000_000;
        let (whole, mut part) = (self.0 / NANO, self.0 % NANO);
        if part == 0 {
            return write!(f, "{whole}");
        }
        let mut places = 9;
        while part.is_multiple_of(10) {
            part /= 10;
            places -= 1;
        }
        write!(f, "{whole}.{part:0places$}")
    }
}

/// Picodollars as nanodollars, rounded up.
pub(super) fn nano(pico: u128) -> u64 {
    u64::try_from(pico.div_ceil(1000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Long;

    fn rates(input: u64, output: Option<u64>) -> Rates {
        Rates {
            input,
            cached: None,
            cache_write: None,
            output,
            reasoning: None,
            audio_input: None,
            audio_output: None,
        }
    }

    #[test]
    fn money_is_shown_in_full() {
        let cases = [
            (0, "0"),
            (1, "0.000000001"),
            (2_750_000, "0.00275"),
            (20_000_000_000, "20"),
            (1_500_000_000, "1.5"),
        ];
        for (nano, shown) in cases {
            assert_eq!(Usd(nano).to_string(), shown);
        }
    }

    #[test]
    fn every_bucket_has_its_rate_and_a_rate_that_is_missing_its_parents() {
        let usage = Usage {
            input: Some(1_000),
            cache_read: Some(10_000),
            cache_write: Some(100),
            output: Some(10),
            reasoning: Some(1),
            ..Usage::default()
        };
        let mut price = Price {
            rates: rates(2_500_000, Some(10_000_000)),
            long: None,
        };
        // 11,100 tokens of input at 2.5 and 11 of output at 10 USD a million.
        assert_eq!(cost(&price, &usage), Some(27_750_000 + 110_000));
        price.rates.cached = Some(1_250_000);
        price.rates.cache_write = Some(3_125_000);
        price.rates.reasoning = Some(20_000_000);
        let whole = 2_500_000 + 12_500_000 + 312_500 + 100_000 + 20_000;
        assert_eq!(cost(&price, &usage), Some(whole));
    }

    #[test]
    fn a_price_that_is_not_known_is_not_nothing() {
        let price = Price {
            rates: rates(20_000, None),
            long: None,
        };
        let mut usage = Usage {
            input: Some(1),
            ..Usage::default()
        };
        assert_eq!(cost(&price, &usage), Some(20), "rounded up, not away");
        usage.output = Some(0);
        assert_eq!(cost(&price, &usage), Some(20));
        usage.output = Some(1);
        assert_eq!(cost(&price, &usage), None);
        usage.output = None;
        usage.audio_input = Some(1);
        assert_eq!(cost(&price, &usage), None);
    }

    #[test]
    fn a_long_input_is_counted_with_what_was_cached() {
        let price = Price {
            rates: rates(1_000, Some(1_000)),
            long: Some(Long {
                over: 100,
                rates: rates(2_000, Some(3_000)),
            }),
        };
        let of = |cache_read| {
            let usage = Usage {
                input: Some(50),
                cache_read: Some(cache_read),
                output: Some(1),
                ..Usage::default()
            };
            cost(&price, &usage)
        };
        assert_eq!((of(50), of(51)), (Some(101), Some(205)));
    }
}
