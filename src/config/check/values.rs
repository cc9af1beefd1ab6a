//! Reading single values: what a scalar means, or a problem at its place.
//!
//! Every reader gives `None` for a value that it reported; nodes of a wrong shape are passed over, since `shape` reported them.

use std::fs::File;
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::{Check, units};
use crate::config::file::{Node, Scalar};
use crate::config::report::Problem;
use crate::config::secret::Secret;

/// A secret is a line, not a book.
const MAX_SECRET: u64 = 64 << 10;

impl Check<'_> {
    /// Text that is not empty.
    pub(super) fn string(&mut self, node: &Node) -> Option<String> {
        let scalar = node.scalar()?;
        if scalar.text.trim().is_empty() {
            self.push(Problem::error(
                node.span,
                format!("expected text, found nothing{}", filled(scalar)),
            ));
            return None;
        }
        Some(scalar.text.clone())
    }

    pub(super) fn boolean(&mut self, node: &Node) -> Option<bool> {
        let scalar = node.scalar()?;
        match scalar.text.as_str() {
            "true" | "True" | "TRUE" if is_plain(scalar) => return Some(true),
            "false" | "False" | "FALSE" if is_plain(scalar) => return Some(false),
            _ => {}
        }
        let meant = match scalar.text.to_lowercase().as_str() {
            "true" | "yes" | "on" | "y" | "1" => Some("true"),
            "false" | "no" | "off" | "n" | "0" => Some("false"),
            _ => None,
        };
        let problem = Problem::error(
            node.span,
            format!(
                "expected `true` or `false`, found `{}`{}",
                scalar.text,
                filled(scalar)
            ),
        );
        let only_quoted = meant == Some(scalar.text.as_str());
        self.push(if only_quoted {
            problem.label("remove the quotes")
        } else {
            problem.meant(meant)
        });
        None
    }

    pub(super) fn integer(&mut self, node: &Node, least: u64, most: u64) -> Option<u64> {
        let scalar = node.scalar()?;
        let number = Some(&scalar.text)
            .filter(|_| is_plain(scalar))
            .and_then(|text| text.parse::<u64>().ok());
        if let Some(number) = number
            && (least..=most).contains(&number)
        {
            return Some(number);
        }
        let text = &scalar.text;
        let whole = text
            .strip_prefix('-')
            .unwrap_or(text)
            .bytes()
            .all(|byte| byte.is_ascii_digit());
        let problem = if !is_plain(scalar) && text.parse::<u64>().is_ok() {
            Problem::error(node.span, "expected a number, found text").label("remove the quotes")
        } else if whole && !text.is_empty() {
            let bound = if most == u64::MAX {
                format!("at least {least}")
            } else {
                format!("from {least} to {most}")
            };
            Problem::error(
                node.span,
                format!("`{text}` is out of range{}", filled(scalar)),
            )
            .label(format!("must be {bound}"))
        } else {
            Problem::error(
                node.span,
                format!("expected a whole number, found `{text}`{}", filled(scalar)),
            )
        };
        self.push(problem);
        None
    }

    /// A duration of at least `least`.
    pub(super) fn duration(&mut self, node: &Node, least: Duration) -> Option<Duration> {
        let duration = self.unit(node, units::duration)?;
        if duration < least {
            let label = if least <= Duration::from_millis(1) {
                "must be longer than nothing".to_owned()
            } else {
                format!("must be at least {}", units::show(least))
            };
            self.push(
                Problem::error(
                    node.span,
                    format!("`{}` is too short", node.text().unwrap_or_default()),
                )
                .label(label),
            );
            return None;
        }
        Some(duration)
    }

    /// A size in bytes.
    pub(super) fn size(&mut self, node: &Node, range: RangeInclusive<usize>) -> Option<usize> {
        let size = self.unit(node, units::size)?;
        if !range.contains(&size) {
            let label = format!("must be from {} to {} bytes", range.start(), range.end());
            self.push(
                Problem::error(
                    node.span,
                    format!("`{}` is out of range", node.text().unwrap_or_default()),
                )
                .label(label),
            );
            return None;
        }
        Some(size)
    }

    /// A share from 0.0 to 1.0.
    pub(super) fn share(&mut self, node: &Node) -> Option<f64> {
        self.unit(node, units::percent)
    }

    fn unit<T>(&mut self, node: &Node, read: fn(&str) -> Result<T, String>) -> Option<T> {
        let scalar = node.scalar()?;
        match read(scalar.text.trim()) {
            Ok(value) => Some(value),
            Err(why) => {
                self.push(Problem::error(
                    node.span,
                    format!("`{}` {why}{}", scalar.text, filled(scalar)),
                ));
                None
            }
        }
    }

    /// One of some words; `what` names the choice in the message.
    pub(super) fn choice<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let scalar = node.scalar()?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == scalar.text) {
            return Some(*value);
        }
        let problem = Problem::error(
            node.span,
            format!("unknown {what} `{}`{}", scalar.text, filled(scalar)),
        );
        self.push(problem.among(&scalar.text, words.iter().map(|(word, _)| *word)));
        None
    }

    /// A path, made absolute.
    pub(super) fn path(&mut self, node: &Node) -> Option<PathBuf> {
        let text = self.string(node)?;
        if text.contains('\0') {
            self.push(Problem::error(node.span, "a path cannot hold a NUL byte"));
            return None;
        }
        Some(self.base.join(text))
    }

    /// A path at which something stands.
    pub(super) fn existing(&mut self, node: &Node) -> Option<PathBuf> {
        let path = self.path(node)?;
        if let Err(fault) = self.reader.look_for(&path) {
            self.push(Problem::error(
                node.span,
                format!("cannot find `{}`: {}", path.display(), cause(&fault)),
            ));
            return None;
        }
        Some(path)
    }

    /// A PEM file that holds a `what` (`CERTIFICATE`, `PRIVATE KEY`).
    pub(super) fn pem(&mut self, node: &Node, what: &str) -> Option<PathBuf> {
        let path = self.path(node)?;
        let content = match self.reader.read(&path, 16 << 20) {
            Ok(content) => content,
            Err(fault) => {
                self.push(Problem::error(
                    node.span,
                    format!("cannot read `{}`: {fault}", path.display()),
                ));
                return None;
            }
        };
        let begins = |line: &str| line.starts_with("-----BEGIN ") && line.contains(what);
        if !String::from_utf8_lossy(&content).lines().any(begins) {
            let problem =
                Problem::error(node.span, format!("`{}` holds no {what}", path.display()));
            self.push(problem.help(format!(
                "a PEM file with a line `-----BEGIN {what}-----` is expected"
            )));
            return None;
        }
        Some(path)
    }

    /// A secret: the text itself, or the content of the file that `file:/path` names, without the white space around it.
    /// It goes into a header, so it is visible ASCII.
    pub(super) fn secret(&mut self, node: &Node) -> Option<Secret> {
        let scalar = node.scalar()?;
        let value = match scalar.text.strip_prefix("file:") {
            None => scalar.text.trim().to_owned(),
            Some(name) => self.secret_file(node, name)?,
        };
        let fault = if value.is_empty() {
            format!("this secret is empty{}", filled(scalar))
        } else if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            "this secret holds white space or characters that no header can carry".to_owned()
        } else {
            return Some(Secret::new(value));
        };
        self.push(Problem::error(node.span, fault));
        None
    }

    fn secret_file(&mut self, node: &Node, name: &str) -> Option<String> {
        if name.is_empty() || name.contains('\0') {
            self.push(
                Problem::error(node.span, "`file:` needs a path after it")
                    .help("file:/run/secrets/name"),
            );
            return None;
        }
        let path = self.base.join(name);
        if !self.files.contains(&path) {
            self.files.push(path.clone());
        }
        let content = self
            .reader
            .read(&path, MAX_SECRET)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not text".to_owned()));
        match content {
            Ok(content) => Some(content.trim().to_owned()),
            Err(fault) => {
                self.push(Problem::error(
                    node.span,
                    format!("cannot read the secret file `{}`: {fault}", path.display()),
                ));
                None
            }
        }
    }
}

/// The content of a file of at most `limit` bytes, or why not.
pub(in crate::config) fn read(path: &std::path::Path, limit: u64) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut content))
        .map_err(|fault| cause(&fault))?;
    if content.len() as u64 > limit {
        Err(format!("it is larger than {} KiB", limit >> 10))
    } else {
        Ok(content)
    }
}

/// An operating system's error in words, without its number.
fn cause(fault: &std::io::Error) -> String {
    let text = fault.to_string();
    let words = text.split(" (os error").next().unwrap_or(&text);
    words.to_lowercase()
}

/// Not in quotes, or there only because a variable needs them.
fn is_plain(scalar: &Scalar) -> bool {
    !scalar.quoted || scalar.filled
}

fn filled(scalar: &Scalar) -> &'static str {
    if scalar.filled {
        " after filling in variables"
    } else {
        ""
    }
}
