//! When in an attempt what happened: set by who makes it, read by who writes its row, also of one that was given up.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Tick;

/// Moments of an attempt. A tick of 0 is "never".
#[derive(Debug, Default)]
pub struct Marks {
    /// How long connecting took, in microseconds; 0: no connection was made.
    connect: AtomicU64,
    reused: AtomicBool,
    head: AtomicU64,
    content: AtomicU64,
}

/// What is read of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marked {
    /// How long it took to connect, where a connection was made.
    pub connect: Option<Duration>,
    /// One that had served another request was there.
    pub reused: bool,
    pub head: Option<Tick>,
    pub content: Option<Tick>,
}

impl Marks {
    /// There is a connection, made in that time. `None`: it was there.
    pub fn connected(&self, took: Option<Duration>) {
        let micros = took.map_or(0, |took| {
            u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
        });
        self.connect
            .store(micros.max(u64::from(took.is_some())), Ordering::Relaxed);
        self.reused.store(took.is_none(), Ordering::Relaxed);
    }

    /// The head of the answer is there.
    pub fn head(&self, now: Tick) {
        self.head.store(now.0, Ordering::Relaxed);
    }

    /// Something that the client may see is there.
    pub fn content(&self, now: Tick) {
        self.content.store(now.0, Ordering::Relaxed);
    }

    /// Nothing of it has happened yet.
    pub fn clear(&self) {
        for mark in [&self.connect, &self.head, &self.content] {
            mark.store(0, Ordering::Relaxed);
        }
        self.reused.store(false, Ordering::Relaxed);
    }

    pub fn read(&self) -> Marked {
        let set = |mark: &AtomicU64| Some(mark.load(Ordering::Relaxed)).filter(|at| *at > 0);
        Marked {
            connect: set(&self.connect).map(Duration::from_micros),
            reused: self.reused.load(Ordering::Relaxed),
            head: set(&self.head).map(Tick),
            content: set(&self.content).map(Tick),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_was_made_or_was_there_and_neither_before_there_is_one() {
        let marks = Marks::default();
        assert_eq!(marks.read(), Marked::default());
        marks.connected(Some(Duration::ZERO));
        let made = marks.read();
        assert_eq!((made.connect.is_some(), made.reused), (true, false));
        marks.connected(None);
        let there = marks.read();
        assert_eq!((there.connect, there.reused), (None, true));
        marks.head(Tick(7));
        marks.clear();
        assert_eq!(marks.read(), Marked::default());
    }
}
