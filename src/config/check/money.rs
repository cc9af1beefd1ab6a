//! Limits and money: `limits` of client keys and tenants, `tenants`, `prices`.

use std::sync::Arc;

use super::Check;
use super::names::{NameOf, Names};
use crate::config::calendar::Cron;
use crate::config::file::Node;
use crate::config::gateway::{Allowance, Glob, Quota, Tenant};
use crate::config::prices::{Long, Price, Prices, Rate, Rates};
use crate::config::report::Problem;
use crate::config::text::Text;
use crate::config::yaml;

const SHIPPED: &str = include_str!("../prices.yaml");

/// More calls at once than any machine has.
const MOST_AT_ONCE: u64 = 1_000_000;
/// Rates have so many decimals: picodollars a token.
const RATE_PLACES: u32 = 6;
/// Amounts are nanodollars.
const USD_PLACES: u32 = 9;

impl Check<'_> {
    pub(super) fn tenants(&mut self, node: Option<&Node>) -> Vec<Tenant> {
        let mut names = Names::default();
        let items = node.map_or(&[][..], Node::items).iter();
        let tenant = |item| Tenant {
            name: self.name(item, NameOf::Tenant, &mut names),
            enabled: self.flag(item, "enabled", true),
            allowance: self.allowance(item.get("limits")),
        };
        items.filter(|item| item.is_map()).map(tenant).collect()
    }

    /// `limits` of a client key or a tenant.
    pub(super) fn allowance(&mut self, node: Option<&Node>) -> Allowance {
        let Some(node) = node.filter(|node| node.is_map()) else {
            return Allowance::default();
        };
        if node.entries().is_empty() {
            let problem = Problem::error(node.span, "limits of nothing in particular");
            self.push(problem.help("limits: { rpm: 60, tpm: 200000, concurrency: 8 }"));
        }
        let mut most = |key, most| {
            let node = node.get(key)?;
            self.integer(node, 1, most)
        };
        let rpm = most("rpm", u64::from(u32::MAX));
        let tpm = most("tpm", u64::MAX);
        let concurrency = most("concurrency", MOST_AT_ONCE);
        Allowance {
            rpm,
            tpm,
            concurrency,
            quota: self.quota(node.get("quota")).map(Arc::new),
            budget: self.budget(node.get("budget")).map(Arc::new),
        }
    }

    fn budget(&mut self, node: Option<&Node>) -> Option<Quota> {
        let node = node.filter(|node| node.is_map())?;
        let usd = self.required(node, "usd", "budget");
        let usd = usd.and_then(|usd| self.amount(usd, USD_PLACES).map(|nano| (usd, nano)));
        if let Some((usd, 0)) = usd {
            let problem = Problem::error(usd.span, "a budget of nothing");
            self.push(problem.help("`enabled: false` keeps somebody from calling at all"));
        }
        // Money is counted by the month where nothing else is said.
        let calendar = self.calendar(node, Cron::monthly);
        Some(Quota {
            requests: None,
            tokens: None,
            nano_usd: usd.map(|(_, nano)| nano),
            calendar,
        })
    }

    /// What is declared, over the shipped table.
    pub(super) fn prices(&mut self, node: Option<&Node>) -> Prices {
        let mut declared: Vec<(Glob, Arc<Price>)> = Vec::new();
        for entry in node.map_or(&[][..], Node::entries) {
            let (name, node) = (&entry.key.text, &entry.node);
            if !node.is_map() {
                continue;
            }
            if let Some(price) = self.price(node) {
                declared.push((Glob::new(name.as_str()), Arc::new(price)));
            }
        }
        Prices {
            declared,
            shipped: shipped_prices(),
        }
    }

    fn price(&mut self, node: &Node) -> Option<Price> {
        let rates = self.rates(node, "price");
        let long = node.get("long").filter(|long| long.is_map());
        let long = long.and_then(|node| {
            let over = self.required(node, "over", "price of long inputs");
            let over = over.and_then(|over| self.integer(over, 1, u64::MAX));
            let rates = self.rates(node, "price of long inputs");
            over.zip(rates).map(|(over, rates)| Long { over, rates })
        });
        rates.map(|rates| Price { rates, long })
    }

    fn rates(&mut self, node: &Node, what: &str) -> Option<Rates> {
        let input = self.required(node, "input", what);
        let input = input.and_then(|node| self.amount(node, RATE_PLACES));
        let mut rate = |key| {
            let node = node.get(key).filter(|node| node.is_single())?;
            self.amount(node, RATE_PLACES)
        };
        let [cached, cache_write, output, reasoning] =
            ["cached", "cache_write", "output", "reasoning"].map(&mut rate);
        let both = rate("audio");
        let audio = node.get("audio").filter(|audio| audio.is_map());
        let mut of = |key| {
            let node = audio?.get(key)?;
            self.amount(node, RATE_PLACES)
        };
        let (audio_input, audio_output) = (of("input").or(both), of("output").or(both));
        Some(Rates {
            input: input?,
            cached,
            cache_write,
            output,
            reasoning,
            audio_input,
            audio_output,
        })
    }

    /// An amount of USD as a whole number of its smallest parts.
    fn amount(&mut self, node: &Node, places: u32) -> Option<u64> {
        let scalar = node.scalar()?;
        match decimal(scalar.text.trim(), places) {
            Ok(amount) => Some(amount),
            Err(fault) => {
                let problem = Problem::error(node.span, format!("`{}` {fault}", scalar.text));
                self.push(problem);
                None
            }
        }
    }
}

/// `2.5` with six places is 2,500,000. The error says what is wrong with it, to stand after it.
fn decimal(text: &str, places: u32) -> Result<u64, String> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || text.ends_with('.') {
        return Err("is not an amount of USD like `2.50`".to_owned());
    }
    let part = part.trim_end_matches('0');
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    let Some(missing) = places.checked_sub(length) else {
        return Err(format!("has more than {places} decimals"));
    };
    let all: Option<u64> = [whole, part].concat().parse().ok();
    let amount = all.and_then(|all| all.checked_mul(10_u64.pow(missing)));
    amount.ok_or_else(|| "is more money than can be counted".to_owned())
}

/// The shipped table. A name stands for its dated versions and its `-latest` as well.
fn shipped_prices() -> Vec<(Glob, Arc<Price>)> {
    let mut list = Vec::new();
    shipped_nodes(&mut |_, name, node| {
        if let Some(price) = shipped_price(node).map(Arc::new) {
            for suffix in ["", "-20*", "-latest"] {
                list.push((Glob::new([name, suffix].concat()), price.clone()));
            }
        }
    });
    list
}

/// Each price of the shipped table: its vendor, its name and itself.
pub(in crate::config) fn shipped_nodes(visit: &mut dyn FnMut(&Node, &str, &Node)) {
    let (root, _) = yaml::parse(&Text::new("prices.yaml", SHIPPED));
    let vendors = root.as_ref().and_then(|root| root.get("vendors"));
    for vendor in vendors.map_or(&[][..], Node::items) {
        let models = vendor.get("models");
        for entry in models.map_or(&[][..], Node::entries) {
            visit(vendor, &entry.key.text, &entry.node);
        }
    }
}

fn shipped_price(node: &Node) -> Option<Price> {
    let long = node.get("long");
    let long = long.and_then(|node| {
        Some(Long {
            over: node.get("over")?.text()?.parse().ok()?,
            rates: shipped_rates(node)?,
        })
    });
    let rates = shipped_rates(node)?;
    Some(Price { rates, long })
}

fn shipped_rates(node: &Node) -> Option<Rates> {
    let rate = |node: &Node| decimal(node.text()?, RATE_PLACES).ok();
    let of = |key: &str| -> Option<Rate> { rate(node.get(key)?) };
    let audio = |key: &str| -> Option<Rate> { rate(node.get("audio")?.get(key)?) };
    Some(Rates {
        input: of("input")?,
        cached: of("cached"),
        cache_write: of("cache_write"),
        output: of("output"),
        reasoning: of("reasoning"),
        audio_input: audio("input"),
        audio_output: audio("output"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::keys::GATEWAY;
    use super::*;

    #[test]
    fn money_is_a_whole_number() {
        assert_eq!(decimal("2.5", 6), Ok(2_500_000));
        assert_eq!(decimal("0.0375", 6), Ok(37_500));
        assert_eq!(decimal("20", 9), Ok(20_000_000_000));
        assert_eq!(decimal("1.000000000", 6), Ok(1_000_000));
        for bad in [
            "",
            ".5",
            "1.",
            "-1",
            "1e3",
            "1,5",
            "$2",
            "0.0000001",
            "99999999999999",
        ] {
            assert!(decimal(bad, 6).is_err(), "{bad}");
        }
    }

    /// What a table says that nobody reads would be a price of nothing.
    #[test]
    fn every_row_of_the_shipped_table_is_read_whole() {
        let (root, problems) = yaml::parse(&Text::new("prices.yaml", SHIPPED));
        assert!(problems.is_empty());
        let root = root.unwrap();
        let known = [
            "input",
            "cached",
            "cache_write",
            "output",
            "reasoning",
            "audio",
            "long",
        ];
        assert!(GATEWAY.key("prices").is_some());
        let mut rows = 0;
        for vendor in root.get("vendors").unwrap().items() {
            assert!(vendor.get("source").is_some() && vendor.get("date").is_some());
            for entry in vendor.get("models").unwrap().entries() {
                let name = &entry.key.text;
                assert!(shipped_price(&entry.node).is_some(), "{name}");
                for kind in entry.node.entries() {
                    assert!(
                        known.contains(&&*kind.key.text),
                        "{name}: {}",
                        kind.key.text
                    );
                }
                let price = shipped_price(&entry.node).unwrap();
                let Rates {
                    input,
                    cached,
                    output,
                    ..
                } = price.rates;
                assert!(cached.is_none_or(|cached| cached <= input), "{name}");
                assert!(output.is_none_or(|output| output >= input), "{name}");
                assert_eq!(
                    price.long.is_some(),
                    entry.node.get("long").is_some(),
                    "{name}"
                );
                rows += 1;
            }
        }
        assert_eq!(shipped_prices().len(), 3 * rows);
        let mut names: Vec<_> = shipped_prices()
            .iter()
            .map(|(g, _)| g.pattern().to_owned())
            .collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 3 * rows, "a name stands there twice");
    }
}
