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

/// Two vendors, and a gateway whose model `m` is `demo-one` at the first and, behind it, `demo-two` at the second.
pub struct Pair {
    pub a: TestVendor,
    pub b: TestVendor,
    pub gateway: Gateway,
}

impl Pair {
    pub async fn of(format_a: &str, format_b: &str) -> Pair {
        Pair::with(format_a, format_b, "").await
    }

    /// `more`: lines under `gateway:`, indented by two.
    pub async fn with(format_a: &str, format_b: &str, more: &str) -> Pair {
        let (a, b) = (TestVendor::start().await, TestVendor::start().await);
        let section = format!(
            "{more}  providers:
    - {{ name: a, format: {format_a}, base_url: \"http://{}\", keys: [ k-a ] }}
    - {{ name: b, format: {format_b}, base_url: \"http://{}\", keys: [ k-b ] }}
  models:
    - name: m
      endpoints:
        - {{ provider: a, model: demo-one, priority: 1, retries: 0 }}
        - {{ provider: b, model: demo-two, priority: 2, retries: 0 }}
",
            a.addr, b.addr
        );
        let gateway = Gateway::start(&section).await;
        Pair { a, b, gateway }
    }
}

/// The paths that a vendor was asked for, in their order.
pub fn paths(vendor: &TestVendor) -> Vec<String> {
    let seen = vendor.vendor.requests();
    seen.into_iter().map(|seen| seen.path).collect()
}
