//! How an answer becomes the client's: told anew where the request was converted, or where the answer came in another manner
//! than it was asked for.

use crate::clock;
use crate::ir::Format;
use crate::proxy::arrival::Arrival;
use crate::proxy::intake::Call;
use crate::proxy::paths::CallKind;
use crate::wire::codec;
use crate::wire::convert::{Course, Issuer, Manner, Ready, Telling};
use crate::wire::embed;
use crate::wire::json::Document;
use crate::wire::resume::{self, Shown};

/// What there is to know for telling an answer anew.
pub struct Teller<'a> {
    pub call: &'a Call,
    pub arrival: &'a Arrival,
    /// Who answers.
    pub issuer: Issuer,
    /// The vendor's name of the model.
    pub model: &'a str,
    /// How the request was converted; `None`: it went as it came.
    pub ready: Option<&'a Ready>,
    /// It goes on with an answer that broke off.
    pub resumes: Option<Resumes<'a>>,
    /// The answer is no conversation.
    pub vectors: Option<&'a embed::Back>,
}

/// What is gone on with, and how.
#[derive(Clone, Copy)]
pub struct Resumes<'a> {
    pub shown: &'a Shown,
    pub way: resume::Way,
}

impl Teller<'_> {
    pub fn converts(&self) -> bool {
        self.ready.is_some()
    }

    pub fn client(&self) -> Format {
        self.call.format
    }

    /// What the client wants.
    pub fn manner(&self) -> Manner {
        self.call.manner()
    }

    /// The name that the client is told for the model; empty: the vendor's.
    pub fn name(&self) -> &str {
        self.call.rename(self.arrival).unwrap_or_default()
    }

    /// What was lost on the way there, and then on the way back.
    pub fn dropped(&self, back: Vec<String>) -> Vec<String> {
        match self.ready.map(|ready| &ready.dropped[..]) {
            None | Some([]) => back,
            Some(there) => [there, &back].concat(),
        }
    }

    pub fn course(&self) -> Course {
        Course {
            from: self.issuer,
            client: self.client(),
            back: self
                .ready
                .map(|ready| ready.back.clone())
                .unwrap_or_default(),
            telling: self.telling(),
        }
    }

    fn telling(&self) -> Telling {
        let call = self.call;
        let seed = self.arrival.stamp.id.as_str().bytes();
        let (usage, echo) = match self.ready {
            Some(ready) => (ready.stream_usage, ready.echo.clone()),
            None => (self.wants_usage(), self.echo()),
        };
        Telling {
            model: self.name().to_owned(),
            upstream: self.model.to_owned(),
            seed: seed
                .filter(u8::is_ascii_alphanumeric)
                .map(char::from)
                .collect(),
            now: clock::wall().as_secs(),
            usage,
            echo,
            array: call.array,
            completion: call.kind == CallKind::Completion,
            own_id: String::new(),
        }
    }

    fn wants_usage(&self) -> bool {
        self.client() != Format::OpenaiChat || self.call.scan.stream_options.asked()
    }

    fn echo(&self) -> String {
        let mut document = Document::default();
        let root = document.read(&self.call.body.bytes);
        root.map_or_else(|_| String::new(), |root| codec(self.client()).echo(root))
    }
}
