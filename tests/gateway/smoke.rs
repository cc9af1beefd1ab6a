use crate::harness::{Gateway, TestVendor};

fn one_vendor(base_url: &str) -> String {
    format!(
        "  providers:
    - {{ name: a, format: [ openai_chat, anthropic ], base_url: \"{base_url}\", keys: [ k-a ] }}
  models:
    - name: m
      endpoints: [ {{ provider: a, model: demo-sonnet }} ]
"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn both_formats_answer_streaming_and_not() {
    let vendor = TestVendor::start().await;
    let gateway = Gateway::start(&one_vendor(&vendor.base_url())).await;
    for stream in [false, true] {
        for answer in [
            gateway.chat("m", stream).await,
            gateway.messages("m", stream).await,
        ] {
            assert_eq!(
                (answer.status.as_u16(), answer.clean),
                (200, true),
                "{}",
                answer.text()
            );
            assert_eq!(answer.route(), "a/demo-sonnet");
            assert!(answer.said().contains("hello"), "{}", answer.text());
            let record = gateway.record(answer.id()).await;
            assert_eq!(record["ending"], "complete");
            assert!(record["output"].as_u64().unwrap() > 0, "{record}");
        }
    }
}
