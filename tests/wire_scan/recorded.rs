//! Recorded requests, as the vendors' own clients wrote them, where `TIDEGATE_FIXTURES` names a folder with some.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate::ir::Format;

/// One line of `recorded.jsonl`, as far as it matters here.
#[derive(Deserialize)]
struct Exchange<'a> {
    id: String,
    api: String,
    #[serde(borrow)]
    request: &'a RawValue,
}

#[test]
fn recorded_requests_are_scanned_and_spliced_like_their_trees() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test's own input, not the program's"
    )]
    let Some(folder) = std::env::var_os("TIDEGATE_FIXTURES") else {
        eprintln!("skipped: TIDEGATE_FIXTURES is not set");
        return;
    };
    let lines =
        std::fs::read_to_string(std::path::Path::new(&folder).join("recorded.jsonl")).unwrap();
    let mut seen = 0;
    for line in lines.lines() {
        let exchange: Exchange<'_> = serde_json::from_str(line).unwrap();
        let body = exchange.request.get().as_bytes();
        if body.starts_with(b"{") {
            seen += 1;
            check(&exchange.id, body, &exchange.api);
        }
    }
    assert!(seen > 0, "no request in {}", folder.display());
}

fn check(id: &str, body: &[u8], api: &str) {
    super::laws::scan::finds_what_the_tree_says(body);
    for usage in [false, true] {
        super::laws::scan::splices_like_the_tree(body, Some("a\"nother"), usage);
        super::laws::scan::splices_like_the_tree(body, None, usage);
    }
    let format = match api {
        "chat" => Format::OpenaiChat,
        "responses" => Format::OpenaiResponses,
        "messages" => Format::Anthropic,
        "gemini" => Format::Gemini,
        _ => return,
    };
    let scan =
        tidegate::wire::scan::scan(body, tidegate::wire::scan::Subject::Format(format)).unwrap();
    assert!(scan.messages > 0, "{id} is a conversation");
    assert!(
        scan.model.is_some() || format == Format::Gemini,
        "{id} names its model"
    );
}
