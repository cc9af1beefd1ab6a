//! `quota` of an endpoint, a client key or a tenant: how much, and from when to when.

use jiff::tz::TimeZone;

use super::Check;
use crate::config::calendar::{self, Calendar, Cron};
use crate::config::file::Node;
use crate::config::gateway::Quota;
use crate::config::report::Problem;
use crate::config::suggest;

impl Check<'_> {
    pub(super) fn quota(&mut self, node: Option<&Node>) -> Option<Quota> {
        let node = node.filter(|node| node.is_map())?;
        let (requests, tokens) = (node.get("requests"), node.get("tokens"));
        let misspelt = ["requests", "tokens"]
            .iter()
            .any(|key| self.misspelt.contains(&(node.span, *key)));
        if requests.is_none() && tokens.is_none() && !misspelt {
            let problem = Problem::error(node.span, "a quota of nothing in particular");
            self.push(
                problem.help("quota: { requests: 100, tokens: 500000, reset: \"0 0 * * *\" }"),
            );
            return None;
        }
        let calendar = self.calendar(node, Cron::daily);
        Some(Quota {
            requests: requests.and_then(|node| self.integer(node, 1, u64::MAX)),
            tokens: tokens.and_then(|node| self.integer(node, 1, u64::MAX)),
            nano_usd: None,
            calendar,
        })
    }

    /// `reset` and `time_zone` of an object.
    pub(super) fn calendar(&mut self, object: &Node, usual: fn() -> Cron) -> Calendar {
        let cron = object.get("reset").and_then(|node| self.cron(node));
        let zone = match object.get("time_zone") {
            Some(node) => self.time_zone(node).unwrap_or(TimeZone::UTC),
            None => self.usual_zone(),
        };
        Calendar {
            cron: cron.unwrap_or_else(usual),
            zone,
        }
    }

    fn cron(&mut self, node: &Node) -> Option<Cron> {
        let text = self.string(node)?;
        match Cron::parse(text.trim()) {
            Ok(cron) => Some(cron),
            Err(fault) => {
                let problem = Problem::error(node.span, format!("`{text}` {fault}"));
                self.push(problem.help(
                    "\"0 0 * * *\" is every midnight, \"0 0 1 * *\" the first of every month",
                ));
                None
            }
        }
    }

    fn time_zone(&mut self, node: &Node) -> Option<TimeZone> {
        let text = self.string(node)?;
        let zone = calendar::zone(text.trim());
        if zone.is_none() {
            let names = calendar::zone_names();
            let meant = suggest::closest(&text, names.iter().map(String::as_str));
            let problem = Problem::error(node.span, format!("unknown time zone `{text}`"));
            self.push(match meant {
                Some(_) => problem.meant(meant),
                None => problem.help(
                    "names are those of the IANA database: Europe/Berlin, Asia/Shanghai, UTC",
                ),
            });
        }
        zone
    }

    /// What `TZ` says, else this machine's.
    fn usual_zone(&mut self) -> TimeZone {
        if let Some(known) = &self.zone {
            return known.clone();
        }
        let zone = match self.env.setting("TZ") {
            None => calendar::zone_of_machine(),
            Some(value) => calendar::zone_of_variable(value).unwrap_or_else(|| {
                let message = format!("`TZ` is `{value}`, which is no time zone");
                let problem = Problem::warning(self.env.place("TZ"), message);
                self.push(problem.label("quotas are reset in UTC"));
                TimeZone::UTC
            }),
        };
        self.zone = Some(zone.clone());
        zone
    }
}
