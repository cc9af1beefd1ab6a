//! Pools that tests ask: two vendors, one behind the other or side by side.

use crate::harness::{Gateway, TestVendor};

/// Two vendors, and a gateway whose model `m` has `a` in its first tier and `b` in its second.
pub struct Two {
    pub a: TestVendor,
    pub b: TestVendor,
    pub gateway: Gateway,
}

/// What differs from pool to pool; each is YAML.
#[derive(Default)]
pub struct Twist {
    /// Lines under `gateway:`, indented by two.
    pub gateway: &'static str,
    /// More of provider `a`, beginning with a comma.
    pub provider_a: &'static str,
    /// Keys of `a`; `[ k-a ]` where empty.
    pub keys_a: &'static str,
    /// More of the endpoints, beginning with a comma.
    pub endpoint_a: &'static str,
    pub endpoint_b: &'static str,
}

impl Two {
    pub async fn start(twist: Twist) -> Two {
        let (a, b) = (TestVendor::start().await, TestVendor::start().await);
        let gateway = Gateway::start(&section(&a.base_url(), &b.base_url(), &twist)).await;
        Two { a, b, gateway }
    }

    /// Requests that each vendor has seen.
    pub fn asked(&self) -> (usize, usize) {
        (
            self.a.vendor.requests().len(),
            self.b.vendor.requests().len(),
        )
    }

    /// 0 ready, 1 half-open, 2 cooling, 3 open.
    pub async fn state(&self, provider: &str) -> f64 {
        self.gateway
            .metric(
                "tidegate_endpoint_state",
                &[("provider", provider), ("model", "demo-sonnet")],
            )
            .await
    }
}

pub fn section(url_a: &str, url_b: &str, twist: &Twist) -> String {
    let Twist {
        gateway,
        provider_a,
        endpoint_a,
        endpoint_b,
        ..
    } = twist;
    let keys_a = if twist.keys_a.is_empty() {
        "[ k-a ]"
    } else {
        twist.keys_a
    };
    format!(
        "{gateway}  providers:
    - {{ name: a, format: [ openai_chat, anthropic ], base_url: \"{url_a}\", keys: {keys_a}{provider_a} }}
    - {{ name: b, format: [ openai_chat, anthropic ], base_url: \"{url_b}\", keys: [ k-b ] }}
  models:
    - name: m
      endpoints:
        - {{ provider: a, model: demo-sonnet, priority: 1{endpoint_a} }}
        - {{ provider: b, model: demo-sonnet, priority: 2{endpoint_b} }}
"
    )
}
