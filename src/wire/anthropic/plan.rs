//! What stands where in a request: the system prompt, and messages in the order that the API asks for.
//!
//! The system prompt is what stands before the first other turn. Behind that, system turns stay where they stood: as
//! messages of their own where the vendor takes them (behind a user's message, before the model's or at the end), else as
//! blocks in `<system>` of the user's message there. Messages of one role are joined, outcomes of calls come first in
//! theirs, a user speaks first, and what is empty is left out.

use crate::ir::{At, Body, CacheMark, Format, Part, Role, Source, Turn};
use crate::wire::convert::{Losses, Refused, Traits, turns};

#[derive(Debug, Default)]
pub(super) struct Plan<'r, 'a> {
    pub(super) system: Vec<&'r Part<'a>>,
    pub(super) messages: Vec<Message<'r, 'a>>,
}

#[derive(Debug)]
pub(super) struct Message<'r, 'a> {
    /// Never the developer's.
    pub(super) role: Role,
    /// None: the API wants a user's message here, and nobody has said anything.
    pub(super) pieces: Vec<Piece<'r, 'a>>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'r, 'a> {
    pub(super) part: &'r Part<'a>,
    pub(super) form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    AsItIs,
    /// A system prompt's text among the user's.
    Tagged,
    /// The end of what the model shall go on with: the API refuses white space there.
    Trimmed,
}

pub(super) fn plan<'r, 'a>(
    turns: &'r [Turn<'a>],
    traits: &Traits,
    losses: &mut Losses,
) -> Result<Plan<'r, 'a>, Refused> {
    for turn in turns {
        let name = turn.name.as_ref().map(|name| name.at);
        let phase = turn.phase.as_ref().map(|phase| phase.at);
        let id = turn.id.as_ref().map(|id| id.at);
        losses.add_all(name.as_slice(), "name of a participant");
        for at in [phase, id].into_iter().flatten() {
            losses.hint(at, "what is said about a turn");
        }
    }
    let mut plan = Plan::default();
    let mut messages = Vec::new();
    for (index, message) in turns::messages(turns).into_iter().enumerate() {
        let mut kept = Vec::with_capacity(message.parts.len());
        let mut lost = None;
        for part in message.parts {
            if keeps(part, message.role, traits, losses)? {
                kept.push(part);
            } else if is_medium(part) {
                lost = lost.or(Some(part.at));
            }
        }
        // Without it nobody would have said anything there.
        if let (true, Role::User, Some(at)) = (kept.is_empty(), message.role, lost) {
            let why = "this vendor takes no such media, and nothing else is said there";
            return Err(Refused::new(at, why));
        }
        if index == 0 && message.role == Role::System {
            plan.system = kept;
        } else if !kept.is_empty() {
            messages.push((message.role, kept));
        }
    }
    plan.messages = arrange(messages, traits);
    Ok(plan)
}

fn arrange<'r, 'a>(
    messages: Vec<(Role, Vec<&'r Part<'a>>)>,
    traits: &Traits,
) -> Vec<Message<'r, 'a>> {
    let mut arranged: Vec<Message<'r, 'a>> = Vec::with_capacity(messages.len() + 1);
    let mut rest = messages.into_iter().peekable();
    while let Some((role, parts)) = rest.next() {
        let after_user = arranged.last().is_some_and(|last| last.role == Role::User);
        let before_model = rest.peek().is_none_or(|(role, _)| *role == Role::Assistant);
        let may_be_system = traits.system_turns && after_user && before_model;
        let (role, form) = match role {
            Role::System | Role::Developer if may_be_system => (Role::System, Form::AsItIs),
            Role::System | Role::Developer => (Role::User, Form::Tagged),
            Role::User | Role::Assistant => (role, Form::AsItIs),
        };
        let pieces = parts.into_iter().map(|part| Piece { part, form });
        match arranged.last_mut() {
            Some(last) if last.role == role => last.pieces.extend(pieces),
            _ => arranged.push(Message {
                role,
                pieces: pieces.collect(),
            }),
        }
    }
    let mut called = turns::Called::default();
    for Message { role, pieces } in &mut arranged {
        match role {
            Role::User => pieces.sort_by_key(|piece| !called.answers(piece.part)),
            Role::Assistant => {
                called.forget();
                called.hear(pieces.iter().map(|piece| piece.part));
            }
            Role::System | Role::Developer => {}
        }
    }
    trim_the_end(&mut arranged);
    if arranged
        .first()
        .is_none_or(|first| first.role != Role::User)
    {
        arranged.insert(
            0,
            Message {
                role: Role::User,
                pieces: Vec::new(),
            },
        );
    }
    arranged
}

fn trim_the_end(messages: &mut [Message<'_, '_>]) {
    if let Some(last) = messages.last_mut()
        && last.role == Role::Assistant
        && let Some(piece) = last.pieces.last_mut()
    {
        piece.form = Form::Trimmed;
    }
}

/// Whether the part can be said in a message of that role. What cannot is noted as lost, unless it says nothing.
pub(super) fn keeps(
    part: &Part<'_>,
    role: Role,
    traits: &Traits,
    losses: &mut Losses,
) -> Result<bool, Refused> {
    if let (Some(seal), false) = (&part.seal, matches!(part.body, Body::Thinking(_))) {
        losses.add(seal.at, "signature of what is no thinking");
    }
    let lost: Option<&'static str> = match &part.body {
        Body::Text(text) if is_blank(&text.text) => return Ok(nothing(part, &text.text, losses)),
        Body::Refusal(text) if is_blank(text) => return Ok(nothing(part, text, losses)),
        Body::Text(_) | Body::Refusal(_) => None,
        Body::Image(media) => {
            check_source(part.at, &media.source)?;
            let is_image = match &media.source {
                Source::Url { .. } if role == Role::User && !traits.url_images => {
                    let why = "this vendor takes no images by their address: send their bytes";
                    return Err(Refused::new(part.at, why));
                }
                Source::Inline { .. } | Source::Url { .. } | Source::File { .. } => true,
                Source::Text { .. } | Source::Parts { .. } | Source::Earlier { .. } => false,
            };
            (role != Role::User || !is_image).then_some("image")
        }
        Body::Document(document) => {
            check_source(part.at, &document.source)?;
            (role != Role::User).then_some("document")
        }
        Body::Audio(media)
            if media
                .transcript
                .as_deref()
                .is_some_and(|text| !is_blank(text)) =>
        {
            // What was said is kept; the sound is not.
            losses.add(part.at, "audio");
            None
        }
        Body::Audio(media) => {
            check_source(part.at, &media.source)?;
            Some("audio")
        }
        Body::Video(media) => {
            check_source(part.at, &media.source)?;
            Some("video")
        }
        Body::Thinking(thinking) if role == Role::Assistant => match &thinking.seal {
            Some(_) => None,
            None => {
                losses.hint(part.at, "thinking without its signature");
                return Ok(false);
            }
        },
        Body::Thinking(_) => Some("thinking"),
        Body::Call(_) => (role != Role::Assistant).then_some("call of a tool"),
        Body::Outcome(_) => (role != Role::User).then_some("outcome of a call"),
        Body::Foreign(foreign) => match foreign.format {
            Format::Anthropic => None,
            Format::OpenaiResponses | Format::OpenaiChat | Format::Gemini => {
                Some("what only another format knows")
            }
        },
    };
    if let Some(what) = lost {
        losses.add(part.at, what);
    }
    Ok(lost.is_none())
}

fn is_medium(part: &Part<'_>) -> bool {
    match part.body {
        Body::Image(_) | Body::Audio(_) | Body::Video(_) | Body::Document(_) => true,
        Body::Text(_)
        | Body::Refusal(_)
        | Body::Thinking(_)
        | Body::Call(_)
        | Body::Outcome(_)
        | Body::Foreign(_) => false,
    }
}

/// The API refuses texts of white space.
fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Notes what goes with a text of nothing or of white space.
fn nothing(part: &Part<'_>, text: &str, losses: &mut Losses) -> bool {
    if !text.is_empty() {
        losses.hint(part.at, "text of white space");
    }
    if let Some(CacheMark { at, .. }) = part.cache {
        losses.hint(at, "cache_control");
    }
    false
}

/// What only another vendor has cannot be sent.
fn check_source(at: At, source: &Source<'_>) -> Result<(), Refused> {
    let why = match source {
        Source::Inline { .. } | Source::Url { .. } | Source::Text { .. } | Source::Parts { .. } => {
            return Ok(());
        }
        Source::File {
            format: Format::Anthropic,
            ..
        } => return Ok(()),
        Source::File { .. } => "a file that is stored at another vendor cannot be sent",
        Source::Earlier { .. } => "an answer that is stored at another vendor cannot be sent",
    };
    Err(Refused::new(at, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Call, Media, Outcome, Text};

    fn text(role: Role, text: &'static str) -> Turn<'static> {
        let text = Text {
            text: text.into(),
            citations: Vec::new(),
        };
        Turn::new(
            At::NOWHERE,
            role,
            vec![Part::new(At::NOWHERE, Body::Text(text))],
        )
    }

    fn with(role: Role, body: Body<'static>) -> Turn<'static> {
        Turn::new(At::NOWHERE, role, vec![Part::new(At::NOWHERE, body)])
    }

    fn shown(turns: &[Turn<'_>], system_turns: bool) -> Vec<String> {
        let traits = Traits {
            system_turns,
            ..Traits::default()
        };
        let plan = plan(turns, &traits, &mut Losses::default()).unwrap();
        let part = |piece: &Piece<'_, '_>| {
            let text = match &piece.part.body {
                Body::Text(text) => text.text.to_string(),
                Body::Call(_) => "call".to_owned(),
                Body::Outcome(_) => "outcome".to_owned(),
                other => format!("{other:?}"),
            };
            match piece.form {
                Form::AsItIs => text,
                Form::Tagged => format!("<{text}>"),
                Form::Trimmed => format!("{text}|"),
            }
        };
        plan.messages
            .iter()
            .map(|message| {
                let pieces: Vec<_> = message.pieces.iter().map(part).collect();
                format!("{:?}: {}", message.role, pieces.join(" "))
            })
            .collect()
    }

    #[test]
    fn system_text_in_mid_conversation_stays_where_it_stood() {
        let turns = [
            text(Role::System, "lead"),
            text(Role::User, "a"),
            text(Role::System, "s"),
            text(Role::Assistant, "b"),
            text(Role::Developer, "t"),
            text(Role::User, "c"),
        ];
        let tagged = ["User: a <s>", "Assistant: b", "User: <t> c"];
        assert_eq!(shown(&turns, false), tagged);
        let own = ["User: a", "System: s", "Assistant: b", "User: <t> c"];
        assert_eq!(shown(&turns, true), own);
    }

    #[test]
    fn outcomes_come_right_after_their_calls() {
        let turns = [
            text(Role::User, "a"),
            with(Role::Assistant, Body::Call(Call::default())),
            text(Role::System, "s"),
            text(Role::User, "c"),
            with(Role::User, Body::Outcome(Outcome::default())),
        ];
        let expected = ["User: a", "Assistant: call", "User: outcome <s> c"];
        assert_eq!(shown(&turns, true), expected);
    }

    #[test]
    fn a_user_speaks_first_and_nothing_is_empty() {
        let turns = [
            text(Role::User, " \n"),
            text(Role::Assistant, "a"),
            text(Role::User, ""),
            text(Role::Assistant, "b "),
        ];
        assert_eq!(shown(&turns, false), ["User: ", "Assistant: a b |"]);
        assert_eq!(shown(&[], false), ["User: "]);
    }

    #[test]
    fn media_that_cannot_be_said_are_refused_where_nothing_else_is_said() {
        let audio = || {
            let (mime, base64) = ("audio/wav".into(), "QQ==".into());
            let media = Media::new(Source::Inline { mime, base64 });
            with(Role::User, Body::Audio(media))
        };
        let planned = |turns: &[Turn<'_>]| {
            let mut losses = Losses::default();
            let planned = plan(turns, &Traits::default(), &mut losses);
            planned.map(|_| losses.iter().count())
        };
        assert_eq!(planned(&[text(Role::User, "hear"), audio()]), Ok(1));
        assert!(planned(&[audio()]).is_err());
        let answered = [audio(), text(Role::Assistant, "a"), text(Role::User, "b")];
        assert!(planned(&answered).is_err());
    }
}
