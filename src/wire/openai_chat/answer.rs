//! An answer, whole or chunk by chunk: a whole one is a stream of one chunk, with `message` for `delta`.

use crate::ir::{At, Body, Delta, Event, Fault, Json, Media, Start, Str};
use crate::wire::error;
use crate::wire::json::{Kind, Value};

use super::called::Piece;
use super::heard::Heard;
use super::media::source_of;
use super::reasoning::{Detail, has_words};
use super::reply_read::{citation, stop_of};
use super::request_read::{filled, text_or_json};
use super::stream::failure;
use super::{message_read, usage};

type Tell<'t> = &'t mut dyn FnMut(Event<'_>);

/// More choices than any vendor gives.
const MAX_CHOICES: usize = 128;

#[derive(Debug, Default)]
pub(super) struct Answer {
    /// What ids are made from where the vendor gives none.
    seed: String,
    choices: Vec<Heard>,
    tier: Option<String>,
    started: bool,
    finished: bool,
}

impl Answer {
    pub(super) fn new(seed: &str) -> Answer {
        Answer {
            seed: seed.to_owned(),
            ..Answer::default()
        }
    }

    /// Takes a chunk, or the whole.
    ///
    /// # Errors
    /// The fault that it says in place of the rest of the answer.
    pub(super) fn take(&mut self, chunk: Value<'_, '_>, tell: Tell<'_>) -> Result<(), Box<Fault>> {
        let mut start = Start::default();
        let (mut choices, mut usage, mut tier) = (None, None, None);
        let mut failure = Failure::default();
        for (key, value) in filled(chunk) {
            match &*key {
                "id" => start.id = value.text().unwrap_or_default(),
                "model" => start.model = value.text().unwrap_or_default(),
                "created" => start.created = value.count(),
                "choices" => choices = Some(value),
                "usage" => usage = Some(value),
                "service_tier" => tier = value.text(),
                // Groq says it here as well, and in streams only here unless asked.
                "x_groq" => usage = usage.or(value.member("usage")),
                key => failure.see(key, value),
            }
        }
        if failure.is_one(choices.is_some()) {
            return Err(Box::new(error::read(None, chunk.raw().as_bytes())));
        }
        let items = || choices.into_iter().flat_map(Value::items);
        // Azure's first chunk has neither: it tells what its filters found in the prompt.
        let is_known = !start.id.is_empty() || !start.model.is_empty();
        let tells = tier.is_some() || usage.is_some() || items().next().is_some();
        if !self.started && (is_known || tells) {
            self.started = true;
            tell(Event::Start(start));
        }
        if let Some(tier) = tier.filter(|tier| Some(&**tier) != self.tier.as_deref()) {
            self.tier = Some(tier.to_string());
            tell(Event::Tier(tier));
        }
        for choice in items() {
            self.take_choice(choice, tell)?;
        }
        if let Some(usage) = usage {
            count(usage, tell);
        }
        Ok(())
    }

    fn take_choice(&mut self, choice: Value<'_, '_>, tell: Tell<'_>) -> Result<(), Box<Fault>> {
        let (mut index, mut said, mut logprobs, mut reason) = (0, None, None, None);
        for (key, value) in filled(choice) {
            match &*key {
                "index" => index = value.count().unwrap_or(0),
                "delta" | "message" => said = Some(value),
                "logprobs" => logprobs = Some(value),
                "finish_reason" => reason = value.text().filter(|text| !text.is_empty()),
                "error" if is_filled(value) => {
                    return Err(Box::new(error::read(None, choice.raw().as_bytes())));
                }
                // Moonshot's place.
                "usage" => count(value, tell),
                _ => {}
            }
        }
        if let Some(fault) = reason.as_deref().and_then(failure) {
            return Err(Box::new(fault));
        }
        let seed = std::mem::take(&mut self.seed);
        if let Some(heard) = self.choice(index) {
            let stop = reason.map(|reason| stop_of(&reason, choice));
            heard.take(said, logprobs, &seed, tell);
            if let Some(stop) = stop {
                heard.stop(stop);
            }
        }
        self.seed = seed;
        Ok(())
    }

    fn choice(&mut self, index: u64) -> Option<&mut Heard> {
        let index = u32::try_from(index).ok()?;
        let at = self.choices.partition_point(|heard| heard.index < index);
        let is_new = self
            .choices
            .get(at)
            .is_none_or(|heard| heard.index != index);
        if is_new {
            if self.choices.len() >= MAX_CHOICES {
                return None;
            }
            self.choices.insert(at, Heard::new(index));
        }
        self.choices.get_mut(at)
    }

    /// The answer is over. Whole it is if every choice that began says why it ended.
    pub(super) fn finish(&mut self, tell: Tell<'_>) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        for choice in &mut self.choices {
            choice.finish(tell);
        }
        if !self.choices.is_empty() && self.choices.iter().all(Heard::has_stopped) {
            tell(Event::End);
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }
}

fn count(usage: Value<'_, '_>, tell: Tell<'_>) {
    let usage = usage::read(usage.raw().as_bytes());
    if usage.is_known() {
        tell(Event::Usage(usage));
    }
}

/// What may tell of an error in place of an answer, as `stream` knows them.
#[derive(Default)]
struct Failure {
    /// An error, or an object that says that it is one.
    is_said: bool,
    message: bool,
    code: bool,
}

impl Failure {
    fn see(&mut self, key: &str, value: Value<'_, '_>) {
        match key {
            "error" => self.is_said |= is_filled(value),
            "object" | "type" => self.is_said |= value.raw() == "\"error\"",
            "message" => self.message = is_filled(value),
            "code" => self.code = true,
            _ => {}
        }
    }

    fn is_one(&self, has_choices: bool) -> bool {
        self.is_said || (!has_choices && self.message && self.code)
    }
}

fn is_filled(value: Value<'_, '_>) -> bool {
    match value.kind() {
        Kind::Null => false,
        Kind::Bool | Kind::Number => true,
        Kind::Text => value.raw().len() > 2,
        Kind::List => value.items().next().is_some(),
        Kind::Object => value.members().next().is_some(),
    }
}

/// What a delta or a message holds.
#[derive(Default)]
struct Delivered<'d, 'a> {
    content: Option<Value<'d, 'a>>,
    refusal: Option<Value<'d, 'a>>,
    /// `reasoning_content` and `reasoning`: two names for one thing.
    reasoning: [Option<Value<'d, 'a>>; 2],
    details: Option<Value<'d, 'a>>,
    annotations: Option<Value<'d, 'a>>,
    audio: Option<Value<'d, 'a>>,
    images: Option<Value<'d, 'a>>,
    calls: Option<Value<'d, 'a>>,
    call: Option<Value<'d, 'a>>,
}

impl Heard {
    fn take(
        &mut self,
        said: Option<Value<'_, '_>>,
        logprobs: Option<Value<'_, '_>>,
        seed: &str,
        tell: Tell<'_>,
    ) {
        let delivered = said.map(Delivered::read).unwrap_or_default();
        self.take_reasoning(&delivered, tell);
        if let Some(content) = delivered.content {
            self.take_content(content, tell);
        }
        if let Some(words) = delivered.refusal.and_then(words) {
            self.refusal(&words, tell);
        }
        if let Some(logprobs) = logprobs {
            self.take_logprobs(logprobs, tell);
        }
        let annotations = delivered.annotations.into_iter().flat_map(Value::items);
        for citation in annotations.filter_map(citation) {
            self.cite(citation, tell);
        }
        if let Some(audio) = delivered.audio {
            self.take_audio(audio, tell);
        }
        for image in delivered.images.into_iter().flat_map(Value::items) {
            let address = image.member("image_url").unwrap_or(image);
            let url = address.member_text("url").or(address.text());
            if let Some(url) = url.filter(|url| !url.is_empty()) {
                let source = source_of(url).into_owned();
                self.whole(Body::Image(Media::new(source)), tell);
            }
        }
        for call in delivered.calls.into_iter().flat_map(Value::items) {
            self.call(&piece_of(call), seed, tell);
        }
        if let Some(call) = delivered.call {
            self.call(&piece_of_function(call), seed, tell);
        }
    }

    /// What vendors say in several ways at once is heard once: in pieces, where these have words.
    fn take_reasoning(&mut self, delivered: &Delivered<'_, '_>, tell: Tell<'_>) {
        let details = delivered.details;
        if !details.is_some_and(has_words) {
            let mut plain = delivered.reasoning.into_iter().flatten().filter_map(words);
            if let Some(words) = plain.next() {
                self.thinking(&words, tell);
            }
        }
        for detail in details.into_iter().flat_map(Value::items) {
            if let Some(detail) = Detail::read(detail, &mut Vec::new()) {
                self.detail(detail, tell);
            }
        }
    }

    /// A text, or (Mistral) a list of texts and thinking.
    fn take_content(&mut self, content: Value<'_, '_>, tell: Tell<'_>) {
        if let Some(words) = words(content) {
            return self.text(&words, tell);
        }
        for part in content.items() {
            if let Some(words) = part.member("text").and_then(words) {
                self.text(&words, tell);
            }
            let Some(thinking) = part.member("thinking") else {
                continue;
            };
            if let Some(words) = words(thinking) {
                self.thinking(&words, tell);
            }
            for piece in thinking.items() {
                if let Some(words) = piece.member("text").and_then(words) {
                    self.thinking(&words, tell);
                }
            }
        }
    }

    fn take_logprobs(&mut self, logprobs: Value<'_, '_>, tell: Tell<'_>) {
        let lists = ["content", "refusal"].map(|name| logprobs.member(name));
        let tokens = lists.into_iter().flatten().flat_map(Value::items);
        let tokens: Vec<Json<'_>> = tokens.map(Value::json).collect();
        if !tokens.is_empty() {
            self.logprobs(tokens, tell);
        }
    }

    fn take_audio(&mut self, audio: Value<'_, '_>, tell: Tell<'_>) {
        let id = audio.member("id").and_then(words);
        let data = audio.member("data").and_then(words);
        let transcript = audio.member("transcript").and_then(words);
        if id.is_none() && data.is_none() && transcript.is_none() {
            return;
        }
        self.audio(
            id.as_deref(),
            mime_of(data.as_deref().unwrap_or_default()),
            tell,
        );
        if let Some(data) = data {
            self.add(Delta::Audio(data), tell);
        }
        if let Some(transcript) = transcript {
            self.add(Delta::Transcript(transcript), tell);
        }
    }
}

/// Only the request said in which format the audio shall be; whole ones show it by their first bytes. Streams have
/// nothing but `pcm16`.
fn mime_of(base64: &str) -> &'static str {
    const KNOWN: [(&str, &str); 6] = [
        ("UklGR", "audio/wav"),
        ("SUQz", "audio/mp3"),
        ("//", "audio/mp3"),
        ("T2dnU", "audio/ogg"),
        ("ZkxhQ", "audio/flac"),
        ("AAAA", "audio/aac"),
    ];
    let known = KNOWN.iter().find(|(begin, _)| base64.starts_with(begin));
    known.map_or("audio/pcm", |(_, mime)| mime)
}

fn words<'a>(value: Value<'_, 'a>) -> Option<Str<'a>> {
    value.text().filter(|text| !text.is_empty())
}

impl<'d, 'a> Delivered<'d, 'a> {
    fn read(said: Value<'d, 'a>) -> Delivered<'d, 'a> {
        let mut found = Delivered::default();
        for (key, value) in filled(said) {
            let slot = match &*key {
                "content" => &mut found.content,
                "refusal" => &mut found.refusal,
                "reasoning_content" => &mut found.reasoning[0],
                "reasoning" => &mut found.reasoning[1],
                "reasoning_details" => &mut found.details,
                "annotations" => &mut found.annotations,
                "audio" => &mut found.audio,
                "images" => &mut found.images,
                "tool_calls" => &mut found.calls,
                "function_call" => &mut found.call,
                _ => continue,
            };
            *slot = Some(value);
        }
        found
    }
}

/// Whether the vocabulary can say the member of a message, or it means nothing outside of this format.
pub(super) fn is_heard(key: &str, value: Value<'_, '_>, unsaid: &mut Vec<At>) -> bool {
    match key {
        "annotations" => {
            let unheard = value.items().filter(|item| citation(*item).is_none());
            unsaid.extend(unheard.map(Value::at));
            true
        }
        "role" | "content" | "refusal" | "reasoning_content" | "reasoning" | "audio" | "images"
        | "reasoning_details" | "tool_calls" | "function_call" | "name" | "channel" => true,
        _ => !is_filled(value),
    }
}

fn piece_of<'a>(value: Value<'_, 'a>) -> Piece<'a> {
    let mut piece = Piece::default();
    for (key, value) in filled(value) {
        match &*key {
            "index" => piece.index = value.count(),
            "id" => piece.id = value.text().unwrap_or_default(),
            "function" => read_function(value, &mut piece),
            "custom" => {
                piece.free = true;
                piece.name = value.member_text("name").unwrap_or_default();
                piece.arguments = value.member_text("input").unwrap_or_default();
            }
            "type" => piece.free |= value.text().as_deref() == Some("custom"),
            "extra_content" => {
                piece.seal = message_read::seal_of_extra(value).map(|said| said.value);
            }
            _ => {}
        }
    }
    piece
}

/// `function_call`, from before there were tools: there is only one.
fn piece_of_function<'a>(value: Value<'_, 'a>) -> Piece<'a> {
    let mut piece = Piece {
        index: Some(u64::MAX),
        ..Piece::default()
    };
    read_function(value, &mut piece);
    piece
}

fn read_function<'a>(value: Value<'_, 'a>, piece: &mut Piece<'a>) {
    piece.name = value.member_text("name").unwrap_or_default();
    // Some vendors give the object itself.
    let arguments = value.member("arguments").map(text_or_json);
    piece.arguments = arguments.unwrap_or_default();
}
