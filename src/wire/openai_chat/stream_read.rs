use crate::ir::Event;
use crate::wire::json::{Document, Kind};
use crate::wire::{EventReader, Unheard, error};

use super::answer::Answer;

/// Reads a vendor's stream. A reason to stop is told when the stream is over, since vendors say it more than once, and say
/// more after it: usage, the rest of the reasoning, or that the answer failed after all.
///
/// `[DONE]` says that the stream is over, not that the answer is whole: relays write it also when what they relayed was cut.
/// An answer of whose choices one has no reason to have ended is none, with `[DONE]` or without; with all the reasons it is
/// one, also where `[DONE]` never comes.
pub(super) struct StreamReader {
    document: Document,
    answer: Answer,
}

impl StreamReader {
    pub(super) fn new(seed: &str) -> StreamReader {
        StreamReader {
            document: Document::default(),
            answer: Answer::new(seed),
        }
    }
}

impl EventReader for StreamReader {
    fn read(
        &mut self,
        name: Option<&[u8]>,
        data: &[u8],
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Unheard> {
        if self.answer.is_finished() {
            return Ok(());
        }
        if data.trim_ascii_start().starts_with(b"[DONE]") {
            self.answer.finish(tell);
            return Ok(());
        }
        if name == Some(b"error") {
            return Err(Unheard::Fault(Box::new(error::read(None, data))));
        }
        let chunk = self.document.read(data).map_err(|_| Unheard::Malformed)?;
        if chunk.kind() != Kind::Object {
            return Err(Unheard::Malformed);
        }
        self.answer.take(chunk, tell).map_err(Unheard::Fault)
    }

    fn finish(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        self.answer.finish(tell);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::proof::{delta, finish, hear, listen};
    use super::*;
    use crate::ir::{Arguments, Body, Reply, StopReason};

    /// The answer that the deltas make, ended with `reason`.
    fn heard(deltas: &[&str], reason: &str) -> Reply<'static> {
        let mut events: Vec<String> = deltas.iter().map(|text| delta(text)).collect();
        events.push(finish(reason));
        let (reply, whole) = hear(events.iter().map(|event| &**event));
        assert!(whole);
        reply
    }

    /// Parts as words: what they are, and what is in them.
    fn parts(reply: &Reply<'_>) -> Vec<String> {
        let parts = reply.choices.iter().flat_map(|choice| &choice.parts);
        let words = parts.map(|part| match &part.body {
            Body::Text(text) => format!("text {}", text.text),
            Body::Refusal(text) => format!("refusal {text}"),
            Body::Thinking(thinking) => {
                let seal = thinking.seal.as_ref().map_or("", |seal| &seal.value);
                format!("thinking {} {:?} {seal}", thinking.text, thinking.summaries)
            }
            Body::Call(call) => match &call.arguments {
                Arguments::Json(text) => format!("{} {} {text}", call.id, call.name),
                Arguments::Free(text) => format!("{} {} free {text}", call.id, call.name),
            },
            Body::Audio(media) => {
                let transcript = media.transcript.as_deref();
                format!("audio {:?} {transcript:?}", media.source)
            }
            other => format!("{other:?}"),
        });
        words.collect()
    }

    /// What is odd about it, the deltas, and the parts that they make.
    type Case<'c> = (&'c str, &'c [&'c str], &'c [&'c str]);

    fn check<const N: usize>(cases: [Case<'_>; N]) {
        for (what, deltas, expected) in cases {
            assert_eq!(parts(&heard(deltas, "tool_calls")), expected, "{what}");
        }
    }

    #[test]
    fn reasoning_text_refusal_and_calls_are_parts_of_their_own() {
        let reply = heard(
            &[
                r#"{"role":"assistant","content":"","refusal":null,"tool_calls":[]}"#,
                r#"{"reasoning_content":"th"}"#,
                r#"{"reasoning":"ink","content":null}"#,
                r#"{"content":"he"}"#,
                r#"{"content":"llo"}"#,
                r#"{"refusal":"no"}"#,
                r#"{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}"#,
            ],
            "tool_calls",
        );
        let expected = [
            "thinking think [] ",
            "text hello",
            "refusal no",
            r#"c f {"a":1}"#,
        ];
        assert_eq!(parts(&reply), expected);
        assert_eq!(reply.start.id, "chatcmpl-1");
        assert_eq!(reply.start.created, Some(5));
    }

    #[test]
    fn parallel_calls_come_one_at_a_time_however_they_are_interleaved() {
        let call = |index: u32, id: &str, arguments: &str| {
            let arguments = arguments.replace('"', "\\\"");
            let head = match id {
                "" => String::new(),
                id => format!(r#""id":"{id}","type":"function","#),
            };
            let name = if id.is_empty() {
                String::new()
            } else {
                format!(r#""name":"f{index}","#)
            };
            format!(
                r#"{{"tool_calls":[{{"index":{index},{head}"function":{{{name}"arguments":"{arguments}"}}}}]}}"#
            )
        };
        let expected = [r#"a f0 {"x":1}"#, r#"b f1 {"y":2}"#, "text late"];
        let in_turn = [
            call(0, "a", ""),
            call(0, "", r#"{"x":1}"#),
            call(1, "b", r#"{"y""#),
            call(1, "", ":2}"),
            r#"{"content":"late"}"#.to_owned(),
        ];
        let mixed = [
            call(0, "a", r#"{"x""#),
            call(1, "b", r#"{"y""#),
            r#"{"content":"la"}"#.to_owned(),
            call(1, "", ":2}"),
            call(0, "", ":1}"),
            r#"{"content":"te"}"#.to_owned(),
        ];
        for deltas in [in_turn.to_vec(), mixed.to_vec()] {
            let deltas: Vec<&str> = deltas.iter().map(|text| &**text).collect();
            assert_eq!(parts(&heard(&deltas, "tool_calls")), expected);
        }
    }

    #[test]
    fn what_is_told_first_is_told_at_once() {
        let mut reader = StreamReader::new("seed");
        let mut told = Vec::new();
        for (text, count) in [
            (r#"{"content":"a"}"#, 3),
            (
                r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f"}}]}"#,
                4,
            ),
            (
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}"#,
                6,
            ),
            (
                r#"{"tool_calls":[{"index":1,"id":"d","function":{"name":"f","arguments":"{}"}}]}"#,
                6,
            ),
            (
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}"#,
                9,
            ),
        ] {
            let mut tell = |event: Event<'_>| told.push(format!("{event:?}"));
            reader
                .read(None, delta(text).as_bytes(), &mut tell)
                .unwrap();
            assert_eq!(told.len(), count, "{text} {told:#?}");
        }
    }

    #[test]
    fn a_piece_finds_its_call_by_id_or_index_or_place() {
        let cases: [Case<'_>; 4] = [
            (
                "every call has index 0, but an id of its own",
                &[
                    r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]}"#,
                    r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"g","arguments":"{\"y\":2}"}}]}"#,
                ],
                &[r#"a f {"x":1}"#, r#"b g {"y":2}"#],
            ),
            (
                "no index",
                &[
                    r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}"#,
                    r#"{"tool_calls":[{"function":{"arguments":":1}"}}]}"#,
                    r#"{"tool_calls":[{"id":"b","function":{"name":"g","arguments":"{}"}}]}"#,
                ],
                &[r#"a f {"x":1}"#, "b g {}"],
            ),
            (
                "no ids, all in one chunk",
                &[
                    r#"{"tool_calls":[{"function":{"name":"f","arguments":"{\"x\":1}"}},{"function":{"name":"f","arguments":{"y":2}}}]}"#,
                ],
                &[r#"call_seed_0_0 f {"x":1}"#, r#"call_seed_0_1 f {"y":2}"#],
            ),
            (
                "no ids, and every index is 0",
                &[
                    r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{\"x\":1}"}}]}"#,
                    r#"{"tool_calls":[{"index":0,"function":{"name":"g","arguments":"{\"x\":2}"}}]}"#,
                    r#"{"tool_calls":[{"index":0,"function":{"name":"h","arguments":"{\"x\":3}"}}]}"#,
                ],
                &[
                    r#"call_seed_0_0 f {"x":1}"#,
                    r#"call_seed_0_1 g {"x":2}"#,
                    r#"call_seed_0_2 h {"x":3}"#,
                ],
            ),
        ];
        check(cases);
    }

    #[test]
    fn what_is_said_again_or_in_pieces_is_heard_once() {
        let cases: [Case<'_>; 5] = [
            (
                "id and name are repeated with every piece",
                &[
                    r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}"#,
                    r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}"#,
                    r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":":1}"}}]}"#,
                ],
                &[r#"a f {"x":1}"#],
            ),
            (
                "a name in pieces, an id behind it",
                &[
                    r#"{"tool_calls":[{"index":0,"function":{"name":"get_"}}]}"#,
                    r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"weather"}}]}"#,
                    r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#,
                ],
                &["a get_weather {}"],
            ),
            (
                "all arguments once more at the end",
                &[
                    r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}"#,
                    r#"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}"#,
                    r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]}"#,
                ],
                &[r#"a f {"x":1}"#],
            ),
            (
                "an empty object before the arguments",
                &[
                    r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
                    r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}"#,
                    r#"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}"#,
                ],
                &[r#"a f {"x":1}"#],
            ),
            (
                "no arguments at all, and a call of nothing",
                &[r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}},{"index":1}]}"#],
                &["a f "],
            ),
        ];
        check(cases);
    }

    #[test]
    fn custom_tools_and_functions_of_old_are_calls() {
        let custom = heard(
            &[
                r#"{"tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"c","input":""}}]}"#,
                r#"{"tool_calls":[{"index":0,"custom":{"input":"x "}}]}"#,
                r#"{"tool_calls":[{"index":0,"custom":{"input":"{}"}}]}"#,
            ],
            "tool_calls",
        );
        assert_eq!(parts(&custom), ["a c free x {}"]);
        let old = heard(
            &[
                r#"{"function_call":{"name":"f","arguments":""}}"#,
                r#"{"function_call":{"arguments":"{}"}}"#,
            ],
            "function_call",
        );
        assert_eq!(parts(&old), ["call_seed_0_0 f {}"]);
    }

    #[test]
    fn details_of_reasoning_bring_its_seals() {
        let reply = heard(
            &[
                r#"{"reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"a","index":0,"format":"x"}]}"#,
                r#"{"reasoning":"b","reasoning_details":[{"type":"reasoning.text","text":"b","index":0}]}"#,
                r#"{"reasoning_details":[{"type":"reasoning.text","signature":"s","index":0}]}"#,
                r#"{"reasoning_details":[{"type":"reasoning.summary","summary":"c","index":1}]}"#,
                r#"{"reasoning_details":[{"type":"reasoning.summary","summary":"d","index":1}]}"#,
                r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"t","index":1}]}"#,
                r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"u","index":2}]}"#,
                r#"{"content":"x"}"#,
            ],
            "stop",
        );
        let expected = [
            "thinking ab [] s",
            r#"thinking  ["cd"] t"#,
            "thinking  [] u",
            "text x",
        ];
        assert_eq!(parts(&reply), expected);
    }

    #[test]
    fn audio_images_citations_and_log_probabilities_are_heard() {
        let citation = r#"{"annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":1}}]}"#;
        let reply = heard(
            &[
                r#"{"content":"x"}"#,
                citation,
                r#"{"audio":{"id":"au","transcript":"hi"}}"#,
                r#"{"audio":{"data":"QUJD"}}"#,
                r#"{"audio":{"expires_at":5}}"#,
                r#"{"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}}]}"#,
            ],
            "stop",
        );
        let heard = parts(&reply);
        assert_eq!(heard.len(), 3, "{heard:?}");
        assert!(
            heard[1].contains("QUJD") && heard[1].contains("hi") && heard[1].contains("audio/pcm")
        );
        assert!(heard[2].starts_with("Image"));
        let Body::Text(text) = &reply.choices[0].parts[0].body else {
            panic!();
        };
        assert_eq!(text.citations[0].span, Some((0, 1)));
        let chunk = r#"{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a"}],"refusal":null},"finish_reason":"stop"}]}"#;
        let (reply, _) = hear([chunk]);
        assert_eq!(reply.choices[0].logprobs[0].0, r#"{"token":"a"}"#);
    }

    #[test]
    fn reasons_to_stop_are_told_once_and_last() {
        let twice = heard(&[r#"{"content":"a"}"#], "length");
        assert_eq!(
            twice.choices[0].stop.as_ref().unwrap().reason,
            StopReason::Length
        );
        let events = [
            delta(r#"{"content":"a"}"#),
            finish("stop"),
            delta(r#"{"content":"b"}"#),
            finish("stop"),
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#.to_owned(),
            "[DONE]".to_owned(),
            delta(r#"{"content":"never"}"#),
        ];
        let (told, reply, whole) = listen(events.iter().map(|event| &**event));
        assert!(whole);
        assert_eq!(parts(&reply), ["text ab"]);
        let stops = told.iter().filter(|event| event.starts_with("Stop"));
        assert_eq!(stops.count(), 1);
        assert!(told.last().unwrap().starts_with("End"));
        let usage = told.iter().position(|event| event.starts_with("Usage"));
        let stop = told.iter().position(|event| event.starts_with("Stop"));
        assert!(usage < stop);
    }

    #[test]
    fn only_what_says_that_it_ended_is_whole() {
        let one = delta(r#"{"content":"a"}"#);
        for events in [
            vec![&*one],
            vec![&*one, "[DONE]"],
            vec!["[DONE]"],
            vec![],
            vec![
                r#"{"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{}}]}"#,
            ],
        ] {
            let (_, _, whole) = listen(events.iter().copied());
            assert!(!whole, "{events:?}");
        }
        let done = finish("stop");
        let (_, whole) = hear([&*one, &*done]);
        assert!(whole, "a finish reason and a clean end are an end");
    }

    #[test]
    fn usage_and_tier_are_heard_wherever_they_stand() {
        let places = [
            r#"{"usage":{"prompt_tokens":3},"choices":[{"index":0,"delta":{}}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":3}}"#,
            r#"{"usage":{"prompt_tokens":3}}"#,
            r#"{"choices":[{"index":0,"delta":{},"usage":{"prompt_tokens":3}}]}"#,
            r#"{"choices":[{"index":0,"delta":{}}],"x_groq":{"usage":{"prompt_tokens":3}}}"#,
        ];
        for event in places {
            let (told, reply, _) = listen([event]);
            assert_eq!(reply.usage.input, Some(3), "{event}");
            assert!(told[0].starts_with("Start"), "{told:?}");
        }
        let tier =
            r#"{"id":"a","service_tier":"flex","choices":[{"index":0,"delta":{"content":"a"}}]}"#;
        let (told, reply, _) = listen([tier, tier]);
        assert_eq!(reply.tier.as_deref(), Some("flex"));
        assert!(told[1].starts_with("Tier"));
        assert_eq!(
            told.iter()
                .filter(|event| event.starts_with("Tier"))
                .count(),
            1
        );
    }

    #[test]
    fn the_beginning_is_told_when_it_is_known() {
        let azure = r#"{"id":"","model":"","choices":[],"prompt_filter_results":[{}]}"#;
        let first = delta(r#"{"role":"assistant"}"#);
        let (told, reply, _) = listen([azure, &*first]);
        assert_eq!(told.len(), 1);
        assert_eq!(reply.start.model, "m");
    }

    #[test]
    fn garbage_is_malformed_and_errors_are_faults() {
        let mut reader = StreamReader::new("seed");
        for garbage in ["", "nope", "{", "[]", "null", "{\"a\":1}{"] {
            let heard = reader.read(None, garbage.as_bytes(), &mut |_| {});
            assert_eq!(heard, Err(Unheard::Malformed), "{garbage}");
        }
        for (name, error) in [
            (None, r#"{"error":{"message":"m"}}"#),
            (
                None,
                r#"{"error":{"message":"m"},"choices":[{"index":0,"delta":{"content":""}}]}"#,
            ),
            (None, r#"{"object":"error","message":"m"}"#),
            (None, r#"{"message":"m","code":"1302"}"#),
            (
                None,
                r#"{"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}"#,
            ),
            (None, r#"{"choices":[{"index":0,"error":{"message":"m"}}]}"#),
            (Some(&b"error"[..]), "gone"),
        ] {
            let heard = reader.read(name, error.as_bytes(), &mut |_| {});
            assert!(matches!(heard, Err(Unheard::Fault(_))), "{error}");
        }
        let unknown = r#"{"object":"something.else","x":[1]}"#;
        assert_eq!(reader.read(None, unknown.as_bytes(), &mut |_| {}), Ok(()));
    }

    #[test]
    fn thinking_tags_in_the_content_are_content() {
        let reply = heard(&[r#"{"content":"<think>a</think>b"}"#], "stop");
        assert_eq!(parts(&reply), ["text <think>a</think>b"]);
    }

    #[test]
    fn choices_are_apart() {
        let chunk = |index: u32, text: &str| {
            format!(
                r#"{{"choices":[{{"index":{index},"delta":{{"content":"{text}"}},"finish_reason":"stop"}}]}}"#
            )
        };
        let events = [chunk(1, "b"), chunk(0, "a"), chunk(1, "d"), chunk(0, "c")];
        let (reply, whole) = hear(events.iter().map(|event| &**event));
        assert!(whole);
        assert_eq!(parts(&reply), ["text ac", "text bd"]);
    }

    /// What a vendor may tell next: a piece of a text, or of the arguments of one of three calls.
    fn steps() -> impl Strategy<Value = Vec<(usize, usize)>> {
        proptest::collection::vec((0usize..6, 1usize..4), 0..40)
    }

    proptest! {
        #[test]
        fn nothing_is_lost_however_parts_are_interleaved(steps in steps()) {
            let arguments = [r#"{"a":"}x"}"#, r#"{"b":[{},2]}"#, "{}"];
            let mut told = [0; 3];
            let mut deltas = Vec::new();
            let mut words = [String::new(), String::new(), String::new()];
            for (what, many) in steps {
                let Some(all) = arguments.get(what) else {
                    let (key, at) = [("content", 0), ("reasoning_content", 1), ("refusal", 2)][what - 3];
                    words[at].push_str(&many.to_string());
                    deltas.push(format!(r#"{{"{key}":"{many}"}}"#));
                    continue;
                };
                let from = told[what];
                told[what] = (from + many).min(all.len());
                let piece = all[from..told[what]].replace('"', "\\\"");
                let head = match from {
                    0 => format!(r#""id":"c{what}","function":{{"name":"f","#),
                    _ => r#""function":{"#.to_owned(),
                };
                deltas.push(format!(r#"{{"tool_calls":[{{"index":{what},{head}"arguments":"{piece}"}}}}]}}"#));
            }
            let deltas: Vec<&str> = deltas.iter().map(|text| &**text).collect();
            let reply = heard(&deltas, "stop");
            let mut heard_words = [String::new(), String::new(), String::new()];
            for part in &reply.choices[0].parts {
                match &part.body {
                    Body::Text(text) => heard_words[0].push_str(&text.text),
                    Body::Thinking(thinking) => heard_words[1].push_str(&thinking.text),
                    Body::Refusal(text) => heard_words[2].push_str(text),
                    Body::Call(call) => {
                        let at: usize = call.id[1..].parse().unwrap();
                        let expected = Arguments::Json(arguments[at][..told[at]].into());
                        prop_assert_eq!(&call.arguments, &expected);
                        told[at] = 0;
                    }
                    other => panic!("{other:?}"),
                }
            }
            prop_assert_eq!(heard_words, words);
            prop_assert_eq!(told, [0; 3], "every call was heard, once");
        }

        #[test]
        fn garbage_never_panics(text in "[\\[\\]{}\",:a-z0-9 ]{0,60}", at in 0usize..300, byte in 32u8..127) {
            let mut reader = StreamReader::new("seed");
            let _ignored = reader.read(None, text.as_bytes(), &mut |_| {});
            let call = r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}"#;
            let mut event = delta(call).into_bytes();
            let at = at % event.len();
            event[at] = byte;
            let _ignored = reader.read(None, &event, &mut |_| {});
            reader.finish(&mut |_| {});
        }
    }
}
