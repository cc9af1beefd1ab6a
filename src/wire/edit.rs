//! Edits of a body that goes to a vendor of its own format, beyond the model's name: what is cut out of it, and nothing else
//! changes.
//!
//! Opaque state that the vendor has refused or did not issue, cache marks for a vendor that refuses them, and citations that
//! are none of the vendor's. Bodies that need
//! none of it are not even looked at.

use std::ops::Range;

use bytes::Bytes;
use memchr::memmem;

use super::json::{Document, Value};
use crate::ir::Format;

/// What is to be cut out.
#[derive(Clone, Copy)]
pub enum Cut<'s> {
    /// Thinking, its signatures, encrypted reasoning, where the seal is none of these: with reasoning switched off for this
    /// turn, since vendors refuse a turn of tools that lacks the reasoning it began with.
    SealsBut(&'s dyn Fn(&str) -> bool),
    /// `cache_control`.
    CacheMarks,
    /// Citations that the gateway told an Anthropic client of another vendor's sources: without the index that the vendor
    /// wants back it would refuse them.
    HollowCitations,
}

/// What Gemini takes in place of a signature that is not there ("Thought signatures" in its API guide).
const UNSIGNED: &str = "\"skip_thought_signature_validator\"";

/// A span that gives way to a text.
type Change = (Range<usize>, &'static str);

/// The body without that. `None`: there is nothing of it in the body, or the body is no JSON.
pub fn cut(body: &Bytes, format: Format, what: Cut<'_>) -> Option<Vec<Bytes>> {
    let mut document = Document::default();
    let root = document.read(body).ok()?;
    let mut changes = Vec::new();
    match what {
        Cut::SealsBut(stays) => cut_state(root, format, stays, &mut changes),
        Cut::CacheMarks => cut_marks(root, &mut changes),
        Cut::HollowCitations => cut_citations(root, &mut changes),
    }
    if changes.is_empty() {
        return None;
    }
    changes.sort_by_key(|(span, _)| span.start);
    let mut pieces = Vec::with_capacity(changes.len() * 2 + 1);
    let mut kept = 0;
    for (span, text) in changes {
        pieces.push(
            body.get(kept..span.start)
                .map(|_| body.slice(kept..span.start))?,
        );
        pieces.push(Bytes::from_static(text.as_bytes()));
        kept = span.end;
    }
    pieces.push(body.slice(kept..));
    pieces.retain(|piece| !piece.is_empty());
    Some(pieces)
}

/// Whether a body of that format may hold opaque state: else it need not be read for it.
pub fn may_be_sealed(body: &[u8], format: Format) -> bool {
    let has = |word: &str| memmem::find(body, word.as_bytes()).is_some();
    match format {
        Format::OpenaiChat => false,
        Format::OpenaiResponses => has("encrypted_content") || has("\"rs_"),
        Format::Anthropic => has("thinking\""),
        Format::Gemini => has("hought"),
    }
}

/// Whether a body may hold citations without their index: else it need not be read for them.
pub fn may_cite_nothing(body: &[u8]) -> bool {
    const INDEX: &[u8] = b"\"encrypted_index\"";
    memmem::find_iter(body, INDEX).any(|at| {
        let behind = body.get(at + INDEX.len()..).unwrap_or_default();
        let mut behind = behind.iter().filter(|byte| !byte.is_ascii_whitespace());
        (behind.next(), behind.next(), behind.next()) == (Some(&b':'), Some(&b'"'), Some(&b'"'))
    })
}

fn cut_citations(root: Value<'_, '_>, changes: &mut Vec<Change>) {
    let is_hollow = |citation: Value<'_, '_>| {
        let index = citation.member_text("encrypted_index");
        index.is_some_and(|index| index.is_empty())
    };
    let messages = root.member("messages");
    let blocks = messages.into_iter().flat_map(Value::items);
    let blocks = blocks.filter_map(|message| message.member("content"));
    for block in blocks.flat_map(Value::items) {
        let Some(citations) = block.member("citations") else {
            continue;
        };
        if !citations.items().any(is_hollow) {
            continue;
        }
        if citations.items().all(is_hollow) {
            cut_members(block, |key| key == "citations", changes);
        } else {
            cut_items(citations, is_hollow, changes);
        }
    }
}

type Stays<'s> = &'s dyn Fn(&str) -> bool;

fn cut_state(root: Value<'_, '_>, format: Format, stays: Stays<'_>, changes: &mut Vec<Change>) {
    match format {
        Format::OpenaiChat => {}
        Format::OpenaiResponses => cut_reasoning(root, stays, changes),
        Format::Anthropic => cut_thinking(root, stays, changes),
        Format::Gemini => {
            let contents = root.member("contents");
            for content in contents.into_iter().flat_map(Value::items) {
                for part in content.member("parts").into_iter().flat_map(Value::items) {
                    cut_signature(part, stays, changes);
                }
            }
        }
    }
}

/// Reasoning items that are not the vendor's. With them go the ids of the other items: a call that is known by its id is
/// refused without the reasoning that it came with.
fn cut_reasoning(root: Value<'_, '_>, stays: Stays<'_>, changes: &mut Vec<Change>) {
    let foreign = |item: Value<'_, '_>| {
        is_of_type(item, &["reasoning"])
            && match item.member_text("encrypted_content") {
                Some(seal) => !stays(&seal),
                // Without its state the vendor must have kept it, which it has not if its id is one of ours.
                None => item.member_text("id").is_none_or(|id| is_our_id(&id)) || !stays(""),
            }
    };
    let Some(input) = root.member("input") else {
        return;
    };
    let before = changes.len();
    cut_items(input, foreign, changes);
    if changes.len() == before {
        return;
    }
    let bound = ["function_call", "custom_tool_call", "message"];
    for item in input.items().filter(|item| is_of_type(*item, &bound)) {
        cut_members(item, |key| key == "id", changes);
    }
}

/// `rs_`, the 26 characters of a request's id, and the index of the item.
fn is_our_id(id: &str) -> bool {
    id.strip_prefix("rs_")
        .and_then(|rest| rest.split_once('_'))
        .is_some_and(|(request, _)| request.len() == 26)
}

/// Thinking whose seal does not stay.
fn goes(block: Value<'_, '_>, stays: Stays<'_>) -> bool {
    let seal = match block.member_text("type").as_deref() {
        Some("thinking") => block.member_text("signature"),
        Some("redacted_thinking") => block.member_text("data"),
        _ => return false,
    };
    !seal.is_some_and(|seal| stays(&seal))
}

fn cut_thinking(root: Value<'_, '_>, stays: Stays<'_>, changes: &mut Vec<Change>) {
    let Some(messages) = root.member("messages") else {
        return;
    };
    let before = changes.len();
    // A message of thinking alone goes as a whole: none may be empty.
    let is_nothing_else = |message: Value<'_, '_>| {
        message.member("content").is_some_and(|content| {
            let mut blocks = content.items().peekable();
            blocks.peek().is_some() && blocks.all(|block| goes(block, stays))
        })
    };
    cut_items(messages, is_nothing_else, changes);
    for message in messages.items() {
        if let Some(content) = message.member("content")
            && !is_nothing_else(message)
        {
            cut_items(content, |block| goes(block, stays), changes);
        }
    }
    if changes.len() == before {
        return;
    }
    if let Some(thinking) = root.member("thinking") {
        changes.push((thinking.span(), "{\"type\":\"disabled\"}"));
    }
    // What is said about thinking is refused where there is none.
    let edits = root
        .member("context_management")
        .and_then(|management| management.member("edits"));
    if let Some(edits) = edits {
        let is_about_thinking = |edit: Value<'_, '_>| {
            let kind = edit.member_text("type");
            kind.is_some_and(|kind| kind.starts_with("clear_thinking"))
        };
        if edits.items().all(is_about_thinking) {
            cut_members(root, |key| key == "context_management", changes);
        } else {
            cut_items(edits, is_about_thinking, changes);
        }
    }
}

/// The first call of a step needs some signature; any other part does without.
fn cut_signature(part: Value<'_, '_>, stays: Stays<'_>, changes: &mut Vec<Change>) {
    let is_signature = |key: &str| matches!(key, "thoughtSignature" | "thought_signature");
    let signature = part.members().find(|(key, _)| is_signature(key));
    let Some(value) = signature.map(|(_, value)| value) else {
        return;
    };
    if value.text().is_none_or(|seal| stays(&seal)) {
        return;
    }
    let calls = part.member("functionCall").or(part.member("function_call"));
    if calls.is_some() {
        changes.push((value.span(), UNSIGNED));
    } else {
        cut_members(part, is_signature, changes);
    }
}

fn cut_marks(value: Value<'_, '_>, changes: &mut Vec<Change>) {
    // Schemas and arguments are the client's: a name in them is no mark.
    cut_members(value, |key| key == "cache_control", changes);
    for (key, member) in value.members() {
        let holds_blocks = matches!(&*key, "system" | "messages" | "content" | "tools");
        if holds_blocks {
            member.items().for_each(|item| cut_marks(item, changes));
        }
    }
}

fn is_of_type(value: Value<'_, '_>, types: &[&str]) -> bool {
    value
        .member_text("type")
        .is_some_and(|kind| types.contains(&&*kind))
}

fn cut_items(list: Value<'_, '_>, goes: impl Fn(Value<'_, '_>) -> bool, changes: &mut Vec<Change>) {
    let going: Vec<bool> = list.items().map(goes).collect();
    cut_children(&list.spans(), &going, changes);
}

fn cut_members(object: Value<'_, '_>, goes: impl Fn(&str) -> bool, changes: &mut Vec<Change>) {
    let going: Vec<bool> = object.members().map(|(key, _)| goes(&key)).collect();
    cut_children(&object.spans(), &going, changes);
}

/// Cuts members or items out together with the comma that goes with each.
fn cut_children(spans: &[Range<usize>], going: &[bool], changes: &mut Vec<Change>) {
    let mut stays_before = false;
    let mut last_end = None;
    for (at, (span, goes)) in spans.iter().zip(going).enumerate() {
        if *goes {
            let next = spans.get(at + 1).map(|next| next.start);
            let cut = match (stays_before, last_end, next) {
                (true, Some(end), _) => end..span.end,
                (_, _, Some(next)) => span.start..next,
                (_, _, None) => span.clone(),
            };
            changes.push((cut, ""));
        }
        stays_before |= !goes;
        last_end = Some(span.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(body: &str, format: Format, what: Cut<'_>) -> Option<String> {
        let pieces = cut(&Bytes::from(body.to_owned()), format, what)?;
        Some(String::from_utf8(pieces.concat()).unwrap())
    }

    #[test]
    fn thinking_goes_and_is_switched_off() {
        let body = r#"{"thinking": {"type":"enabled","budget_tokens":2048}, "messages":[
            {"role":"user","content":"a"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"}, {"type":"tool_use","id":"1","name":"f","input":{"type":"thinking"}}]},
            {"role":"assistant","content":[{"type":"redacted_thinking","data":"d"}]}]}"#;
        let expected = r#"{"thinking": {"type":"disabled"}, "messages":[
            {"role":"user","content":"a"},
            {"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{"type":"thinking"}}]}]}"#;
        assert_eq!(
            edited(body, Format::Anthropic, Cut::SealsBut(&|_| false)).as_deref(),
            Some(expected)
        );
    }

    #[test]
    fn what_the_vendor_issued_stays() {
        let body = r#"{"thinking":{"type":"enabled"},"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"mine"},{"type":"redacted_thinking","data":"other"},{"type":"text","text":"t"}]}]}"#;
        let expected = r#"{"thinking":{"type":"disabled"},"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"mine"},{"type":"text","text":"t"}]}]}"#;
        let mine = |seal: &str| seal == "mine";
        assert_eq!(
            edited(body, Format::Anthropic, Cut::SealsBut(&mine)).as_deref(),
            Some(expected)
        );
        assert!(may_be_sealed(body.as_bytes(), Format::Anthropic));
        assert_eq!(
            edited(body, Format::Anthropic, Cut::SealsBut(&|_| true)),
            None
        );
    }

    #[test]
    fn what_clears_thinking_goes_with_it() {
        let body = |edits: &str| {
            format!(
                r#"{{"context_management":{{"edits":[{edits}]}},"messages":[{{"role":"assistant","content":[{{"type":"thinking","thinking":"a","signature":"s"}},{{"type":"text","text":"t"}}]}}]}}"#
            )
        };
        let clear = r#"{"type":"clear_thinking_20251015","keep":"all"}"#;
        let other = r#"{"type":"clear_tool_uses_20250919"}"#;
        let all = |body: &str| edited(body, Format::Anthropic, Cut::SealsBut(&|_| false)).unwrap();
        assert!(!all(&body(clear)).contains("context_management"));
        let both = all(&body(&[other, ",", clear].concat()));
        assert!(
            both.contains(other) && !both.contains("clear_thinking"),
            "{both}"
        );
    }

    #[test]
    fn reasoning_of_our_own_making_goes_and_the_vendors_stays() {
        let body = r#"{"input":[{"type":"reasoning","id":"rs_01m7y2gtfhb6bcenknyf02sf7r_0","summary":[]},{"type":"function_call","id":"fc_1","call_id":"c"}]}"#;
        let kept = r#"{"input":[{"type":"reasoning","id":"rs_0a1b2c3d","summary":[]},{"type":"function_call","id":"fc_1","call_id":"c"}]}"#;
        let cut = |body| edited(body, Format::OpenaiResponses, Cut::SealsBut(&|_| true));
        assert_eq!(
            cut(body).as_deref(),
            Some(r#"{"input":[{"type":"function_call","call_id":"c"}]}"#)
        );
        assert_eq!(cut(kept), None);
    }

    #[test]
    fn a_body_without_it_is_not_changed() {
        let body = r#"{"thinking":{"type":"enabled"},"messages":[{"role":"user","content":"a"}]}"#;
        assert_eq!(
            edited(body, Format::Anthropic, Cut::SealsBut(&|_| false)),
            None
        );
        assert_eq!(edited(body, Format::Anthropic, Cut::CacheMarks), None);
        assert_eq!(edited("{", Format::Anthropic, Cut::CacheMarks), None);
    }

    #[test]
    fn reasoning_items_and_signatures_go() {
        let body = r#"{"input":[{"type":"reasoning","encrypted_content":"x"},{"type":"message"},{"type":"reasoning"}]}"#;
        assert_eq!(
            edited(body, Format::OpenaiResponses, Cut::SealsBut(&|_| false)).as_deref(),
            Some(r#"{"input":[{"type":"message"}]}"#)
        );
        let body = r#"{"contents":[{"parts":[{"text":"a","thoughtSignature":"x"},{"functionCall":{"name":"f"},"thoughtSignature":"y"}]}]}"#;
        assert_eq!(
            edited(body, Format::Gemini, Cut::SealsBut(&|_| false)).as_deref(),
            Some(
                r#"{"contents":[{"parts":[{"text":"a"},{"functionCall":{"name":"f"},"thoughtSignature":"skip_thought_signature_validator"}]}]}"#
            )
        );
    }

    #[test]
    fn citations_without_their_index_go_and_the_vendors_stay() {
        let body = r#"{"messages":[{"content":[{"type":"text","text":"a","citations":[{"url":"u","encrypted_index": ""}]},{"type":"text","citations":[{"encrypted_index":"x"},{"encrypted_index":""}],"text":"b"}]}]}"#;
        let kept = r#"{"messages":[{"content":[{"type":"text","text":"a"},{"type":"text","citations":[{"encrypted_index":"x"}],"text":"b"}]}]}"#;
        assert!(may_cite_nothing(body.as_bytes()));
        assert!(!may_cite_nothing(kept.as_bytes()));
        let cut = |body| edited(body, Format::Anthropic, Cut::HollowCitations);
        assert_eq!(cut(body).as_deref(), Some(kept));
        assert_eq!(cut(kept), None);
    }

    #[test]
    fn cache_marks_go_wherever_they_stand_and_names_like_theirs_stay() {
        let body = r#"{"cache_control":{"type":"ephemeral"},"system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"t","input_schema":{"properties":{"cache_control":{}}},"cache_control":{"ttl":"1h"}}],"messages":[{"content":[{"type":"tool_result","content":[{"cache_control":{},"type":"text"}]}]}]}"#;
        let expected = r#"{"system":[{"type":"text","text":"a"}],"tools":[{"name":"t","input_schema":{"properties":{"cache_control":{}}}}],"messages":[{"content":[{"type":"tool_result","content":[{"type":"text"}]}]}]}"#;
        assert_eq!(
            edited(body, Format::Anthropic, Cut::CacheMarks).as_deref(),
            Some(expected)
        );
    }
}
