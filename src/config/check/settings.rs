//! Environment variables that stand over the file: which there are, and what they mean.
//!
//! Names that other programs use as well (`HOST`, `PORT`, `DEBUG`, `MODE`) are ignored with a warning where their value makes no sense here.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use log::LevelFilter;

use super::names::{NameOf, name_fault};
use super::policy::Patch;
use super::{Check, units};
use crate::config::report::{Place, Problem};
use crate::config::secret::Secret;

/// Whether a variable has an effect yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameState {
    Built,
    /// Warned about where it is set.
    Later,
}

/// Every variable that is read. `.env.example` says what each is for.
pub(crate) static NAMES: &[(&str, NameState)] = &[
    ("HOST", NameState::Built),
    ("PORT", NameState::Built),
    ("API_PORT", NameState::Built),
    ("ADMIN_KEY", NameState::Built),
    ("OPENAI_API_KEY", NameState::Built),
    ("ANTHROPIC_API_KEY", NameState::Built),
    ("GEMINI_API_KEY", NameState::Built),
    ("PREFERRED_PROVIDER", NameState::Built),
    ("VIRTUAL_MODEL_TOOL", NameState::Built),
    ("VIRTUAL_MODEL_NORMAL", NameState::Built),
    ("VIRTUAL_MODEL_ADVANCED", NameState::Built),
    ("DEFAULT_COOLDOWN_SECONDS", NameState::Built),
    ("RETRY_MAX_ATTEMPTS", NameState::Built),
    ("RETRY_DELAY_MS", NameState::Built),
    ("HTTP_TIMEOUT", NameState::Built),
    ("LOG_LEVEL", NameState::Built),
    ("DEBUG", NameState::Built),
    ("TZ", NameState::Built),
    ("ADMIN_PASSWORD", NameState::Built),
    ("DATABASE_TYPE", NameState::Built),
    ("DATABASE_URL", NameState::Built),
    ("TIDEGATE_SECRET_KEY", NameState::Built),
    ("MODE", NameState::Later),
];

/// What the environment says.
pub(super) struct Settings {
    pub host: Option<(IpAddr, Place)>,
    pub port: Option<(u16, Place)>,
    pub admin_key: Option<Secret>,
    pub secret_key: Option<Secret>,
    pub admin_password: Option<Secret>,
    /// Names of the built-in models: haiku, sonnet, opus.
    pub built_in: [String; 3],
    pub preferred: Option<(String, Place)>,
    pub patch: Patch,
    pub log_level: Option<LevelFilter>,
}

impl Check<'_> {
    pub(super) fn settings(&mut self) -> Settings {
        self.not_built_yet();
        let port = self.port("API_PORT").or_else(|| self.port("PORT"));
        Settings {
            host: self.host(),
            port,
            admin_key: self.key_variable("ADMIN_KEY"),
            secret_key: self.key_variable("TIDEGATE_SECRET_KEY"),
            admin_password: self.admin_password(),
            built_in: self.built_in_names(),
            preferred: self
                .env
                .setting("PREFERRED_PROVIDER")
                .map(|name| (name.to_owned(), self.env.place("PREFERRED_PROVIDER"))),
            patch: Patch {
                cooldown_max: self.seconds("DEFAULT_COOLDOWN_SECONDS", Duration::ZERO),
                retries: self
                    .number("RETRY_MAX_ATTEMPTS", 100)
                    .and_then(|retries| u32::try_from(retries).ok()),
                retry_base: self
                    .number("RETRY_DELAY_MS", 3_600_000)
                    .map(Duration::from_millis),
                response: self.seconds("HTTP_TIMEOUT", Duration::from_millis(1)),
                ..Patch::default()
            },
            log_level: self.log_level(),
        }
    }

    fn not_built_yet(&mut self) {
        for (name, _) in NAMES.iter().filter(|(_, state)| *state == NameState::Later) {
            let Some(value) = self.env.setting(name) else {
                continue;
            };
            let sensible = *name != "MODE" || ["transformer", "direct"].contains(&value);
            let message = if sensible {
                format!("`{name}` is not built yet")
            } else {
                format!("`{name}` makes no sense here")
            };
            self.push(Problem::warning(self.env.place(name), message).label("ignored"));
        }
    }

    fn host(&mut self) -> Option<(IpAddr, Place)> {
        let text = self.env.setting("HOST")?;
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .unwrap_or(text);
        let bare = if bare == "localhost" {
            "127.0.0.1"
        } else {
            bare
        };
        match bare.parse() {
            Ok(host) => Some((host, self.env.place("HOST"))),
            Err(_) => self.ignored("HOST", "is not an IP address"),
        }
    }

    fn port(&mut self, name: &str) -> Option<(u16, Place)> {
        match self.env.setting(name)?.parse::<u16>() {
            Ok(port) if port > 0 => Some((port, self.env.place(name))),
            _ => self.ignored(name, "is not a port"),
        }
    }

    /// Values of names that are not ours alone.
    fn ignored<T>(&mut self, name: &str, why: &str) -> Option<T> {
        let value = self.env.setting(name).unwrap_or_default().to_owned();
        self.push(
            Problem::warning(
                self.env.place(name),
                format!("`{name}` is `{value}`, which {why}"),
            )
            .label("ignored"),
        );
        None
    }

    fn built_in_names(&mut self) -> [String; 3] {
        const NAMES: [(&str, &str); 3] = [
            ("VIRTUAL_MODEL_TOOL", "haiku"),
            ("VIRTUAL_MODEL_NORMAL", "sonnet"),
            ("VIRTUAL_MODEL_ADVANCED", "opus"),
        ];
        let names = NAMES
            .map(|(variable, default)| self.env.setting(variable).unwrap_or(default).to_owned());
        for (at, (variable, _)) in NAMES.iter().enumerate() {
            let Some(name) = names.get(at) else { continue };
            if let Some(fault) = name_fault(name, NameOf::Model) {
                self.push(Problem::error(
                    self.env.place(variable),
                    format!("the name `{name}` {fault}"),
                ));
            }
            if names.iter().take(at).any(|other| other == name) {
                let set = NAMES.iter().take(at + 1).rev().find(|(variable, _)| {
                    self.env.setting(variable).is_some_and(|set| set == name)
                });
                let place = self
                    .env
                    .place(set.map_or(*variable, |(variable, _)| *variable));
                self.push(Problem::error(
                    place,
                    format!("two built-in models are named `{name}`"),
                ));
            }
        }
        names
    }

    fn number(&mut self, name: &str, most: u64) -> Option<u64> {
        let text = self.env.setting(name)?;
        match text.parse::<u64>() {
            Ok(number) if number <= most => Some(number),
            _ => {
                let message =
                    format!("`{name}` is `{text}`: a whole number from 0 to {most} is expected");
                self.push(Problem::error(self.env.place(name), message));
                None
            }
        }
    }

    /// Seconds, also with a unit.
    fn seconds(&mut self, name: &str, least: Duration) -> Option<Duration> {
        let text = self.env.setting(name)?;
        let plain = text.parse::<f64>().is_ok();
        let duration = units::duration(&if plain {
            format!("{text}s")
        } else {
            text.to_owned()
        });
        match duration {
            Ok(duration) if duration >= least => Some(duration),
            _ => {
                let message = format!("`{name}` is `{text}`: a number of seconds is expected");
                self.push(Problem::error(self.env.place(name), message));
                None
            }
        }
    }

    /// `LOG_LEVEL`, also as other languages spell it; else what `DEBUG` says.
    fn log_level(&mut self) -> Option<LevelFilter> {
        let Some(text) = self.env.setting("LOG_LEVEL") else {
            return self.debug();
        };
        let level = log_level(text);
        if level.is_none() {
            let problem = Problem::error(
                self.env.place("LOG_LEVEL"),
                format!("`LOG_LEVEL` is `{text}`, which is no level"),
            );
            self.push(problem.among(&text.to_lowercase(), LEVELS.into_iter()));
        }
        level
    }

    fn debug(&mut self) -> Option<LevelFilter> {
        match self.env.setting("DEBUG")?.to_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(LevelFilter::Debug),
            "false" | "0" | "no" | "off" => None,
            _ => self.ignored("DEBUG", "is neither true nor false"),
        }
    }

    /// A key that a variable holds.
    fn admin_password(&mut self) -> Option<Secret> {
        const SHORT: usize = 8;
        let value = self.env.setting("ADMIN_PASSWORD")?;
        if value.chars().count() < SHORT {
            let message = format!("`ADMIN_PASSWORD` has fewer than {SHORT} characters");
            let problem = Problem::warning(self.env.place("ADMIN_PASSWORD"), message);
            self.push(problem.label("it can be guessed"));
        }
        Some(Secret::new(value))
    }

    pub(super) fn key_variable(&mut self, name: &str) -> Option<Secret> {
        let value = self.env.setting(name)?;
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message =
                format!("`{name}` holds white space or characters that no header can carry");
            self.push(Problem::error(self.env.place(name), message));
            return None;
        }
        Some(Secret::new(value))
    }
}

pub(in crate::config) const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A log level, also as Python spells it.
pub(in crate::config) fn log_level(text: &str) -> Option<LevelFilter> {
    match text.to_lowercase().as_str() {
        "warning" => Some(LevelFilter::Warn),
        "critical" | "fatal" => Some(LevelFilter::Error),
        level => LevelFilter::from_str(level).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_documents_every_variable() {
        let example = include_str!("../../../.env.example");
        let documented = |name: &str| {
            example.lines().any(|line| {
                line.strip_prefix('#')
                    .is_some_and(|line| line.starts_with(&format!("{name}=")))
            })
        };
        let missing: Vec<&str> = NAMES
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !documented(name))
            .collect();
        assert!(missing.is_empty(), "not in .env.example: {missing:?}");
    }

    #[test]
    fn the_table_names_every_variable_that_is_read() {
        let source = include_str!("settings.rs")
            .split("mod tests")
            .next()
            .unwrap();
        let (table, code) = source.split_once("/// What the environment says.").unwrap();
        let words = code.split('"').filter(|word| {
            word.len() > 3
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        });
        let missing: Vec<&str> = words
            .filter(|word| !table.contains(&format!("(\"{word}\"")))
            .collect();
        assert!(missing.is_empty(), "not in NAMES: {missing:?}");
        assert!(
            super::super::shipped()
                .iter()
                .filter_map(|vendor| vendor.variable.as_deref())
                .all(|name| table.contains(name))
        );
    }
}
