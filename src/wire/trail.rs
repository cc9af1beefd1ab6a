//! What a client has last seen of a stream whose events are numbered, so that an error behind it goes on counting. It is read
//! only if there is one.

use bytes::Bytes;

use super::Codec;

/// The last run of whole events of which one went on. Nothing is held of a format that does not number its events.
#[derive(Debug)]
pub(super) struct Trail {
    last: Option<Bytes>,
    /// An event of the run that has begun went on.
    told: bool,
}

impl Trail {
    pub(super) fn of(codec: &dyn Codec) -> Trail {
        Trail {
            last: codec.numbers_events().then(Bytes::new),
            told: false,
        }
    }

    /// A run begins: to be handed to [`end`](Trail::end).
    pub(super) fn begin(&mut self, run: &Bytes) -> Option<Bytes> {
        self.told = false;
        self.last.is_some().then(|| run.clone())
    }

    /// An event of it goes on, or not.
    pub(super) fn note(&mut self, went_on: bool) {
        self.told |= went_on;
    }

    /// The run is over.
    pub(super) fn end(&mut self, begun: Option<Bytes>) {
        if self.told && begun.is_some() {
            self.last = begun;
        }
    }

    pub(super) fn last(&self) -> &[u8] {
        self.last.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Fault, FaultKind, Format};
    use crate::wire::relay::{End, Relay, StreamKind};

    #[test]
    fn an_error_goes_on_counting_where_events_are_numbered() {
        let event = |number: u32| {
            format!(
                "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"delta\":\"\\\"sequence_number\\\":99\",\"sequence_number\": {number}}}\n\n"
            )
        };
        let told = |pieces: &[String]| {
            let mut relay = Relay::new(Format::OpenaiResponses, StreamKind::Conversation, false);
            for piece in pieces {
                let piece = Bytes::from(piece.clone());
                relay.push(piece, &mut Vec::new()).ok();
            }
            assert!(relay.finish(End::Cut, &mut Vec::new()).is_err());
            let mut out = Vec::new();
            let fault = Fault::new(FaultKind::Internal, 502, "cut");
            relay.write_fault(&fault, &mut out);
            String::from_utf8(out).unwrap()
        };
        let both = [event(7), event(8)].concat();
        let error = "data: {\"type\":\"error\",\"message\":\"m\",\"sequence_number\":9}\n\n";
        for (pieces, number) in [
            (vec![], 0),
            (vec![both.clone()], 9),
            (
                vec![both.clone(), ": ping\n\n".into(), "data: [}\n\n".into()],
                9,
            ),
            (vec![both.clone(), ": a\n\ndata: [}\n\n".into()], 9),
            (vec![both.clone(), event(9)[..40].to_owned()], 9),
            (vec![both.clone(), error.into()], 9),
            (vec![[&both, error].concat()], 10),
        ] {
            let told = told(&pieces);
            assert!(
                told.contains(&format!("\"sequence_number\":{number},")),
                "{pieces:?}: {told}"
            );
        }
    }
}
