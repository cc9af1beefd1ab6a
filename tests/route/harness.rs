use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tidegate::balance::selection::arrange;
use tidegate::clock::Tick;
use tidegate::config::{
    AuthHeader, AuthMode, Awaits, Balance, BaseUrl, Breaker, Calendar, Capabilities, Cooldown,
    Cron, Database, Endpoint, Gateway, HttpVersions, Keys, Limits, Log, LogFormat, Model, Offer,
    Policy, Provider, ProviderKey, ProviderTls, Quota, ReplyModel, Resume, Retention, Retry,
    Secret, Timeouts,
};
use tidegate::ir::{FaultKind, Format, Traits};
use tidegate::live::{Lane, Live};
use tidegate::route::{Failure, Needs, Outcome, Plan, Spot, Step};

pub(crate) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A time, in seconds since long before the test.
pub(crate) fn at(n: u64) -> Tick {
    Tick(1_000_000_000) + secs(n)
}

/// The defaults of the configuration.
pub(crate) fn policy() -> Policy {
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
            base: ms(250),
            max: secs(5),
            max_attempts: 6,
            patience: ms(2500),
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

/// A provider of that name with that many keys.
pub(crate) fn provider(name: &str, keys: usize) -> Provider {
    let key = |n| ProviderKey {
        value: Some(Secret::new(format!("sk-{name}-{n}"))),
        weight: 1,
        enabled: true,
    };
    Provider {
        name: name.to_owned(),
        offers: vec![offer(name, Format::OpenaiChat)],
        keys: Keys::Own((0..keys).map(key).collect()),
        headers: Vec::new(),
        expose: Vec::new(),
        health: None,
        capabilities: Capabilities {
            tools: true,
            images: true,
            prefill: true,
            continues: false,
        },
        tls: ProviderTls {
            ca: None,
            server_name: None,
            http: HttpVersions::Auto,
        },
        enabled: true,
        of_route: false,
        policy: policy(),
    }
}

pub(crate) fn offer(host: &str, format: Format) -> Offer {
    let path = "/v1".to_owned();
    Offer {
        format,
        base: BaseUrl {
            tls: true,
            host: format!("{host}.example"),
            port: 443,
            path,
        },
        auth: AuthHeader {
            header: "Authorization".to_owned(),
            prefix: "Bearer ".to_owned(),
            suffix: String::new(),
        },
        traits: Traits::usual(format),
    }
}

pub(crate) fn endpoint(provider: usize, model: &str, priority: u32) -> Endpoint {
    Endpoint {
        provider,
        model: model.to_owned(),
        priority,
        weight: 1,
        max_context: None,
        streaming: true,
        non_streaming: true,
        quota: None,
        set: Default::default(),
        enabled: true,
        policy: policy(),
    }
}

/// Of an hour.
pub(crate) fn quota(requests: Option<u64>, tokens: Option<u64>) -> Option<Quota> {
    Some(Quota {
        requests,
        tokens,
        nano_usd: None,
        calendar: Calendar {
            cron: Cron::parse("0 * * * *").unwrap(),
            zone: jiff::tz::TimeZone::UTC,
        },
    })
}

pub(crate) fn model(name: &str, endpoints: Vec<Endpoint>) -> Model {
    Model {
        name: name.to_owned(),
        aliases: Vec::new(),
        balance: Balance::RoundRobin,
        sticky: false,
        resume: Resume::Off,
        hedge: None,
        direct: false,
        provider_weights: Vec::new(),
        fallbacks: Vec::new(),
        endpoints,
        enabled: true,
        policy: policy(),
        built_in: false,
        of_route: false,
    }
}

pub(crate) fn gateway(providers: Vec<Provider>, models: Vec<Model>) -> Gateway {
    Gateway {
        database: Database::Sqlite("/nowhere/tidegate.db".into()),
        database_told: false,
        demo: None,
        awaits: Awaits::Nothing,
        listen: Vec::new(),
        auth: AuthMode::Open,
        admin_key: None,
        admin_password: None,
        admin_listen: None,
        secret_key: None,
        trusted_proxies: Vec::new(),
        limits: Limits {
            max_body: 1,
            max_body_in_flight: 1,
            body_read: secs(30),
        },
        debug_headers: false,
        strict: false,
        reply_model: ReplyModel::Answered,
        ping: None,
        cors_origins: Vec::new(),
        log: Log {
            format: LogFormat::Text,
            file: None,
            requests: false,
            bodies: None,
            retention: Retention {
                days: 30,
                size: None,
            },
        },
        providers,
        models,
        routes: Vec::new(),
        default_model: None,
        preferred_provider: None,
        client_keys: Vec::new(),
        tenants: Vec::new(),
        prices: Default::default(),
        data: "/".into(),
    }
}

/// Providers `a`, `b`, … with these numbers of keys, and one model `m` over an endpoint at each with that priority;
/// the upstream model is called as the provider in capitals.
pub(crate) fn simple(sides: &[(usize, u32)]) -> Gateway {
    let name = |at: usize| char::from(b'a' + u8::try_from(at).unwrap()).to_string();
    let providers = sides
        .iter()
        .enumerate()
        .map(|(at, (keys, _))| provider(&name(at), *keys))
        .collect();
    let endpoints = sides
        .iter()
        .enumerate()
        .map(|(at, (_, tier))| endpoint(at, &name(at).to_uppercase(), *tier));
    gateway(providers, vec![model("m", endpoints.collect())])
}

pub(crate) fn live(gateway: Gateway) -> Live {
    Live::new(gateway, arrange)
}

pub(crate) fn lane(live: &Live, name: &str) -> Arc<Lane> {
    live.snapshot().lane(name).expect("a name that exists")
}

pub(crate) fn needs() -> Needs {
    Needs {
        stream: true,
        ..Needs::of(Format::OpenaiChat)
    }
}

pub(crate) fn ok() -> Outcome {
    Outcome::Answered {
        first_token: ms(300),
    }
}

pub(crate) fn failed(failure: Failure) -> Outcome {
    Outcome::Failed(failure)
}

pub(crate) fn status(status: u16) -> Outcome {
    let kind = match status {
        401 => FaultKind::Authentication,
        402 => FaultKind::Billing,
        403 => FaultKind::Permission,
        404 => FaultKind::NotFound,
        408 => FaultKind::Timeout,
        429 => FaultKind::RateLimit,
        503 | 529 => FaultKind::Overloaded,
        500.. => FaultKind::Internal,
        _ => FaultKind::InvalidRequest,
    };
    said(status, kind)
}

pub(crate) fn said(status: u16, kind: FaultKind) -> Outcome {
    failed(Failure::Status {
        status,
        kind,
        retry_after: None,
    })
}

/// 429 with Retry-After.
pub(crate) fn limited(retry_after: Duration) -> Outcome {
    failed(Failure::Status {
        status: 429,
        kind: FaultKind::RateLimit,
        retry_after: Some(retry_after),
    })
}

/// What vendors do, by upstream model and, where written `A#1`, key: the outcomes in order, the last one for ever.
/// Who is not named answers well.
pub(crate) struct Script(HashMap<String, VecDeque<Outcome>>);

pub(crate) fn script<const N: usize>(lines: [(&str, Vec<Outcome>); N]) -> Script {
    Script(
        lines
            .into_iter()
            .map(|(who, outcomes)| (who.to_owned(), outcomes.into()))
            .collect(),
    )
}

impl Script {
    fn outcome(&mut self, model: &str, key: Option<usize>) -> Outcome {
        let with_key = key
            .map(|key| format!("{model}#{key}"))
            .filter(|name| self.0.contains_key(name));
        let Some(outcomes) = self
            .0
            .get_mut(&with_key.unwrap_or_else(|| model.to_owned()))
        else {
            return ok();
        };
        if outcomes.len() > 1 {
            outcomes.pop_front().unwrap()
        } else {
            outcomes[0].clone()
        }
    }
}

/// Every attempt takes that long.
pub(crate) const TAKES: Duration = Duration::from_millis(100);

/// One request from its beginning to its end, as lines: `A#0` an attempt with key 0 (`A?` a probe, `A#-` with the
/// client's credential), `125ms` a wait, at the end `ok` or the reason to stop with `best` and Retry-After.
/// The dice always show zero: backoffs are the half of what they may be.
pub(crate) fn run(lane: &Lane, needs: Needs, now: &mut Tick, script: &mut Script) -> Vec<String> {
    let mut plan = Plan::new(lane.pool().clone(), needs, *now);
    drive(&mut plan, lane, now, script)
}

pub(crate) fn drive(
    plan: &mut Plan,
    lane: &Lane,
    now: &mut Tick,
    script: &mut Script,
) -> Vec<String> {
    let mut lines = Vec::new();
    for _ in 0..100 {
        match plan.next(lane, *now, 0) {
            Step::Wait(wait) => {
                lines.push(format!("{}ms", wait.as_millis()));
                *now = *now + wait;
            }
            Step::Stop(stop) => {
                lines.push(format!("{:?}", stop.why));
                lines.extend(stop.best.map(|best| format!("best {best}")));
                lines.extend(
                    stop.retry_after
                        .map(|wait| format!("back in {}ms", wait.as_millis())),
                );
                return lines;
            }
            Step::Try(attempt) => {
                let seat = lane.pool().seat(attempt.spot);
                let key = attempt.key.map_or("-".to_owned(), |key| key.to_string());
                lines.push(format!(
                    "{}{}#{key}",
                    seat.model,
                    if attempt.probe { "?" } else { "" }
                ));
                let outcome = script.outcome(&seat.model, attempt.key);
                *now = *now + TAKES;
                plan.record(lane, &outcome, *now);
                if matches!(outcome, Outcome::Answered { .. }) {
                    plan.record(lane, &Outcome::Finished, *now);
                    lines.push("ok".to_owned());
                    return lines;
                }
            }
        }
    }
    panic!("no end: {lines:?}");
}

/// A request for `m` at second 0, in a house made for it.
pub(crate) fn once(gateway: Gateway, script: &mut Script) -> Vec<String> {
    let live = live(gateway);
    run(&lane(&live, "m"), needs(), &mut at(0), script)
}

/// Where that upstream model sits.
pub(crate) fn spot(lane: &Lane, model: &str) -> Spot {
    lane.pool()
        .spots()
        .find(|spot| lane.pool().seat(*spot).model.as_ref() == model)
        .expect("an endpoint of that model")
}
