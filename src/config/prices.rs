//! What models cost: rates in whole numbers, and the table of them.
//!
//! Vendors state prices in USD a million tokens. A millionth of that is a picodollar a token, so rates of up to six
//! decimals are whole numbers here, and no sum of them is a float.

use std::sync::Arc;

use crate::config::gateway::Glob;

/// Picodollars a token: `2.5` USD a million tokens are 2,500,000.
pub type Rate = u64;

/// What a model costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    pub rates: Rates,
    /// What it costs instead where the input is long.
    pub long: Option<Long>,
}

/// Rates by kind of token. A kind without a rate of its own costs what its parent does; `None` where there is none
/// either: nobody knows what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    pub input: Rate,
    /// Read from a prompt cache; else as input.
    pub cached: Option<Rate>,
    /// Written to a prompt cache; else as input.
    pub cache_write: Option<Rate>,
    pub output: Option<Rate>,
    /// Else as output.
    pub reasoning: Option<Rate>,
    pub audio_input: Option<Rate>,
    pub audio_output: Option<Rate>,
}

/// Of a request with more input tokens than that, every token has these rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Long {
    pub over: u64,
    pub rates: Rates,
}

impl Price {
    /// The rates of a request with so many input tokens, cached ones included.
    pub fn rates(&self, input: u64) -> &Rates {
        let long = self.long.as_ref().filter(|long| input > long.over);
        long.map_or(&self.rates, |long| &long.rates)
    }
}

impl Rates {
    /// The most that a token of input may cost, whatever a prompt cache makes of it.
    pub fn most_input(&self) -> Rate {
        self.input.max(self.cache_write.unwrap_or(0))
    }

    /// The most that a token of output may cost.
    pub fn most_output(&self) -> Rate {
        self.output.unwrap_or(0).max(self.reasoning.unwrap_or(0))
    }
}

/// What every known model costs, by name or pattern.
#[derive(Debug, Clone, Default)]
pub struct Prices {
    /// The configuration's own.
    pub declared: Vec<(Glob, Arc<Price>)>,
    /// What holds where it says nothing. `*` stands for a date there.
    pub shipped: Vec<(Glob, Arc<Price>)>,
}

impl Prices {
    /// The price of a name: what the configuration says before what is shipped, a name before a pattern, and of
    /// patterns that with the longest literal part.
    pub fn find(&self, name: &str) -> Option<&Arc<Price>> {
        let any = |_: &Glob| true;
        let dated = |glob: &Glob| is_dated(glob, name);
        best(&self.declared, name, any).or_else(|| best(&self.shipped, name, dated))
    }

    /// Whether a price has just that name.
    pub fn names(&self, name: &str) -> bool {
        let mut all = self.declared.iter().chain(&self.shipped);
        all.any(|(glob, _)| glob.is_literal() && glob.pattern() == name)
    }
}

fn best<'a>(
    of: &'a [(Glob, Arc<Price>)],
    name: &str,
    fits: impl Fn(&Glob) -> bool,
) -> Option<&'a Arc<Price>> {
    let matching = of
        .iter()
        .filter(|(glob, _)| glob.matches(name) && fits(glob));
    let rank = |(glob, _): &&(Glob, Arc<Price>)| (glob.is_literal(), glob.literal_len());
    matching.max_by_key(rank).map(|(_, price)| price)
}

/// Whether the end of a name that a `*` stands for is one of a date: another model may begin with the same name.
fn is_dated(glob: &Glob, name: &str) -> bool {
    let open = glob.pattern().strip_suffix('*');
    let end = open.and_then(|open| name.strip_prefix(open));
    let part = |byte: u8| byte.is_ascii_digit() || byte == b'-';
    end.is_none_or(|end| end.len() <= 8 && end.bytes().all(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(input: Rate) -> Arc<Price> {
        let rates = Rates {
            input,
            cached: None,
            cache_write: None,
            output: None,
            reasoning: None,
            audio_input: None,
            audio_output: None,
        };
        Arc::new(Price { rates, long: None })
    }

    #[test]
    fn what_is_declared_stands_over_what_is_shipped_and_names_over_patterns() {
        let list = |of: &[(&str, Rate)]| {
            let row = |(glob, rate): &(&str, Rate)| (Glob::new(*glob), price(*rate));
            of.iter().map(row).collect()
        };
        let prices = Prices {
            declared: list(&[("gpt-*", 1), ("gpt-4o-*", 2), ("gpt-4o", 3)]),
            shipped: list(&[("gpt-4o-mini", 4), ("o3", 5)]),
        };
        let of = |name| prices.find(name).map(|price| price.rates.input);
        assert_eq!(of("gpt-4o"), Some(3));
        assert_eq!(of("gpt-4o-mini"), Some(2));
        assert_eq!(of("gpt-5"), Some(1));
        assert_eq!((of("o3"), of("o4")), (Some(5), None));
    }

    #[test]
    fn a_shipped_price_holds_for_dated_versions_and_no_other_models() {
        let row = |glob: &str, rate| (Glob::new(glob), price(rate));
        let prices = Prices {
            declared: Vec::new(),
            shipped: vec![
                row("gpt-4o", 1),
                row("gpt-4o-20*", 1),
                row("gpt-4o-2024-05-13", 2),
                row("gpt-4o-2024-05-13-20*", 2),
            ],
        };
        let of = |name| prices.find(name).map(|price| price.rates.input);
        assert_eq!(of("gpt-4o-2024-05-13"), Some(2));
        assert_eq!(
            (of("gpt-4o-2024-08-06"), of("gpt-4o-20240806")),
            (Some(1), Some(1))
        );
        for other in ["gpt-4o-20b", "gpt-4o-2024-08-06-audio", "gpt-4o-0806"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_long_input_has_its_own_rates_from_the_token_after() {
        let long = Price {
            long: Some(Long {
                over: 10,
                rates: price(7).rates,
            }),
            ..(*price(1)).clone()
        };
        assert_eq!((long.rates(10).input, long.rates(11).input), (1, 7));
    }
}
