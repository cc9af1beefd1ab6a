use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Of a longer text only its two ends of this many bytes count, and its length: the cost is bounded, and conversations that
/// are the same in all of that may share an endpoint without harm.
const END: usize = 32 * 1024;

/// Claude Code opens its system prompt with a line for the bill that is another one in every request.
const CHANGING: &[u8] = b"x-anthropic-billing-header:";

/// The hash of a conversation's beginning: the system prompt, and the turns up to and including the first of the user.
///
/// It hears the texts as they are written and the members of other parts, and nothing that clients change later on:
/// `cache_control` moves along with the conversation, and a text alone becomes a list of one text part and back.
pub(super) struct Prefix {
    system: u64,
    turns: u64,
    hears: Hears,
    complete: bool,
}

#[derive(Clone, Copy)]
enum Hears {
    Nothing,
    /// Apart from the turns: it may stand before or after them.
    System,
    Turns,
}

impl Prefix {
    pub(super) fn new() -> Prefix {
        Prefix {
            system: 0,
            turns: 0,
            hears: Hears::Nothing,
            complete: false,
        }
    }

    /// The system prompt comes now.
    pub(super) fn begin_system(&mut self) {
        self.hears = Hears::System;
    }

    /// The turns come now.
    pub(super) fn begin_turns(&mut self) {
        self.hears = Hears::Turns;
    }

    /// Neither comes now.
    pub(super) fn pause(&mut self) {
        self.hears = Hears::Nothing;
    }

    /// The first turn of the user is over.
    pub(super) fn complete(&mut self) {
        self.complete = true;
        self.pause();
    }

    #[inline]
    pub(super) fn hear(&mut self, piece: &[u8]) {
        match self.hears {
            Hears::Nothing => {}
            Hears::System => self.system = mix(self.system, lasting(piece)),
            Hears::Turns => self.turns = mix(self.turns, piece),
        }
    }

    /// `None` when the user had no turn.
    pub(super) fn hash(&self) -> Option<u64> {
        let turns = self.turns.to_le_bytes();
        self.complete
            .then(|| xxh3_64_with_seed(&turns, self.system))
    }
}

/// A system text without the line that changes.
fn lasting(piece: &[u8]) -> &[u8] {
    if !piece.starts_with(CHANGING) {
        return piece;
    }
    let end_of_line = piece.iter().position(|byte| *byte == b'\\');
    end_of_line
        .and_then(|end| piece.get(end..))
        .unwrap_or_default()
}

fn mix(hash: u64, piece: &[u8]) -> u64 {
    let head = piece.first_chunk::<END>();
    let tail = piece.last_chunk::<END>();
    match (head, tail) {
        (Some(head), Some(tail)) if piece.len() > 2 * END => {
            let hash = xxh3_64_with_seed(head, hash ^ piece.len() as u64);
            xxh3_64_with_seed(tail, hash)
        }
        _ => xxh3_64_with_seed(piece, hash),
    }
}
