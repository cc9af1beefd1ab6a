//! Pieces that only their own format has a word for, on their way to another.

use super::loss::{Losses, Refused};
use crate::ir::{At, Body, Format, Request};
use crate::wire::codec;
use crate::wire::json::Document;

/// What a piece that only one format knows is in the words that all formats have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfolded {
    /// Nothing: it tells of work that the vendor did by itself, and what came of that stands in the text.
    Lost,
    /// Without it this is another conversation.
    Needed(&'static str),
    /// This, and the places of what is not said by it.
    Said(Box<Body<'static>>, Vec<At>),
}

/// Puts what all formats have in the place of what only another format knows.
///
/// # Errors
/// [`Refused`]: without the piece this is another conversation.
pub(super) fn unfold(
    request: &mut Request<'_>,
    to: Format,
    losses: &mut Losses,
) -> Result<(), Refused> {
    let mut document = Document::default();
    for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        let Body::Foreign(foreign) = &part.body else {
            continue;
        };
        if foreign.format == to {
            continue;
        }
        let json = foreign.json.clone();
        let Ok(piece) = document.read(json.0.as_bytes()) else {
            continue;
        };
        match codec(foreign.format).unfold(&foreign.kind, piece) {
            Unfolded::Lost => {}
            Unfolded::Needed(why) => return Err(Refused::new(part.at, why)),
            Unfolded::Said(body, rest) => {
                part.body = *body;
                if let Body::Outcome(outcome) = &mut part.body {
                    for inner in &mut outcome.parts {
                        inner.at = part.at;
                    }
                    if let Some(failed) = &mut outcome.failed {
                        failed.at = inside(part.at, failed.at);
                    }
                }
                for at in rest {
                    losses.add(inside(part.at, at), "");
                }
            }
        }
    }
    Ok(())
}

/// The place in the document of a place in the piece that stands at `piece`.
fn inside(piece: At, at: At) -> At {
    At(piece.0.saturating_add(at.0))
}
