//! A stream on its way to a client, whichever way it takes: in its own format or from another.

use bytes::Bytes;

use super::convert::{Keepsake, Transcode};
use super::relay::{End, Progress, Relay};
use super::rename::Rename;
use super::watch::SealWatch;
use crate::ir::{Fault, Usage};

/// The stream machine of one answer.
pub enum Passage {
    /// The vendor's bytes.
    Same(Box<Relay>),
    /// The vendor's bytes, but for the model's name; or looked at for opaque state.
    Looked(Box<Looked>),
    /// The client's format, written anew.
    Other(Box<Transcode>),
}

/// A stream that is more than relayed.
pub struct Looked {
    pub relay: Relay,
    pub rename: Option<Rename>,
    pub watch: Option<SealWatch>,
}

impl Looked {
    fn pass(&mut self, whole: Vec<Bytes>, out: &mut Vec<Bytes>) {
        if let Some(watch) = &mut self.watch {
            watch.events(&whole);
        }
        match &mut self.rename {
            Some(rename) => whole.into_iter().for_each(|run| rename.events(run, out)),
            None => out.extend(whole),
        }
    }
}

impl Passage {
    /// Takes what came from the vendor and appends what goes to the client.
    ///
    /// # Errors
    /// As [`Relay::push`].
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        match self {
            Passage::Same(relay) => relay.push(chunk, out),
            Passage::Looked(looked) => {
                let mut whole = Vec::new();
                let pushed = looked.relay.push(chunk, &mut whole);
                looked.pass(whole, out);
                pushed
            }
            Passage::Other(transcode) => transcode.push(chunk, out),
        }
    }

    /// The transport has ended.
    ///
    /// # Errors
    /// As [`Relay::finish`].
    pub fn finish(&mut self, end: End, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        match self {
            Passage::Same(relay) => relay.finish(end, out),
            Passage::Looked(looked) => {
                let mut whole = Vec::new();
                let finished = looked.relay.finish(end, &mut whole);
                looked.pass(whole, out);
                finished
            }
            Passage::Other(transcode) => transcode.finish(end, out),
        }
    }

    /// Ends the client's stream with an error.
    pub fn write_fault(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        match self {
            Passage::Same(relay) => relay.write_fault(fault, out),
            Passage::Looked(looked) => looked.relay.write_fault(fault, out),
            Passage::Other(transcode) => transcode.write_fault(fault, out),
        }
    }

    pub fn progress(&self) -> Progress {
        match self {
            Passage::Same(relay) => relay.progress(),
            Passage::Looked(looked) => looked.relay.progress(),
            Passage::Other(transcode) => transcode.progress(),
        }
    }

    /// How many events have come. Comments are none.
    pub fn events(&self) -> u64 {
        match self {
            Passage::Same(relay) => relay.events(),
            Passage::Looked(looked) => looked.relay.events(),
            Passage::Other(transcode) => transcode.events(),
        }
    }

    /// Whether a fault that was given is the vendor's own word.
    pub fn said_error(&self) -> bool {
        match self {
            Passage::Same(relay) => relay.said_error(),
            Passage::Looked(looked) => looked.relay.said_error(),
            Passage::Other(transcode) => transcode.said_error(),
        }
    }

    pub fn usage(&self) -> Usage {
        match self {
            Passage::Same(relay) => relay.usage(),
            Passage::Looked(looked) => looked.relay.usage(),
            Passage::Other(transcode) => transcode.usage(),
        }
    }

    pub fn malformed(&self) -> u32 {
        match self {
            Passage::Same(relay) => relay.malformed(),
            Passage::Looked(looked) => looked.relay.malformed(),
            Passage::Other(transcode) => transcode.malformed(),
        }
    }

    /// What there is to remember since the last time.
    pub fn keepsakes(&mut self) -> Vec<Keepsake> {
        match self {
            Passage::Same(_) => Vec::new(),
            Passage::Looked(looked) => looked.watch.as_mut().map_or_else(Vec::new, SealWatch::take),
            Passage::Other(transcode) => transcode.keepsakes(),
        }
    }

    /// What the client's format could not say, by the end.
    pub fn dropped(&self) -> Vec<&'static str> {
        match self {
            Passage::Same(_) | Passage::Looked(_) => Vec::new(),
            Passage::Other(transcode) => transcode.losses().iter().map(|loss| loss.what).collect(),
        }
    }
}
