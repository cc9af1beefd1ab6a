//! How an endpoint is asked: in which of its formats, and for a stream or not.

use crate::ir::Format;
use crate::proxy::arrival::Arrival;
use crate::proxy::intake::Call;
use crate::proxy::paths::CallKind;
use crate::proxy::wiring::{Line, Vendor};
use crate::route::Seat;
use crate::wire::codec;
use crate::wire::convert::Manner;

/// The way from a client's call to an endpoint.
pub struct Way<'a> {
    pub vendor: &'a Vendor,
    pub line: &'a Line,
    /// What the vendor is asked for; the client gets what it asked for.
    pub manner: Manner,
    /// The call is not sent as it is.
    pub converts: bool,
}

impl<'a> Way<'a> {
    /// `None` where the endpoint speaks nothing that the call can be said in.
    pub fn of(arrival: &'a Arrival, seat: &Seat, call: &Call) -> Option<Way<'a>> {
        let vendor = arrival.wiring.vendor(seat.provider)?;
        let line = match vendor.line(call.format) {
            Some(line) => line,
            None => {
                let others = likely(call.format);
                let can = |format: &Format| match call.kind {
                    CallKind::Conversation => true,
                    CallKind::Count => codec(*format).counting().is_some(),
                    CallKind::Other => false,
                };
                let others = others.into_iter().filter(can);
                others.filter_map(|format| vendor.line(format)).next()?
            }
        };
        let manner = match (call.stream, seat.streaming, seat.non_streaming) {
            _ if call.kind == CallKind::Count => Manner::Whole,
            (true, true, _) | (false, true, false) => Manner::Stream,
            (true, false, _) | (false, _, _) => Manner::Whole,
        };
        let asked = if call.stream {
            Manner::Stream
        } else {
            Manner::Whole
        };
        let converts = match call.kind {
            CallKind::Conversation => {
                line.format != call.format || manner != asked || call.array || call.is_ours()
            }
            CallKind::Count => line.format != call.format,
            CallKind::Other => false,
        };
        Some(Way {
            vendor,
            line,
            manner,
            converts,
        })
    }
}

/// The other formats, that first which keeps most of what this one says.
fn likely(client: Format) -> [Format; 3] {
    use Format::{Anthropic, Gemini, OpenaiChat, OpenaiResponses};
    match client {
        OpenaiChat => [OpenaiResponses, Anthropic, Gemini],
        OpenaiResponses => [Anthropic, OpenaiChat, Gemini],
        Anthropic => [OpenaiResponses, Gemini, OpenaiChat],
        Gemini => [Anthropic, OpenaiResponses, OpenaiChat],
    }
}
