//! The process: reloads, log files, leaving.

use std::time::Duration;

use tidegate::demo::{Fault, Match, Step};

use crate::harness::{Gateway, TestVendor, until};
use crate::pools::{Twist, Two, section};

fn models(vendor: &TestVendor, name: &str) -> String {
    section(&vendor.base_url(), &vendor.base_url(), &Twist::default())
        .replace("name: m\n", &format!("name: {name}\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_is_taken_over_and_a_broken_one_changes_nothing() {
    let vendor = TestVendor::start().await;
    let gateway = Gateway::start(&models(&vendor, "old")).await;
    assert_eq!(gateway.chat("old", false).await.status, 200);
    gateway.rewrite(&models(&vendor, "new"));
    until("the new name", Duration::from_secs(10), async || {
        gateway.chat("new", false).await.status == 200
    })
    .await;
    assert_eq!(gateway.chat("old", false).await.status, 404);

    gateway.rewrite("  providrs: []\n");
    until("a refusal", Duration::from_secs(10), async || {
        gateway
            .metric("tidegate_reloads_total", &[("result", "refused")])
            .await
            == 1.0
    })
    .await;
    assert_eq!(gateway.chat("new", false).await.status, 200);
    until(
        "the reason in the log",
        Duration::from_secs(5),
        async || gateway.stderr().contains("providrs"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cooldowns_and_requests_in_flight_survive_a_reload() {
    let two = Two::start(Twist {
        endpoint_a: ", retries: 0",
        ..Twist::default()
    })
    .await;
    two.a.vendor.script("demo-sonnet", [Step::status(500)]);
    assert_eq!(two.gateway.chat("m", false).await.route(), "b/demo-sonnet");
    two.b.vendor.script(
        "demo-sonnet",
        [Fault::SlowHead(Duration::from_secs(2)).into()],
    );
    let slow = two.gateway.chat("m", false);
    let reload = async {
        let twist = Twist {
            endpoint_a: ", retries: 0, weight: 3",
            ..Twist::default()
        };
        two.gateway
            .rewrite(&section(&two.a.base_url(), &two.b.base_url(), &twist));
        until("a reload", Duration::from_secs(10), async || {
            two.gateway
                .metric("tidegate_reloads_total", &[("result", "ok")])
                .await
                == 1.0
        })
        .await;
        assert_eq!(two.state("a").await, 2.0);
    };
    let (answer, ()) = tokio::join!(slow, reload);
    assert_eq!(
        (answer.status.as_u16(), answer.route()),
        (200, "b/demo-sonnet")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_log_is_opened_again_on_sighup() {
    let vendor = TestVendor::start().await;
    let gateway = Gateway::start(&models(&vendor, "m")).await;
    let log = gateway.dir().join("access.log");
    let first = gateway.chat("m", false).await;
    gateway.record(first.id()).await;
    std::fs::rename(&log, gateway.dir().join("access.log.1")).unwrap();
    gateway.signal("HUP");
    until("a new log file", Duration::from_secs(5), async || {
        log.exists()
    })
    .await;
    let second = gateway.chat("m", false).await;
    gateway.record(second.id()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_leaves_at_once_when_idle() {
    let vendor = TestVendor::start().await;
    let mut gateway = Gateway::start(&models(&vendor, "m")).await;
    assert_eq!(gateway.chat("m", false).await.status, 200);
    let asked = std::time::Instant::now();
    gateway.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));
    assert!(
        asked.elapsed() < Duration::from_secs(3),
        "{:?}",
        asked.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_an_answer_finish_and_takes_no_new_request() {
    let vendor = TestVendor::start().await;
    let mut gateway = Gateway::start(&models(&vendor, "m")).await;
    vendor.vendor.always(
        Match::default(),
        Some(Fault::SlowFirstToken(Duration::from_millis(1500)).into()),
    );
    let addr = gateway.addr;
    let request = crate::harness::post(
        "/v1/chat/completions",
        &crate::harness::chat_body("m", true),
    );
    let running =
        tokio::spawn(async move { crate::harness::try_send(addr, request).await.unwrap() });
    vendor
        .vendor
        .until(Duration::from_secs(5), |seen| !seen.is_empty())
        .await
        .unwrap();
    gateway.signal("TERM");
    until("closed doors", Duration::from_secs(5), async || {
        tokio::net::TcpStream::connect(addr).await.is_err()
    })
    .await;
    let answer = running.await.unwrap();
    assert!(
        answer.clean && answer.text().contains("[DONE]"),
        "{}",
        answer.text()
    );
    assert_eq!(gateway.ended().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_failing_requests_at_once_leave_nothing_behind() {
    let vendor = TestVendor::start().await;
    let section = format!(
        "  cooldown: {{ base: 1ms, max: 1ms, probe_after: 1ms }}
  breaker: {{ failures: 1000000 }}
  timeouts: {{ first_token: 2s, response: 2s }}
  providers: [ {{ name: a, format: openai_chat, base_url: \"{}\", keys: [ k ] }} ]
  models: [ {{ name: m, endpoints: [ {{ provider: a, model: demo-sonnet, retries: 1 }} ] }} ]
",
        vendor.base_url()
    );
    let gateway = Gateway::start(&section).await;
    assert_eq!(gateway.chat("m", true).await.status, 200);
    let tasks = gateway.metric("tidegate_tasks", &[]).await;
    let descriptors = gateway.descriptors();
    let faults = [
        Step::status(500),
        Fault::Reset.into(),
        Fault::NoAnswer.into(),
        Step::status(429),
    ];
    vendor
        .vendor
        .script("demo-sonnet", faults.iter().cycle().take(2500).cloned());
    let requests: Vec<_> = (0..1000)
        .map(|n| {
            let request = crate::harness::post(
                "/v1/chat/completions",
                &crate::harness::chat_body("m", n % 2 == 0),
            );
            let addr = gateway.addr;
            tokio::spawn(async move {
                crate::harness::try_send(addr, request)
                    .await
                    .map(|answer| answer.status.as_u16())
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for request in requests {
        let ended = tokio::time::timeout(crate::harness::PATIENCE, request).await;
        statuses.push(ended.expect("no request hangs").unwrap().ok());
    }
    let tally = crate::harness::tally(statuses);
    assert!(
        tally.keys().all(Option::is_some),
        "every request gets an answer: {tally:?}"
    );
    vendor.vendor.clear_script();
    until("healthy again", Duration::from_secs(5), async || {
        gateway.chat("m", true).await.status == 200
    })
    .await;
    until("nothing left", Duration::from_secs(5), async || {
        let in_flight = gateway.metric("tidegate_requests_in_flight", &[]).await;
        let bodies = gateway.metric("tidegate_body_bytes_in_flight", &[]).await;
        let alive = gateway.metric("tidegate_tasks", &[]).await;
        // The asking request itself is one; idle connections to the vendor are kept on purpose, each with a task that
        // watches it.
        in_flight <= 1.0
            && bodies == 0.0
            && alive <= tasks + 140.0
            && gateway.descriptors() <= descriptors + 200
    })
    .await;
}
