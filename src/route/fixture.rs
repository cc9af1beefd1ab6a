//! What the unit tests of this room and of `live/` share.

use std::time::Duration;

use crate::config::{Breaker, Cooldown, Policy, Retry, Timeouts};

/// The defaults of the configuration.
pub(crate) fn policy() -> Policy {
    let secs = Duration::from_secs;
    Policy {
        timeouts: Timeouts {
            connect: secs(10),
            first_token: secs(60),
            response: secs(300),
            idle: secs(60),
            total: secs(600),
        },
        retry: Retry {
            retries: 2,
            base: Duration::from_millis(250),
            max: secs(5),
            max_attempts: 6,
            patience: Duration::from_millis(2500),
            budget: 0.2,
        },
        cooldown: Cooldown {
            base: secs(5),
            max: secs(60),
            probe_after: secs(10),
        },
        breaker: Breaker {
            failures: 5,
            open_for: secs(60),
        },
    }
}
