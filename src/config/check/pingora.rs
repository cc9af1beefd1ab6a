//! Pingora's own keys, at the top level of the file: their types and ranges, and the part of the file that is handed to Pingora.
//!
//! Pingora ignores keys that it does not know and panics on some values that it does (an address it cannot parse, no thread):
//! nothing reaches it that was not checked here. Source: `ServerConf` of pingora-core 0.9.1.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::section::{Key, Section, Shape};
use super::{Check, keys};
use crate::config::file::{Entry, Node};
use crate::config::report::Problem;

/// What a setting of Pingora takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    /// A whole number in this range.
    Number(u64, u64),
    /// The same, or null, which is not the default.
    NumberOrNull(u64, u64),
    Text,
    /// A file; made absolute, since a daemon changes its directory.
    Path,
    /// A file that must exist.
    ExistingPath,
    Ipv4List,
    Ipv6List,
    /// `linear` or `log`.
    Scale,
    /// A setting of the s2n backend, which this build does not have.
    OtherBackend,
}

const fn pingora(name: &'static str, kind: Kind) -> Key {
    Key {
        name,
        shape: Shape::Pingora(kind),
    }
}

const SECONDS: Kind = Kind::Number(0, 31_536_000);
const SECONDS_FROM_1: Kind = Kind::Number(1, 31_536_000);
const THREADS: Kind = Kind::Number(1, 1024);

/// The top level of the file.
pub(crate) static TOP: Section = Section {
    place: "at the top level",
    keys: &[
        Key {
            name: "gateway",
            shape: Shape::Table(&keys::GATEWAY),
        },
        pingora("version", Kind::Number(0, 1)),
        pingora("daemon", Kind::Bool),
        pingora("error_log", Kind::Path),
        pingora("pid_file", Kind::Path),
        pingora("upgrade_sock", Kind::Path),
        pingora("user", Kind::Text),
        pingora("group", Kind::Text),
        pingora("working_directory", Kind::ExistingPath),
        pingora("threads", THREADS),
        pingora("listener_tasks_per_fd", THREADS),
        pingora("work_stealing", Kind::Bool),
        pingora("runtime_enable_alt_timer", Kind::Bool),
        pingora("ca_file", Kind::ExistingPath),
        pingora("s2n_config_cache_size", Kind::OtherBackend),
        pingora("grace_period_seconds", SECONDS),
        pingora("graceful_shutdown_timeout_seconds", SECONDS),
        pingora("client_bind_to_ipv4", Kind::Ipv4List),
        pingora("client_bind_to_ipv6", Kind::Ipv6List),
        pingora("upstream_keepalive_pool_size", Kind::Number(1, 1_000_000)),
        pingora(
            "upstream_connect_offload_threadpools",
            Kind::Number(0, 1024),
        ),
        pingora(
            "upstream_connect_offload_thread_per_pool",
            Kind::Number(0, 1024),
        ),
        pingora("downstream_tls_offload_threadpools", Kind::Number(0, 1024)),
        pingora(
            "downstream_tls_offload_thread_per_pool",
            Kind::Number(0, 1024),
        ),
        pingora("upstream_debug_ssl_keylog", Kind::Bool),
        pingora("max_retries", Kind::Number(1, 1000)),
        pingora(
            "upgrade_sock_connect_accept_max_retries",
            Kind::Number(0, 1000),
        ),
        pingora("max_blocking_threads", Kind::Number(1, 100_000)),
        pingora("blocking_threads_ttl_seconds", SECONDS),
        pingora(
            "fast_timeout_to_tokio_threshold_seconds",
            Kind::NumberOrNull(0, 31_536_000),
        ),
        pingora("runtime_metrics_poll_time_histogram", Kind::Bool),
        pingora("runtime_metrics_poll_time_histogram_scale", Kind::Scale),
        pingora(
            "runtime_metrics_poll_time_histogram_resolution_micros",
            Kind::Number(1, 1_000_000_000),
        ),
        pingora(
            "runtime_metrics_poll_time_histogram_buckets",
            Kind::Number(1, 1024),
        ),
        pingora("daemon_wait_for_ready", Kind::Bool),
        pingora("daemon_ready_timeout_seconds", SECONDS_FROM_1),
        pingora("daemon_notify_timeout_seconds", SECONDS_FROM_1),
    ],
};

impl Check<'_> {
    /// The part that Pingora reads, as JSON values by key (JSON is YAML), variables filled in and paths made absolute.
    pub(super) fn pingora(&mut self, root: &Node) -> Vec<(String, serde_json::Value)> {
        let mut settings = Vec::new();
        for entry in root.entries() {
            let Some(Shape::Pingora(kind)) = TOP.key(&entry.key.text).map(|key| key.shape) else {
                continue;
            };
            let value = match (entry.node.is_null(), kind) {
                (true, Kind::NumberOrNull(..)) => Some(serde_json::Value::Null),
                (true, _) => None,
                (false, _) => self.pingora_value(entry, kind),
            };
            settings.extend(value.map(|value| (entry.key.text.clone(), value)));
        }
        settings
    }

    fn pingora_value(&mut self, entry: &Entry, kind: Kind) -> Option<serde_json::Value> {
        let node = &entry.node;
        match kind {
            Kind::Bool => self.boolean(node).map(Into::into),
            Kind::Number(least, most) | Kind::NumberOrNull(least, most) => {
                self.integer(node, least, most).map(Into::into)
            }
            Kind::Text => self.string(node).map(Into::into),
            Kind::Path => self
                .path(node)
                .map(|path| path.to_string_lossy().into_owned().into()),
            Kind::ExistingPath => self
                .existing(node)
                .map(|path| path.to_string_lossy().into_owned().into()),
            Kind::Ipv4List => self.addresses(node, "an IPv4 address", |text| {
                text.parse::<Ipv4Addr>().is_ok()
            }),
            Kind::Ipv6List => self.addresses(node, "an IPv6 address", |text| {
                text.parse::<Ipv6Addr>().is_ok()
            }),
            Kind::Scale => self
                .choice(node, "scale", &[("linear", "linear"), ("log", "log")])
                .map(Into::into),
            Kind::OtherBackend => {
                let message = format!(
                    "`{}` belongs to a TLS backend that this build does not have",
                    entry.key.text
                );
                self.push(
                    Problem::error(entry.key.span, message)
                        .help("remove it: TLS is OpenSSL's here"),
                );
                None
            }
        }
    }

    fn addresses(
        &mut self,
        node: &Node,
        what: &str,
        good: fn(&str) -> bool,
    ) -> Option<serde_json::Value> {
        let mut items = Vec::new();
        for item in node.items() {
            let Some(text) = self.string(item) else {
                continue;
            };
            if !good(&text) {
                self.push(Problem::error(item.span, format!("`{text}` is not {what}")));
            }
            items.push(text);
        }
        Some(items.into())
    }
}
