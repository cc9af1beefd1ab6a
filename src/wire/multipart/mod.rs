//! Forms (`multipart/form-data`, RFC 7578): where the model is named in them, found as the bytes come.
//!
//! Owns the walk from boundary to boundary ([`Form`]) and, in `head`, what the headers of a part announce. Files go by
//! unread. What another parser could take for something else is refused, so that what was checked is what is served: a
//! boundary that stands anywhere but between parts, two parts for the model, header lines that are folded, names that are
//! given twice or encoded. Nothing grows with the body: the headers of a part are bounded, and so is a value that is read.
//!
//! Never does: keep the body, or change it. Whoever keeps it puts another name where [`Found`] says.
//!
//! Start with [`Form::of`], then [`Form::push`].

mod head;

use std::ops::Range;

use memchr::memmem::{self, Finder};

use head::{Wanted, parameters, wanted_field};

/// The most that the headers of one part may take.
pub const MOST_HEADERS: usize = 8 << 10;
/// The longest value of a field that is read.
pub const MOST_VALUE: usize = 1 << 10;
/// RFC 2046, section 5.1.1.
const MOST_BOUNDARY: usize = 70;
/// Spaces behind a boundary.
const MOST_PADDING: usize = 64;

/// Why a form cannot be taken. All of them are the client's fault; the texts are for the client. `at` counts bytes from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error("Content-Type multipart/form-data names no boundary (RFC 7578, section 4.1)")]
    NoBoundary,
    #[error("the boundary in Content-Type is not one (RFC 2046, section 5.1.1)")]
    BadBoundary,
    #[error("the form is not as RFC 7578 says, at byte {at}: {what}")]
    Malformed { at: usize, what: &'static str },
    #[error("a part of the form has headers of more than {MOST_HEADERS} bytes, at byte {at}")]
    HeadersTooLong { at: usize },
    #[error("the form has the field `{0}` twice")]
    Twice(&'static str),
    #[error("the form's field `{0}` is longer than {MOST_VALUE} bytes")]
    ValueTooLong(&'static str),
    #[error("the form's field `{0}` is not UTF-8")]
    NotText(&'static str),
    #[error("the form ends before its last boundary")]
    Truncated,
}

/// What was looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub model: Option<Field>,
    /// `stream: true`.
    pub stream: bool,
}

/// A field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Where it stands in the body.
    pub span: Range<usize>,
    pub value: String,
}

/// Reads a form.
pub struct Form {
    /// `--` and the boundary.
    delimiter: Finder<'static>,
    /// What was not yet stepped over.
    held: Vec<u8>,
    /// Offset in the body of the first byte that is held.
    base: usize,
    place: Place,
    /// Of the field that is being read.
    value: Vec<u8>,
    model: Option<Field>,
    stream: Option<Field>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first boundary.
    Preamble,
    /// Right behind `--boundary`.
    Behind,
    /// In the headers of a part, the line end before them included.
    Head,
    Content {
        wanted: Option<Wanted>,
        start: usize,
    },
    /// Right behind the last boundary.
    Closed,
    Epilogue,
}

/// What a step led to: how far it went, and whether another may follow.
enum Step {
    On(usize),
    Wait(usize),
}

impl Form {
    /// For a `Content-Type` of `multipart/form-data`.
    ///
    /// # Errors
    /// [`FormError::NoBoundary`], [`FormError::BadBoundary`].
    pub fn of(content_type: &[u8]) -> Result<Form, FormError> {
        let all = parameters(content_type).map_err(|_| FormError::BadBoundary)?;
        let mut named = all.iter().filter(|(name, _)| name == b"boundary");
        let (boundary, second) = (named.next(), named.next());
        let (_, boundary) = boundary.ok_or(FormError::NoBoundary)?;
        let is_one = (1..=MOST_BOUNDARY).contains(&boundary.len())
            && boundary.iter().all(|b| b.is_ascii_graphic() || *b == b' ')
            && !boundary.ends_with(b" ")
            && second.is_none();
        if !is_one {
            return Err(FormError::BadBoundary);
        }
        let delimiter = [b"--", boundary.as_slice()].concat();
        Ok(Form {
            delimiter: Finder::new(&delimiter).into_owned(),
            held: Vec::new(),
            base: 0,
            place: Place::Preamble,
            value: Vec::new(),
            model: None,
            stream: None,
        })
    }

    /// Takes the next bytes of the body.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), FormError> {
        self.held.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            match self.step(at)? {
                Step::On(next) => at = next,
                Step::Wait(next) => {
                    at = next;
                    break;
                }
            }
        }
        self.held.drain(..at.min(self.held.len()));
        self.base += at;
        Ok(())
    }

    /// The body is over.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn finish(self) -> Result<Found, FormError> {
        if !matches!(self.place, Place::Closed | Place::Epilogue) {
            return Err(FormError::Truncated);
        }
        let says_yes = |field: Field| matches!(&*field.value, "true" | "True" | "TRUE" | "1");
        Ok(Found {
            model: self.model,
            stream: self.stream.is_some_and(says_yes),
        })
    }

    fn rest(&self, at: usize) -> &[u8] {
        self.held.get(at..).unwrap_or_default()
    }

    fn malformed(&self, at: usize, what: &'static str) -> FormError {
        FormError::Malformed {
            at: self.base + at,
            what,
        }
    }

    fn step(&mut self, at: usize) -> Result<Step, FormError> {
        match self.place {
            Place::Preamble => self.seek(at, 0),
            Place::Content { wanted, start } => self.read_content(at, wanted, start),
            Place::Behind => self.read_behind(at),
            Place::Head => self.read_head(at),
            Place::Closed => match self.rest(at).first() {
                None => Ok(Step::Wait(at)),
                Some(b'\r' | b' ' | b'\t') => {
                    self.place = Place::Epilogue;
                    Ok(Step::On(at))
                }
                Some(_) => Err(self.malformed(at, "the last boundary goes on")),
            },
            Place::Epilogue => match self.delimiter.find(self.rest(at)) {
                Some(found) => Err(self.malformed(at + found, "a boundary after the last one")),
                None => Ok(Step::Wait(at.max(self.undecided()))),
            },
        }
    }

    /// From here on what is held may be the beginning of a delimiter, with the line end before it.
    fn undecided(&self) -> usize {
        let most = self.delimiter.needle().len() + 1;
        self.held.len().saturating_sub(most)
    }

    /// Seeks the next delimiter. `start`: where in the body its line end may stand at the earliest.
    fn seek(&mut self, at: usize, start: usize) -> Result<Step, FormError> {
        let Some(found) = self.delimiter.find(self.rest(at)) else {
            return Ok(Step::Wait(at.max(self.undecided())));
        };
        let found = at + found;
        let is_first_line = self.base + found == 0;
        let line_end = found.checked_sub(2).filter(|end| self.base + end >= start);
        let ends_line = line_end.and_then(|end| self.held.get(end..found)) == Some(b"\r\n");
        if !is_first_line && !ends_line {
            return Err(self.malformed(found, "the boundary stands within a part"));
        }
        self.place = Place::Behind;
        Ok(Step::On(found + self.delimiter.needle().len()))
    }

    fn read_content(
        &mut self,
        at: usize,
        wanted: Option<Wanted>,
        start: usize,
    ) -> Result<Step, FormError> {
        let step = self.seek(at, start)?;
        let Some(wanted) = wanted else {
            return Ok(step);
        };
        let until = match step {
            Step::On(next) => next.saturating_sub(self.delimiter.needle().len() + 2),
            Step::Wait(next) => next,
        };
        let more = self.held.get(at..until).unwrap_or_default();
        if self.value.len() + more.len() > MOST_VALUE {
            return Err(FormError::ValueTooLong(wanted.name()));
        }
        self.value.extend_from_slice(more);
        if let Step::On(_) = step {
            let value = String::from_utf8(std::mem::take(&mut self.value))
                .map_err(|_| FormError::NotText(wanted.name()))?;
            let field = Some(Field {
                span: start..start + value.len(),
                value,
            });
            match wanted {
                Wanted::Model => self.model = field,
                Wanted::Stream => self.stream = field,
            }
        }
        Ok(step)
    }

    fn read_behind(&mut self, at: usize) -> Result<Step, FormError> {
        let rest = self.rest(at);
        let padding = rest.iter().take_while(|b| matches!(b, b' ' | b'\t'));
        let padding = padding.count();
        let (place, next) = match (rest.get(..2), rest.get(padding..padding + 2)) {
            (Some(b"--"), _) => (Place::Closed, at + 2),
            (_, Some(b"\r\n")) => (Place::Head, at + padding),
            (_, None) if padding <= MOST_PADDING => return Ok(Step::Wait(at)),
            (_, Some(_) | None) => {
                return Err(self.malformed(at, "the line of the boundary goes on"));
            }
        };
        self.place = place;
        Ok(Step::On(next))
    }

    fn read_head(&mut self, at: usize) -> Result<Step, FormError> {
        let rest = self.rest(at);
        let end = memmem::find(rest, b"\r\n\r\n");
        let too_long = || FormError::HeadersTooLong { at: self.base + at };
        if end.unwrap_or(rest.len()) > MOST_HEADERS {
            return Err(too_long());
        }
        let Some(end) = end else {
            return Ok(Step::Wait(at));
        };
        let lines = rest.get(..end).unwrap_or_default();
        if self.delimiter.find(lines).is_some() {
            return Err(self.malformed(at, "the boundary stands within headers"));
        }
        let wanted = wanted_field(lines).map_err(|what| self.malformed(at, what))?;
        let again = match wanted {
            Some(Wanted::Model) => self.model.is_some(),
            Some(Wanted::Stream) => self.stream.is_some(),
            None => false,
        };
        if let Some(wanted) = wanted.filter(|_| again) {
            return Err(FormError::Twice(wanted.name()));
        }
        let next = at + end + 4;
        self.place = Place::Content {
            wanted,
            start: self.base + next,
        };
        Ok(Step::On(next))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &[u8] = b"multipart/form-data; boundary=XyZ";

    fn read_in(pieces: &[&[u8]]) -> Result<Found, FormError> {
        let mut form = Form::of(TYPE)?;
        for piece in pieces {
            form.push(piece)?;
        }
        form.finish()
    }

    fn read(body: &[u8]) -> Result<Found, FormError> {
        read_in(&[body])
    }

    fn part(head: &str, content: &str) -> String {
        format!("--XyZ\r\n{head}\r\n\r\n{content}\r\n")
    }

    fn field(name: &str, value: &str) -> String {
        part(
            &format!("Content-Disposition: form-data; name=\"{name}\""),
            value,
        )
    }

    fn file(content: &str) -> String {
        let head = "Content-Disposition: form-data; name=\"file\"; filename=\"a; name=\\\"model\\\".wav\"\r\nContent-Type: audio/wav";
        part(head, content)
    }

    fn whole(parts: &[String]) -> String {
        format!("{}--XyZ--\r\n", parts.concat())
    }

    fn usual() -> String {
        whole(&[
            file("RIFF\r\n--XyQ\r\n\r\n-- data \0\x01"),
            field("model", "whisper-1"),
            field("stream", "true"),
            field("prompt", ""),
        ])
    }

    #[test]
    fn the_model_is_found_where_it_stands() {
        let body = usual();
        let found = read(body.as_bytes()).unwrap();
        let model = found.model.unwrap();
        assert_eq!(&body[model.span], "whisper-1");
        assert_eq!(model.value, "whisper-1");
        assert!(found.stream);
    }

    #[test]
    fn other_habits_of_writing_are_read_too() {
        for head in [
            "content-disposition:form-data;name=model",
            "CONTENT-DISPOSITION: form-data; NAME = \"model\" ;",
            "Content-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\nContent-Disposition: form-data; name=\"model\"",
        ] {
            let body = format!("before\r\n--XyZ \t\r\n{head}\r\n\r\nm\r\n--XyZ--");
            let found = read(body.as_bytes()).unwrap_or_else(|e| panic!("{head}: {e}"));
            assert_eq!(found.model.unwrap().value, "m", "{head}");
        }
        for content_type in [
            "multipart/form-data;boundary=\"XyZ\"",
            "multipart/form-data; charset=utf-8; Boundary=XyZ",
        ] {
            let mut form = Form::of(content_type.as_bytes()).unwrap();
            form.push(usual().as_bytes()).unwrap();
            assert!(form.finish().unwrap().model.is_some());
        }
    }

    #[test]
    fn a_form_without_a_model_has_none() {
        for parts in [
            vec![],
            vec![file("x"), field("Model", "m"), field("models", "m")],
            vec![part("Content-Type: text/plain", "model")],
        ] {
            let body = match parts.is_empty() {
                true => "--XyZ--".to_owned(),
                false => whole(&parts),
            };
            assert_eq!(read(body.as_bytes()).unwrap(), Found::default());
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let model = field("model", "m");
        for body in [
            // A boundary within a part, as parsers see it that take a line feed for a line end, or no line end.
            whole(&[
                file("x\n--XyZ\r\nContent-Disposition: form-data; name=\"model\"\n\nn"),
                model.clone(),
            ]),
            whole(&[file("x--XyZ"), model.clone()]),
            whole(&[file("x\r\n--XyZa"), model.clone()]),
            whole(&[
                part("", "x").replacen("\r\n\r\nx", "\r\n--XyZ\r\n\r\nx", 1),
                model.clone(),
            ]),
            format!(
                "{}{}",
                whole(std::slice::from_ref(&model)),
                whole(std::slice::from_ref(&model))
            ),
            whole(std::slice::from_ref(&model)).replace("--XyZ--\r\n", "--XyZ--more"),
            // Names given twice, encoded, folded, or cut.
            whole(&[part(
                "Content-Disposition: form-data; name=\"x\"; name=\"model\"",
                "m",
            )]),
            whole(&[part(
                "Content-Disposition: form-data; name*=utf-8''model",
                "m",
            )]),
            whole(&[part(
                "Content-Disposition: form-data;\r\n name=\"model\"",
                "m",
            )]),
            whole(&[part("Content-Disposition: form-data; name=\"model", "m")]),
            whole(&[part(
                "Content-Disposition: form-data; name=\"a\" \"model\"",
                "m",
            )]),
            whole(&[part(
                "Content-Disposition: form-data\r\nContent-Disposition: form-data; name=model",
                "m",
            )]),
            whole(&[part(
                "Content-Disposition: form-data; name=model\nx: y",
                "m",
            )]),
            whole(&[part("Content-Disposition form-data", "m")]),
            whole(&[part(
                "Content-Disposition: form-data; name=model\r\nContent-Transfer-Encoding: base64",
                "bQ==",
            )]),
        ] {
            let refused = read(body.as_bytes());
            assert!(
                matches!(refused, Err(FormError::Malformed { .. })),
                "{body}: {refused:?}"
            );
        }
        assert_eq!(
            read(whole(&[model.clone(), model.clone()]).as_bytes()),
            Err(FormError::Twice("model"))
        );
    }

    #[test]
    fn nothing_in_a_form_is_without_bound() {
        let long = "x".repeat(MOST_HEADERS);
        let body = whole(&[part(&format!("a: {long}"), "")]);
        assert_eq!(
            read(body.as_bytes()),
            Err(FormError::HeadersTooLong { at: 5 })
        );
        let body = whole(&[field("model", &"m".repeat(MOST_VALUE + 1))]);
        assert_eq!(read(body.as_bytes()), Err(FormError::ValueTooLong("model")));
        let body = format!("--XyZ{}\r\n", " ".repeat(MOST_PADDING + 1));
        assert!(matches!(
            read_in(&[body.as_bytes(), b"x: y\r\n\r\n\r\n--XyZ--"]),
            Ok(_) | Err(FormError::Malformed { .. })
        ));
        let mut form = Form::of(TYPE).unwrap();
        for _ in 0..1000 {
            form.push(&[b'-'; 1000]).unwrap();
            assert!(form.held.len() < 2000);
        }
    }

    #[test]
    fn a_boundary_is_needed_and_has_to_be_one() {
        for (content_type, error) in [
            ("multipart/form-data", FormError::NoBoundary),
            ("multipart/form-data; charset=x", FormError::NoBoundary),
            ("multipart/form-data; boundary=", FormError::BadBoundary),
            ("multipart/form-data; boundary=\"a", FormError::BadBoundary),
            (
                "multipart/form-data; boundary=a; boundary=b",
                FormError::BadBoundary,
            ),
            (
                "multipart/form-data; boundary=\"a \"",
                FormError::BadBoundary,
            ),
        ] {
            assert_eq!(
                Form::of(content_type.as_bytes()).err(),
                Some(error),
                "{content_type}"
            );
        }
        let long = format!("multipart/form-data; boundary={}", "b".repeat(71));
        assert_eq!(
            Form::of(long.as_bytes()).err(),
            Some(FormError::BadBoundary)
        );
    }

    #[test]
    fn a_form_that_is_cut_anywhere_is_not_whole() {
        let body = usual();
        let end = body.len() - 2;
        for cut in 0..end {
            let read = read(&body.as_bytes()[..cut]);
            assert_eq!(read, Err(FormError::Truncated), "at {cut}");
        }
        assert!(read(&body.as_bytes()[..end]).is_ok());
    }

    proptest! {
        #[test]
        fn however_a_form_is_cut_it_says_the_same(mut cuts in prop::collection::vec(0usize..600, 0..8), broken in 0usize..600) {
            let mut body = usual().into_bytes();
            // Half of the cases have one byte that is wrong.
            if let Some(byte) = body.get_mut(broken) {
                *byte = b'-';
            }
            cuts.iter_mut().for_each(|cut| *cut = (*cut).min(body.len()));
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut at = 0;
            for cut in cuts {
                pieces.push(&body[at..cut]);
                at = cut;
            }
            pieces.push(&body[at..]);
            let kind = |read: Result<Found, FormError>| read.map_err(|e| std::mem::discriminant(&e));
            prop_assert_eq!(kind(read_in(&pieces)), kind(read(&body)));
        }

        #[test]
        fn strange_bytes_do_no_harm(body in "([-XyZ\r\n:;=\" ]|--XyZ|\r\n|Content-Disposition: form-data; name=model|\\\\){0,60}") {
            let all = read(body.as_bytes());
            let single: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
            prop_assert_eq!(read_in(&single).is_ok(), all.is_ok());
        }
    }
}
