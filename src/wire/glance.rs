use super::walk::{Broken, Sight, Walk, string_end};

/// Longest piece of events that is remembered, in bytes. Pieces are ids and names; text comes between them.
const MAX_PIECE: usize = 1024;
/// Most pieces that are remembered: text is mostly the only thing that differs, or one of two.
const MAX_PIECES: usize = 4;
/// A first piece shorter than this is not worth remembering.
const MIN_HEAD: usize = 32;

/// What a format wants to know about a key in an event: anything but the dull value is worth reading the event.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// How deep the key stands: 1 is a member of the event itself, 3 a member of an object in one of its arrays.
    pub level: u32,
    pub key: &'static [u8],
    pub dull: Dull,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dull {
    /// `null`
    Null,
    /// `0`
    Zero,
    /// Any value, but the key must be there.
    Present,
    /// One of these strings, and the key must be there.
    OneOf(&'static [&'static [u8]]),
}

/// Looks at an event just closely enough to say whether it is well-formed and dull, so that only events with news are read.
///
/// It is a walk over the whole JSON, not a search for strings: text that looks like a key is no key, a key written with
/// escapes makes the event worth reading, and broken JSON is never dull. It is cheap since the events of one answer differ
/// only in the text of a string or two: what they have in common before, between and after these is remembered with the
/// state of the walk behind it, and compared instead of walked. Nothing is allocated for an event that fits what is
/// remembered.
#[derive(Debug)]
pub(super) struct Glance {
    rules: &'static [Rule],
    /// What events have in common, in order. Behind every piece but the last the walk is within a string that no rule
    /// watches, so that whatever it says up to its quote may stand there.
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    behind: Look,
}

/// A walk with its sight.
#[derive(Debug, Clone)]
struct Look {
    walk: Walk,
    watch: Watch,
}

impl Glance {
    pub(super) fn new(rules: &'static [Rule]) -> Glance {
        Glance {
            rules,
            pieces: Vec::new(),
        }
    }

    pub(super) fn is_dull(&mut self, data: &[u8]) -> bool {
        self.looked_through(data).is_ok_and(|look| look.is_dull())
            && std::str::from_utf8(data).is_ok()
    }

    fn looked_through(&mut self, data: &[u8]) -> Result<Look, Broken> {
        let mut at = 0;
        for i in 0..MAX_PIECES {
            let rest = data.get(at..).unwrap_or_default();
            if !self
                .pieces
                .get(i)
                .is_some_and(|piece| rest.starts_with(&piece.bytes))
            {
                self.learn(i, data, at)?;
            }
            let Some(piece) = self.pieces.get(i) else {
                break;
            };
            at += piece.bytes.len();
            if i + 1 == MAX_PIECES || at == data.len() || !piece.behind.is_in_free_text() {
                let mut look = piece.behind.clone();
                look.on(data, at)?;
                return Ok(look);
            }
            at = string_end(data, at)?;
        }
        Err(Broken)
    }

    /// Makes piece `i` what this event, from `at` on, has in common with it; or, if that is nothing to speak of, the
    /// beginning of what stands there. What was remembered behind it is forgotten.
    fn learn(&mut self, i: usize, data: &[u8], at: usize) -> Result<(), Broken> {
        let rest = data.get(at..).unwrap_or_default();
        let known = self
            .pieces
            .get(i)
            .map_or(0, |piece| common(&piece.bytes, rest));
        let is_kept = known >= if i == 0 { MIN_HEAD } else { 1 };
        let len = if is_kept {
            known
        } else {
            rest.len().min(MAX_PIECE)
        };
        self.pieces.truncate(i);
        let mut behind = match self.pieces.last() {
            Some(before) => before.behind.clone(),
            None => Look {
                walk: Walk::new(),
                watch: Watch::new(self.rules),
            },
        };
        let bytes = rest.get(..len).unwrap_or_default();
        behind.on(bytes, 0)?;
        self.pieces.push(Piece {
            bytes: bytes.to_vec(),
            behind,
        });
        Ok(())
    }
}

impl Look {
    fn on(&mut self, data: &[u8], at: usize) -> Result<(), Broken> {
        self.watch.start = at.wrapping_sub(self.watch.start);
        let mut watching = Watching {
            data,
            watch: &mut self.watch,
        };
        self.walk.push(data, at, &mut watching)?;
        self.watch.start = data.len().wrapping_sub(self.watch.start);
        Ok(())
    }

    /// Whether the walk is within a string of which it does not matter what it says.
    fn is_in_free_text(&self) -> bool {
        self.watch.rule.is_none() && self.walk.is_in_text()
    }

    fn is_dull(&self) -> bool {
        self.walk.is_whole() && self.watch.is_dull()
    }
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// What the rules have seen so far.
#[derive(Debug, Clone)]
struct Watch {
    rules: &'static [Rule],
    news: bool,
    /// One bit per rule whose key was there.
    met: u32,
    /// The rule whose key was read last, until its value is over.
    rule: Option<Rule>,
    /// Where that value began: an offset during a push, else how many bytes before the place where the walk stands.
    start: usize,
}

impl Watch {
    fn new(rules: &'static [Rule]) -> Watch {
        Watch {
            rules,
            news: false,
            met: 0,
            rule: None,
            start: 0,
        }
    }

    fn is_dull(&self) -> bool {
        let is_met = |(i, rule): (usize, &Rule)| {
            matches!(rule.dull, Dull::Null | Dull::Zero) || self.met & (1 << i) != 0
        };
        !self.news && self.rules.iter().enumerate().all(is_met)
    }
}

struct Watching<'a> {
    data: &'a [u8],
    watch: &'a mut Watch,
}

impl Sight for Watching<'_> {
    const LEVELS: u32 = 3;

    #[inline]
    fn key(&mut self, level: u32, key: &[u8]) {
        let watch = &mut *self.watch;
        let mut rules = watch.rules.iter().enumerate();
        match rules.find(|(_, rule)| rule.level == level && rule.key == key) {
            Some((i, rule)) => {
                watch.met |= 1 << i;
                watch.rule = Some(*rule);
            }
            None => watch.news |= key.contains(&b'\\'),
        }
    }

    #[inline]
    fn begin(&mut self, level: u32, at: usize, first: u8) {
        let Some(rule) = self.watch.rule.filter(|rule| rule.level == level) else {
            return;
        };
        let is_news = match rule.dull {
            Dull::Null => first != b'n',
            Dull::Zero => first != b'0',
            Dull::Present => false,
            Dull::OneOf(_) if first == b'"' => {
                self.watch.start = at;
                return;
            }
            Dull::OneOf(_) => true,
        };
        self.watch.news |= is_news;
        self.watch.rule = None;
    }

    #[inline]
    fn end(&mut self, level: u32, at: usize) {
        if let Some(Rule {
            dull: Dull::OneOf(values),
            ..
        }) = self.watch.rule.filter(|rule| rule.level == level)
        {
            let value = self
                .data
                .get(self.watch.start.wrapping_add(1)..at.wrapping_sub(1))
                .unwrap_or_default();
            self.watch.news |= !values.contains(&value);
            self.watch.rule = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &[Rule] = &[
        Rule {
            level: 1,
            key: b"type",
            dull: Dull::OneOf(&[b"delta", b"ping"]),
        },
        Rule {
            level: 1,
            key: b"usage",
            dull: Dull::Null,
        },
        Rule {
            level: 3,
            key: b"index",
            dull: Dull::Zero,
        },
    ];

    fn event(text: &str) -> String {
        format!(
            r#"{{"id":"an-id-that-is-the-same-in-all-events","type":"delta","a":[{{"index":0,"text":"{text}"}}],"usage":null}}"#
        )
    }

    #[test]
    fn plain_events_are_dull_whatever_their_text_says() {
        let mut glance = Glance::new(RULES);
        for text in [
            "a",
            "ab",
            "b",
            "",
            r#"\"usage\":{\"x\":1}"#,
            "été",
            "a",
            r#"{\"type\":\"end\"}"#,
        ] {
            assert!(glance.is_dull(event(text).as_bytes()), "{text}");
        }
    }

    #[test]
    fn news_is_seen_however_it_is_spelled_and_whatever_came_before() {
        let plain = event("x");
        let news = [
            plain.replace("\"usage\":null", "\"usage\" : {\"n\":1}"),
            plain.replace("\"usage\":null", "\"us\\u0061ge\":{}"),
            plain.replace("\"index\":0", "\"index\": 1"),
            plain.replace("\"delta\"", "\"end\""),
            plain.replace("\"type\":\"delta\",", ""),
            plain.replace("\"delta\"", "7"),
            plain.replace("}]", "}"),
            plain.replace('x', "\u{1}"),
            plain.replace("null}", "null"),
            plain.clone() + "{}",
        ];
        for event in &news {
            let mut glance = Glance::new(RULES);
            assert!(!glance.is_dull(event.as_bytes()), "{event}");
            assert!(glance.is_dull(plain.as_bytes()));
            assert!(!glance.is_dull(event.as_bytes()), "{event}");
            assert!(glance.is_dull(plain.as_bytes()));
        }
    }

    #[test]
    fn what_was_seen_before_changes_no_verdict() {
        let texts = [
            "",
            "a",
            "ab",
            "\\\"",
            "\\\\",
            "é",
            "a\",\"usage\":{}, \"x\":\"",
            "\\",
        ];
        let kinds = [
            "delta",
            "ping",
            "delta\",\"usage\":\"",
            "del",
            "end",
            "d\\u0065lta",
            "deltb",
        ];
        let tails = [
            "",
            ",\"usage\":null",
            ",\"usage\":1",
            ",\"b\":[{\"index\":7}]",
            ",\"noise\":\"xyz\"",
            ",\"noise\":\"x\"",
            "}",
            ",\"usag\\u0065\":{}",
        ];
        let mut glance = Glance::new(RULES);
        let mut dice = 7u32;
        let mut dull = 0;
        for _ in 0..50_000 {
            let mut roll = |n: usize| {
                dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Mostly the first ones, so that pieces settle between surprises.
                (dice >> 16) as usize % (n * 4) / 4 * usize::from(dice >> 30 == 0)
            };
            let (text, kind, tail) = (
                texts[roll(texts.len())],
                kinds[roll(kinds.len())],
                tails[roll(tails.len())],
            );
            let (text, id) = (["plain", text][roll(2)], ["id", "another"][roll(2)]);
            let event = format!(
                r#"{{"id":"{id}-that-is-the-same-in-many-events","a":[{{"index":0,"text":"{text}"}}],"type":"{kind}"{tail}}}"#
            );
            let verdict = glance.is_dull(event.as_bytes());
            assert_eq!(
                verdict,
                Glance::new(RULES).is_dull(event.as_bytes()),
                "{event}"
            );
            dull += u32::from(verdict);
        }
        assert!(dull > 10_000 && dull < 49_000, "{dull}");
    }

    #[test]
    fn bytes_that_are_no_text_are_never_dull() {
        let mut bytes = event("x").into_bytes();
        let at = bytes.iter().position(|b| *b == b'x').unwrap();
        bytes[at] = 0xff;
        assert!(!Glance::new(RULES).is_dull(&bytes));
    }
}
