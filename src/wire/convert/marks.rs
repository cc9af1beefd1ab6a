//! Marks of a prompt's cache: how many a vendor takes.

use super::loss::Losses;
use crate::ir::{Body, CacheMark, Format, Part, Request, Source};

/// Anthropic refuses more. OpenAI takes as many as a conversation has.
const ANTHROPICS: usize = 4;

/// Leaves the last marks: what an earlier one has cached is found from a later one too.
pub(super) fn settle(request: &mut Request<'_>, to: Format, losses: &mut Losses) {
    if to != Format::Anthropic {
        return;
    }
    let mut count = 0;
    each(request, &mut |mark| count += usize::from(mark.is_some()));
    let mut many = count.saturating_sub(ANTHROPICS);
    if many == 0 {
        return;
    }
    each(request, &mut |mark| {
        if many > 0
            && let Some(mark) = mark.take()
        {
            many -= 1;
            losses.hint(mark.at, "cache mark");
        }
    });
}

/// In the order in which the vendor reads what they stand on.
fn each<'a>(request: &mut Request<'a>, see: &mut dyn FnMut(&mut Option<CacheMark<'a>>)) {
    for tool in &mut request.tools {
        see(&mut tool.cache);
    }
    for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        each_of(part, see);
    }
    see(&mut request.cache);
}

fn each_of<'a>(part: &mut Part<'a>, see: &mut dyn FnMut(&mut Option<CacheMark<'a>>)) {
    let inner = match &mut part.body {
        Body::Outcome(outcome) => Some(&mut outcome.parts),
        Body::Document(document) => match &mut document.source {
            Source::Parts { parts } => Some(parts),
            Source::Inline { .. }
            | Source::Url { .. }
            | Source::File { .. }
            | Source::Text { .. }
            | Source::Earlier { .. } => None,
        },
        Body::Text(_)
        | Body::Refusal(_)
        | Body::Image(_)
        | Body::Audio(_)
        | Body::Video(_)
        | Body::Thinking(_)
        | Body::Call(_)
        | Body::Foreign(_) => None,
    };
    for part in inner.into_iter().flatten() {
        each_of(part, see);
    }
    see(&mut part.cache);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{At, Role, Text, Turn};

    #[test]
    fn the_last_four_marks_stay_and_the_others_are_told() {
        let part = |at: u32| Part {
            cache: Some(CacheMark {
                at: At(at),
                ttl: None,
            }),
            ..Part::new(At(at), Body::Text(Text::default()))
        };
        let turn = |at| Turn::new(At(at), Role::User, vec![part(at)]);
        let mut request = Request {
            turns: (1..=6).map(turn).collect(),
            ..Request::default()
        };
        let mut losses = Losses::default();
        settle(&mut request, Format::OpenaiResponses, &mut losses);
        assert!(losses.is_empty());
        settle(&mut request, Format::Anthropic, &mut losses);
        let lost: Vec<At> = losses.iter().map(|loss| loss.at).collect();
        assert_eq!(lost, [At(1), At(2)]);
        let mut left = Vec::new();
        each(&mut request, &mut |mark| {
            left.extend(mark.as_ref().map(|mark| mark.at))
        });
        assert_eq!(left, [At(3), At(4), At(5), At(6)]);
    }
}
