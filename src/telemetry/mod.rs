//! What the gateway says about itself: log lines, access lines, metrics.
//!
//! Everything that is written goes through one [`Sink`] (standard error, or a file that reopens on SIGHUP), which never
//! makes a request wait for a disk. The metrics are the only statics of the project.
//! Start with [`sink`], then [`metrics`].

pub mod access;
pub mod logger;
pub mod metrics;
pub mod sink;

pub use sink::Sink;
