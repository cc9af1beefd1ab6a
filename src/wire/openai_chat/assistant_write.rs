//! Assistant's messages: what the model said, by kinds, as Chat keeps them apart.

use crate::ir::{Arguments, Body, Call, Outcome, Part, Source, Thinking, Turn};
use crate::wire::convert::{ReasoningHabit, Refused};
use crate::wire::json::Writer;

use super::content_write::Content;
use super::message_write::Messages;
use super::tools_write::INPUT;

impl<'r, 'a> Messages<'_, '_, '_, 'r, 'a> {
    pub(super) fn write_assistant(&mut self, turn: &'r Turn<'a>) -> Result<(), Refused> {
        self.lose_marks_of(turn);
        let mut spoken = Spoken {
            content: Content::spoken(),
            ..Spoken::default()
        };
        for part in &turn.parts {
            match &part.body {
                Body::Text(_) | Body::Foreign(_) => spoken.content.add(part, self.out)?,
                Body::Refusal(text) => spoken.refusal.push_str(text),
                Body::Thinking(thinking) => spoken.thinking.push((thinking, part)),
                Body::Call(call) => spoken.calls.push((call, part)),
                Body::Outcome(outcome) => spoken.outcomes.push((outcome, part)),
                Body::Audio(media) => match &media.source {
                    Source::Earlier { id, .. } => spoken.audio = Some(id),
                    Source::Inline { .. }
                    | Source::Url { .. }
                    | Source::File { .. }
                    | Source::Text { .. }
                    | Source::Parts { .. } => self.moved.push(part),
                },
                Body::Image(_) | Body::Video(_) | Body::Document(_) => self.moved.push(part),
            }
        }
        self.check_marks(&spoken);
        let echoed = self.echo(&spoken);
        let has_seals = self.takes_seals() && spoken.thinking.iter().any(is_sealed);
        let is_said = spoken.says_anything() || echoed.is_some() || has_seals;
        let says = is_said || turn.parts.is_empty();
        if says {
            self.open("assistant", Some(turn));
            self.write_spoken(&spoken, echoed)?;
            self.out.writer.close_object();
        }
        for (outcome, part) in spoken.outcomes {
            self.write_outcome(outcome, part)?;
        }
        Ok(())
    }

    /// Marks and seals of parts that have no place for them here.
    fn check_marks(&mut self, spoken: &Spoken<'_, '_>) {
        let thinking = spoken.thinking.iter().map(|(_, part)| part);
        let calls = spoken.calls.iter().map(|(_, part)| part);
        for part in thinking.chain(calls) {
            if let Some(mark) = &part.cache {
                self.out.losses.hint(mark.at, "cache_control");
            }
        }
    }

    /// What is sent back of the reasoning: its words where the vendor wants them. OpenRouter takes seals too.
    fn echo(&mut self, spoken: &Spoken<'_, '_>) -> Option<String> {
        let takes_seals = self.takes_seals();
        let mut words: Option<String> = None;
        for (thinking, part) in &spoken.thinking {
            let is_piece = takes_seals && thinking.seal.is_some();
            if !is_piece {
                self.out.lose(
                    thinking.seal.as_ref(),
                    "seal of an earlier turn's reasoning",
                );
            }
            if is_piece || thinking.redacted {
                continue;
            }
            if !self.out.traits.echo_reasoning {
                self.out
                    .losses
                    .hint(part.at, "reasoning of an earlier turn");
                continue;
            }
            let words = words.get_or_insert_default();
            for piece in shown(thinking) {
                if !words.is_empty() {
                    words.push('\n');
                }
                words.push_str(piece);
            }
        }
        // Vendors that want reasoning back refuse a turn with calls that has none; an empty one will do.
        let wants_some = self.out.traits.echo_reasoning && !spoken.calls.is_empty();
        words.or_else(|| wants_some.then(String::new))
    }

    fn write_spoken(
        &mut self,
        spoken: &Spoken<'_, '_>,
        echoed: Option<String>,
    ) -> Result<(), Refused> {
        let bare = !spoken.refusal.is_empty() || spoken.audio.is_some() || !spoken.calls.is_empty();
        if spoken.content.is_empty() && bare {
            self.out.writer.key("content").null();
        } else {
            spoken.content.write(self.out)?;
        }
        let writer = &mut *self.out.writer;
        if let Some(echoed) = echoed {
            writer.key("reasoning_content").text(&echoed);
        }
        if !spoken.refusal.is_empty() {
            writer.key("refusal").text(&spoken.refusal);
        }
        if let Some(id) = spoken.audio {
            let audio = writer.key("audio").open_object();
            audio.key("id").text(id).close_object();
        }
        self.write_details(spoken);
        if !spoken.calls.is_empty() {
            self.out.writer.key("tool_calls").open_list();
            for (call, part) in &spoken.calls {
                self.write_call(call, part);
            }
            self.out.writer.close_list();
        }
        Ok(())
    }

    /// OpenRouter does, and gives them.
    fn takes_seals(&self) -> bool {
        self.out.traits.reasoning == ReasoningHabit::Reasoning
    }

    fn write_details(&mut self, spoken: &Spoken<'_, '_>) {
        if !self.takes_seals() || !spoken.thinking.iter().any(is_sealed) {
            return;
        }
        let writer = self.out.writer.key("reasoning_details").open_list();
        for (index, (thinking, _)) in spoken.thinking.iter().enumerate() {
            let Some(seal) = &thinking.seal else {
                continue;
            };
            let index = index as u64;
            for summary in &thinking.summaries {
                let piece = writer.open_object().key("type").text("reasoning.summary");
                piece.key("summary").text(summary);
                piece.key("index").number(index).close_object();
            }
            let is_text = !thinking.text.is_empty();
            let piece = writer.open_object().key("type");
            match is_text {
                true => piece
                    .text("reasoning.text")
                    .key("text")
                    .text(&thinking.text),
                false => piece.text("reasoning.encrypted"),
            };
            let key = if is_text { "signature" } else { "data" };
            piece.key(key).text(&seal.value);
            if let Some(id) = &thinking.id {
                piece.key("id").text(id);
            }
            piece.key("index").number(index).close_object();
        }
        writer.close_list();
    }

    fn write_call(&mut self, call: &Call<'_>, part: &Part<'_>) {
        let custom = self.out.traits.custom_tools;
        let writer = self.out.writer.open_object().key("id").text(&call.id);
        match &call.arguments {
            Arguments::Free(input) if custom => {
                writer
                    .key("type")
                    .text("custom")
                    .key("custom")
                    .open_object();
                writer.key("name").text(&call.name);
                writer.key("input").text(input).close_object();
            }
            Arguments::Free(_) | Arguments::Json(_) => {
                let function = writer.key("type").text("function").key("function");
                function.open_object().key("name").text(&call.name);
                let arguments = arguments_text(&call.arguments);
                function.key("arguments").text(&arguments).close_object();
            }
        }
        // Google's own Chat API wants the signature of a call back, here.
        if let Some(seal) = &part.seal {
            let extra = writer.key("extra_content").open_object();
            extra.key("google").open_object();
            extra.key("thought_signature").text(&seal.value);
            extra.close_object().close_object();
        }
        writer.close_object();
        self.out
            .lose(call.namespace.as_ref(), "namespace of a call");
    }
}

fn is_sealed((thinking, _): &(&Thinking<'_>, &Part<'_>)) -> bool {
    thinking.seal.is_some()
}

/// Whatever the model wrote is a string here, be it JSON or not; nothing at all is an empty object.
fn arguments_text(arguments: &Arguments<'_>) -> String {
    match arguments {
        Arguments::Json(text) if text.trim().is_empty() => "{}".to_owned(),
        Arguments::Json(text) => text.to_string(),
        Arguments::Free(input) => {
            let mut out = Vec::new();
            let mut writer = Writer::new(&mut out);
            writer.open_object().key(INPUT).text(input).close_object();
            String::from_utf8(out).unwrap_or_default()
        }
    }
}

/// The words of a thinking part: its text, or where there is none its summaries.
fn shown<'t>(thinking: &'t Thinking<'_>) -> impl Iterator<Item = &'t str> {
    let text = Some(&*thinking.text).filter(|text| !text.is_empty());
    let summaries = thinking.summaries.iter().map(|summary| &**summary);
    let summaries = summaries.filter(move |_| text.is_none());
    text.into_iter().chain(summaries)
}

/// An assistant's turn by kinds, as Chat keeps them apart.
#[derive(Default)]
struct Spoken<'r, 'a> {
    content: Content<'r, 'a>,
    refusal: String,
    thinking: Vec<(&'r Thinking<'a>, &'r Part<'a>)>,
    audio: Option<&'r str>,
    calls: Vec<(&'r Call<'a>, &'r Part<'a>)>,
    outcomes: Vec<(&'r Outcome<'a>, &'r Part<'a>)>,
}

impl Spoken<'_, '_> {
    fn says_anything(&self) -> bool {
        !self.content.is_empty()
            || !self.refusal.is_empty()
            || self.audio.is_some()
            || !self.calls.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::proof::{call, lost, messages, part, request, text, thinking};
    use super::*;
    use crate::ir::{At, Format, Media, Role, Said};
    use crate::wire::convert::Traits;

    #[test]
    fn reasoning_goes_back_only_to_those_who_want_it() {
        let turns = || {
            let arguments = Arguments::Json("{}".into());
            vec![(
                Role::Assistant,
                vec![thinking("hm", "s"), text("a"), call("c", arguments)],
            )]
        };
        let plain = Traits::default();
        assert!(
            messages(turns(), &plain)[0]
                .get("reasoning_content")
                .is_none()
        );
        let losses = [
            "seal of an earlier turn's reasoning",
            "reasoning of an earlier turn",
        ];
        assert_eq!(lost(&request(turns()), &plain), losses);
        let echoing = Traits {
            echo_reasoning: true,
            ..Traits::default()
        };
        assert_eq!(messages(turns(), &echoing)[0]["reasoning_content"], "hm");
        assert_eq!(lost(&request(turns()), &echoing), losses[..1]);
        let openrouter = Traits {
            reasoning: ReasoningHabit::Reasoning,
            ..Traits::default()
        };
        let turns = vec![(
            Role::Assistant,
            vec![thinking("hm", "s"), thinking("", "d")],
        )];
        assert!(lost(&request(turns.clone()), &openrouter).is_empty());
        assert_eq!(
            messages(turns, &openrouter)[0]["reasoning_details"],
            json!([
                {"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0},
                {"type": "reasoning.encrypted", "data": "d", "index": 1},
            ])
        );
    }

    #[test]
    fn a_turn_of_calls_has_some_reasoning_where_the_vendor_wants_it_back() {
        let echoing = Traits {
            echo_reasoning: true,
            ..Traits::default()
        };
        let turns = vec![(
            Role::Assistant,
            vec![call("c", Arguments::Json("{}".into()))],
        )];
        assert_eq!(messages(turns, &echoing)[0]["reasoning_content"], "");
        let turns = vec![(Role::Assistant, vec![text("a")])];
        assert!(
            messages(turns, &echoing)[0]
                .get("reasoning_content")
                .is_none()
        );
    }

    #[test]
    fn a_turn_of_nothing_that_can_be_said_is_left_out() {
        let turns = vec![
            (Role::User, vec![text("a")]),
            (Role::Assistant, vec![thinking("hm", "s")]),
        ];
        let written = messages(turns, &Traits::default());
        assert_eq!(written.as_array().unwrap().len(), 1);
    }

    #[test]
    fn arguments_are_text_whatever_the_model_wrote() {
        let written = |arguments, traits: &Traits| {
            messages(vec![(Role::Assistant, vec![call("c", arguments)])], traits)[0]["tool_calls"]
                [0]
            .clone()
        };
        let plain = Traits::default();
        let broken = written(Arguments::Json(r#"{"a":"#.into()), &plain);
        assert_eq!(broken["function"]["arguments"], r#"{"a":"#);
        let free = written(Arguments::Free("x\"y".into()), &plain);
        assert_eq!(free["custom"], json!({"name": "f", "input": "x\"y"}));
        let without = Traits {
            custom_tools: false,
            ..Traits::default()
        };
        let free = written(Arguments::Free("x\"y".into()), &without);
        assert_eq!(free["function"]["arguments"], r#"{"input":"x\"y"}"#);
    }

    #[test]
    fn the_signature_of_a_call_stands_where_google_wants_it() {
        let mut sealed = call("c", Arguments::Json("{}".into()));
        sealed.seal = Some(Said::new(At(4), "sig".into()));
        let written = messages(vec![(Role::Assistant, vec![sealed])], &Traits::default());
        let call = &written[0]["tool_calls"][0];
        assert_eq!(call["extra_content"]["google"]["thought_signature"], "sig");
    }

    #[test]
    fn refusals_and_audio_of_earlier_answers_have_members_of_their_own() {
        let audio = Media::new(Source::Earlier {
            id: "au".into(),
            format: Format::OpenaiChat,
        });
        let turn = vec![part(Body::Refusal("no".into())), part(Body::Audio(audio))];
        assert_eq!(
            messages(vec![(Role::Assistant, turn)], &Traits::default()),
            json!([{"role": "assistant", "content": null, "refusal": "no", "audio": {"id": "au"}}])
        );
    }
}
