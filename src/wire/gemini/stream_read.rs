use crate::ir::Event;
use crate::wire::error;
use crate::wire::json::{Document, Kind};
use crate::wire::{EventReader, Unheard};

use super::answer_read::Answer;

/// Reads a stream: each event is a `GenerateContentResponse`.
pub(super) struct Reader {
    document: Document,
    answer: Answer,
}

impl Reader {
    pub(super) fn new(seed: &str) -> Reader {
        Reader {
            document: Document::default(),
            answer: Answer::new(seed),
        }
    }
}

impl EventReader for Reader {
    fn read(
        &mut self,
        _name: Option<&[u8]>,
        data: &[u8],
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Unheard> {
        let object = self.document.read(data).map_err(|_| Unheard::Malformed)?;
        if object.kind() != Kind::Object {
            return Err(Unheard::Malformed);
        }
        if object.member("error").is_some() {
            return Err(Unheard::Fault(Box::new(error::read(None, data))));
        }
        self.answer.take(object, tell);
        // Nobody asks a stream for the places of what it could not say.
        self.answer.unsaid.clear();
        Ok(())
    }

    fn finish(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        self.answer.finish(tell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Arguments, Body, Collector, FaultKind, Reply, Stop, StopReason};

    /// The answer that the candidates make, each in an event of its own, and whether it is whole.
    fn collected(candidates: &[&str]) -> (Reply<'static>, bool) {
        let mut reader = Reader::new("seed");
        let mut collector = Collector::default();
        let mut tell = |event: Event<'_>| collector.push(event);
        for candidate in candidates {
            let data = format!(
                r#"{{"candidates":[{candidate}],"modelVersion":"g","responseId":"r","usageMetadata":{{"promptTokenCount":3}}}}"#
            );
            reader.read(None, data.as_bytes(), &mut tell).unwrap();
        }
        reader.finish(&mut tell);
        reader.finish(&mut tell);
        let ended = collector.has_ended();
        (collector.finish(), ended)
    }

    fn parts(parts: &[&str]) -> Vec<String> {
        let mut candidates: Vec<String> = parts
            .iter()
            .map(|parts| format!(r#"{{"content":{{"parts":[{parts}],"role":"model"}}}}"#))
            .collect();
        candidates.push(r#"{"finishReason":"STOP"}"#.to_owned());
        let candidates: Vec<&str> = candidates.iter().map(String::as_str).collect();
        let (reply, ended) = collected(&candidates);
        assert!(ended);
        let shown = |part: &crate::ir::Part<'_>| {
            let seal = part.seal.as_ref().map_or("", |seal| &seal.value);
            match &part.body {
                Body::Text(text) => format!("text {:?} {seal}", text.text),
                Body::Thinking(thinking) => {
                    let seal = thinking.seal.as_ref().map_or("", |seal| &seal.value);
                    format!("thinking {:?} {seal}", thinking.text)
                }
                Body::Call(call) => match &call.arguments {
                    Arguments::Json(json) => format!("{} {} {json} {seal}", call.id, call.name),
                    Arguments::Free(_) => "free".to_owned(),
                },
                Body::Foreign(foreign) => format!("{} {} {seal}", foreign.kind, foreign.json.0),
                Body::Image(_) => "image".to_owned(),
                other => format!("{other:?}"),
            }
        };
        reply.choices[0].parts.iter().map(shown).collect()
    }

    #[test]
    fn chunks_of_a_kind_are_one_part_until_it_is_sealed() {
        let parts = parts(&[
            r#"{"text":"a","thought":true}"#,
            r#"{"text":"b","thought":true},{"text":"","thoughtSignature":"s0"}"#,
            r#"{"text":"x"}"#,
            r#"{"text":"y"},{"text":""}"#,
            r#"{"text":"","thoughtSignature":"s1"}"#,
            r#"{"text":"z"}"#,
            r#"{"functionCall":{"name":"f","args":{"a": 1.0}},"thoughtSignature":"s2"}"#,
            r#"{"thoughtSignature":"s3"}"#,
        ]);
        let expected = [
            "thinking \"ab\" ",
            "text \"\" s0",
            "text \"xy\" s1",
            "text \"z\" ",
            "call_seed_1 f {\"a\": 1.0} s2",
            "text \"\" s3",
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn arguments_in_pieces_are_one_call() {
        let parts = parts(&[
            r#"{"functionCall":{"name":"f","willContinue":true},"thoughtSignature":"s"}"#,
            r#"{"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"B","willContinue":true}],"willContinue":true}}"#,
            r#"{"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"o"}],"willContinue":true}}"#,
            r#"{"functionCall":{}}"#,
            r#"{"functionCall":{"id":"own","name":"g","willContinue":true}}"#,
            r#"{"functionCall":{"name":"h"}}"#,
        ]);
        let expected = [
            "call_seed_1 f {\"a\":\"Bo\"} s",
            "own g {} ",
            "call_seed_2 h {} ",
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn what_only_gemini_has_is_kept_and_thoughts_stay_out_of_content() {
        let parts = parts(&[
            r#"{"executableCode":{"code":"1"},"thoughtSignature":"s"},{"text":""}"#,
            r#"{"inlineData":{"mimeType":"image/png","data":"QUJD"},"thought":true}"#,
            r#"{"inlineData":{"mimeType":"image/png","data":"QUJD"}},5,{"inlineData":7}"#,
        ]);
        let expected = [
            r#"executableCode {"executableCode":{"code":"1"}} s"#,
            "image",
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn an_answer_is_whole_when_every_choice_has_a_reason() {
        let text = r#"{"content":{"parts":[{"text":"a"}]}}"#;
        let second = r#"{"index":1,"content":{"parts":[{"text":"b"}]}}"#;
        let stop = r#"{"finishReason":"MAX_TOKENS","content":{}}"#;
        let (reply, ended) = collected(&[text, second, stop]);
        assert!(!ended);
        assert_eq!(reply.choices.len(), 2);
        assert_eq!(reply.choices[0].stop, Some(Stop::of(StopReason::Length)));
        assert_eq!(reply.choices[1].stop, None);
        assert_eq!(reply.usage.input, Some(3));
        // Said early and again: what comes between is content all the same.
        let early = r#"{"finishReason":"STOP","content":{"parts":[{"text":"a"}]}}"#;
        let (reply, ended) = collected(&[early, early]);
        assert!(ended);
        assert_eq!(reply.choices[0].parts.len(), 1);
        assert!(!collected(&[]).1);
    }

    #[test]
    fn a_refused_prompt_is_an_answer() {
        let mut reader = Reader::new("seed");
        let mut collector = Collector::default();
        let data = br#"{"promptFeedback":{"blockReason":"SAFETY"},"responseId":"r"}"#;
        let mut tell = |event: Event<'_>| collector.push(event);
        reader.read(None, data, &mut tell).unwrap();
        reader.finish(&mut tell);
        assert!(collector.has_ended());
        let stop = collector.finish().choices[0].stop.clone().unwrap();
        assert_eq!(stop.reason, StopReason::ContentFilter);
        assert_eq!(stop.words.as_deref(), Some("SAFETY"));
    }

    #[test]
    fn pings_errors_and_garbage_are_no_answer() {
        let mut reader = Reader::new("seed");
        let mut told = 0;
        let mut tell = |_: Event<'_>| told += 1;
        reader
            .read(None, br#"{"candidates":[]}"#, &mut tell)
            .unwrap();
        for data in ["{", "[]", "5", "", "[DONE]"] {
            let read = reader.read(None, data.as_bytes(), &mut tell);
            assert_eq!(read, Err(Unheard::Malformed), "{data}");
        }
        let fault = br#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#;
        match reader.read(None, fault, &mut tell) {
            Err(Unheard::Fault(fault)) => assert_eq!(fault.kind, FaultKind::Overloaded),
            other => panic!("{other:?}"),
        }
        reader.finish(&mut tell);
        assert_eq!(told, 0);
    }

    #[test]
    fn sources_are_told_of_the_text_that_they_are_for() {
        let (reply, _) = collected(&[
            r#"{"content":{"parts":[{"text":"é is"}]}}"#,
            r#"{"content":{"parts":[{"text":" so","thoughtSignature":"s"}]},"finishReason":"STOP","groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://a"}}],"groundingSupports":[{"segment":{"startIndex":3,"endIndex":8,"text":"is so"},"groundingChunkIndices":[0]}]}}"#,
        ]);
        match &reply.choices[0].parts[..] {
            [part] => match &part.body {
                Body::Text(text) => assert_eq!(text.citations[0].span, Some((2, 7))),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
}
