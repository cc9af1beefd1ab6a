//! `database`, `DATABASE_URL`, `DATABASE_TYPE` and `log.retention`: where finished requests are kept, and how long.

use std::path::Path;

use super::Check;
use crate::config::file::Node;
use crate::config::gateway::{Database, Retention};
use crate::config::report::{Place, Problem};
use crate::config::secret::Secret;

/// What is wrong with a URL, to stand after "this URL".
type Fault = &'static str;

const DAYS: u32 = 30;
/// Of a body, where nobody says how much.
const BODY: usize = 64 << 10;
/// A row of the database is to stay one that can be read at once.
const MOST_BODY: usize = 4 << 20;
const SIZE: u64 = 5 << 30;

impl Check<'_> {
    /// The database that the environment or else the file tells. `None`: neither does.
    pub(super) fn database(&mut self, node: Option<&Node>, data: &Path) -> Option<Database> {
        let of_file = node.and_then(|node| Some((self.secret(node)?, Place::Text(node.span))));
        let told = self.database_variable().or(of_file);
        let database = told.and_then(|(url, place)| match self.database_at(url.reveal()) {
            Ok(database) => Some(database),
            Err(fault) => {
                let problem = Problem::error(place, format!("this URL {fault}"));
                self.push(problem.help(
                    "sqlite://data/tidegate.db, sqlite:///absolute/path.db or postgres://user:password@host/name",
                ));
                None
            }
        });
        let sqlite = Database::Sqlite(data.to_owned());
        self.database_type(database.as_ref().unwrap_or(&sqlite));
        database
    }

    fn database_variable(&mut self) -> Option<(Secret, Place)> {
        let url = self.env.setting("DATABASE_URL")?;
        let place = self.env.place("DATABASE_URL");
        Some((Secret::new(url), place))
    }

    fn database_at(&self, url: &str) -> Result<Database, Fault> {
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err("has no scheme");
        };
        match scheme {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                self.sqlite_at(path)
            }
            // SQLAlchemy's: a slash more, so that an absolute path has four.
            "sqlite+aiosqlite" => {
                let path = rest.strip_prefix("///").ok_or("has too few slashes")?;
                self.sqlite_at(path)
            }
            "postgres" | "postgresql" | "postgresql+asyncpg" => {
                let place = rest.strip_prefix("//").unwrap_or_default();
                if place.is_empty() {
                    return Err("names no host");
                }
                Ok(Database::Postgres(Secret::new(
                    ["postgres://", place].concat(),
                )))
            }
            _ => Err("is of no database that is known here"),
        }
    }

    fn sqlite_at(&self, path: &str) -> Result<Database, Fault> {
        if path.contains(['?', '#', '\0']) {
            return Err("has more than a path");
        }
        if path == ":memory:" {
            return Err("is a database in memory, which keeps nothing");
        }
        if path.is_empty() || path.ends_with('/') {
            return Err("names no file");
        }
        Ok(Database::Sqlite(self.base.join(path)))
    }

    /// S2's other variable adds nothing to the URL; it must not say something else.
    fn database_type(&mut self, database: &Database) {
        let Some(told) = self.env.setting("DATABASE_TYPE") else {
            return;
        };
        let (what, fits) = match database {
            Database::Sqlite(_) => ("SQLite", told.starts_with("sqlite")),
            Database::Postgres(_) => ("PostgreSQL", told.starts_with("postgres")),
        };
        if !fits {
            let message = format!("`DATABASE_TYPE` is `{told}`, but the database is {what}");
            let problem = Problem::error(self.env.place("DATABASE_TYPE"), message);
            self.push(problem.help("`DATABASE_URL` alone says which database it is, and where"));
        }
    }

    /// `true`, `false`, or how much of them.
    pub(super) fn bodies(&mut self, node: Option<&Node>) -> Option<usize> {
        let node = node.filter(|node| !node.is_null())?;
        if !node.is_map() {
            return self.boolean(node)?.then_some(BODY);
        }
        let max = node.get("max");
        let max = max.and_then(|max| self.size(max, 1 << 10..=MOST_BODY));
        self.flag(node, "enabled", true)
            .then_some(max.unwrap_or(BODY))
    }

    /// `size: null` is no limit.
    pub(super) fn retention(&mut self, node: Option<&Node>) -> Retention {
        const MOST: usize = 1 << 46;
        let entry = |key| {
            node.and_then(|node| node.entry(key))
                .map(|entry| &entry.node)
        };
        let days = entry("days").and_then(|node| self.integer(node, 1, 36_500));
        let size = match entry("size") {
            None => Some(SIZE),
            Some(node) if node.is_null() => None,
            Some(node) => self
                .size(node, 1 << 20..=MOST)
                .and_then(|size| u64::try_from(size).ok()),
        };
        Retention {
            days: days
                .and_then(|days| u32::try_from(days).ok())
                .unwrap_or(DAYS),
            size,
        }
    }
}
