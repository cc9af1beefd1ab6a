//! Changes that leave JSON what it is: most changes of single bytes end at the parser.

use serde_json::{Map, Value};

/// The names and words that the formats know.
const WORDS: &str = include_str!("words.txt");

/// What a value may become.
const VALUES: [&str; 14] = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.50",
    "1e3",
    "18446744073709551616",
    "\"\"",
    "\"a b\\n\\\"\\u00e9\\ud83d\\ude00\"",
    "[]",
    "{}",
    "[{}]",
    "[\"\"]",
];

/// The events of a stream behind `head` bytes: one of them is changed, doubled, moved or left out.
pub fn stream(data: &[u8], head: usize, seed: u32) -> Option<Vec<u8>> {
    let mut dice = Dice::new(seed);
    let (head, text) = data.split_at_checked(head)?;
    let text = std::str::from_utf8(text).ok()?;
    let mut events: Vec<String> = text.split_inclusive("\n\n").map(str::to_owned).collect();
    let at = dice.below(events.len())?;
    match dice.below(8)? {
        0 => drop(events.remove(at)),
        1 => events.insert(dice.below(events.len())?, events[at].clone()),
        2 => {
            let event = events.remove(at);
            events.insert(dice.below(events.len() + 1)?, event);
        }
        _ => {
            let (before, json) = events[at].split_once("data: ")?;
            let mut value: Value = serde_json::from_str(json).ok()?;
            change(&mut value, &mut dice);
            events[at] = format!("{before}data: {value}\n\n");
        }
    }
    Some([head, events.concat().as_bytes()].concat())
}

/// A JSON text behind `head` bytes: up to three of its values are changed.
pub fn body(data: &[u8], head: usize, seed: u32) -> Option<Vec<u8>> {
    let mut dice = Dice::new(seed);
    let (head, text) = data.split_at_checked(head)?;
    let mut value: Value = serde_json::from_slice(text).ok()?;
    for _ in 0..=dice.below(3)? {
        change(&mut value, &mut dice);
    }
    Some([head, value.to_string().as_bytes()].concat())
}

fn change(root: &mut Value, dice: &mut Dice) {
    let mut pointers = Vec::new();
    walk(root, String::new(), &mut pointers);
    let donor = dice.of(&pointers).and_then(|at| root.pointer(at)).cloned();
    let Some(place) = dice.of(&pointers).and_then(|at| root.pointer_mut(at)) else {
        return;
    };
    match (dice.below(6), place) {
        (Some(0), Value::Object(members)) => remove(members, dice),
        (Some(1), Value::Object(members)) => rename(members, dice),
        (Some(2), Value::Object(members)) => {
            members.insert(dice.word(), donor.unwrap_or_default());
        }
        (Some(0), Value::Array(items)) => {
            dice.below(items.len()).map(|at| items.remove(at));
        }
        (Some(1 | 2), Value::Array(items)) => {
            let item = dice.of(items).cloned().or(donor).unwrap_or_default();
            items.insert(dice.below(items.len() + 1).unwrap_or(0), item);
        }
        (Some(3), place) => *place = donor.unwrap_or_default(),
        (Some(4), place) => *place = Value::String(dice.word()),
        (_, place) => {
            let text = dice.of(&VALUES).copied().unwrap_or("null");
            *place = serde_json::from_str(text).unwrap_or_default();
        }
    }
}

fn remove(members: &mut Map<String, Value>, dice: &mut Dice) {
    let keys: Vec<String> = members.keys().cloned().collect();
    if let Some(key) = dice.of(&keys) {
        members.shift_remove(key);
    }
}

fn rename(members: &mut Map<String, Value>, dice: &mut Dice) {
    let keys: Vec<String> = members.keys().cloned().collect();
    if let Some(value) = dice.of(&keys).and_then(|key| members.shift_remove(key)) {
        members.insert(dice.word(), value);
    }
}

fn walk(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                walk(value, format!("{at}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                walk(value, format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
    found.push(at);
}

/// Numbers that follow from a seed alone, so that a run can be repeated.
struct Dice(u64);

impl Dice {
    fn new(seed: u32) -> Dice {
        Dice(u64::from(seed) << 1 | 1)
    }

    fn below(&mut self, end: usize) -> Option<usize> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).ok()?.checked_rem(end)
    }

    fn of<'t, T>(&mut self, all: &'t [T]) -> Option<&'t T> {
        all.get(self.below(all.len())?)
    }

    fn word(&mut self) -> String {
        let count = WORDS.lines().count();
        let at = self.below(count).unwrap_or(0);
        WORDS.lines().nth(at).unwrap_or_default().to_owned()
    }
}
