use serde_json::Value;

/// What a prompt asks the demo vendor to do. The phrases are documented at [`crate::demo::HELP`].
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wish {
    /// `run: COMMAND`, up to the end of the line.
    pub(super) commands: Vec<String>,
    /// `use the tool NAME`, also `use the tool NAME with {JSON}` and `use the tools A, B and C`.
    pub(super) tools: Vec<(String, Option<Value>)>,
    /// `say: TEXT`, up to the end of the line.
    pub(super) say: Option<String>,
    /// `words: N`.
    pub(super) words: Option<usize>,
    /// `please refuse`.
    pub(super) refuse: bool,
    /// `think in secret`.
    pub(super) redacted: bool,
}

impl Wish {
    pub(super) fn read(prompt: &str) -> Wish {
        Wish {
            commands: prompt.lines().filter_map(|l| rest(l, "run: ")).collect(),
            tools: tools(prompt),
            say: prompt.lines().find_map(|l| rest(l, "say: ")),
            words: prompt.lines().find_map(words),
            refuse: prompt.contains("please refuse"),
            redacted: prompt.contains("think in secret"),
        }
    }
}

/// A prompt without what an agent adds around the user's words.
pub(super) fn plain(text: &str) -> String {
    const OPEN: &str = "<system-reminder>";
    const CLOSE: &str = "</system-reminder>";
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once(OPEN) {
        plain.push_str(before);
        rest = inside.split_once(CLOSE).map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain.trim().to_owned()
}

/// What follows `mark` on this line, without the back-ticks or quotes around it, or around the whole line.
fn rest(line: &str, mark: &str) -> Option<String> {
    let (_, rest) = line.split_once(mark)?;
    let mut rest = rest.trim();
    for quote in ['`', '"'] {
        if rest.matches(quote).count() % 2 == 1 {
            rest = rest.strip_suffix(quote).unwrap_or(rest).trim();
        }
        let bare = rest.strip_prefix(quote).and_then(|r| r.strip_suffix(quote));
        rest = bare.unwrap_or(rest);
    }
    (!rest.is_empty()).then(|| rest.to_owned())
}

fn words(line: &str) -> Option<usize> {
    let (_, rest) = line.split_once("words: ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(|n: usize| n.min(100_000))
}

fn tools(prompt: &str) -> Vec<(String, Option<Value>)> {
    let mut found = Vec::new();
    let mut rest = prompt;
    while let Some((_, after)) = rest.split_once("use the tool") {
        rest = match after.strip_prefix("s ") {
            Some(list) => several(list, &mut found),
            None => one(after, &mut found),
        };
    }
    found
}

fn one<'a>(text: &'a str, found: &mut Vec<(String, Option<Value>)>) -> &'a str {
    let (name, rest) = name(text);
    let Some(name) = name else { return rest };
    let given = rest.trim_start().strip_prefix("with ").unwrap_or_default();
    let mut values = serde_json::Deserializer::from_str(given).into_iter::<Value>();
    let arguments = values.next().and_then(Result::ok).filter(Value::is_object);
    found.push((name, arguments));
    rest
}

fn several<'a>(list: &'a str, found: &mut Vec<(String, Option<Value>)>) -> &'a str {
    let mut rest = list;
    loop {
        let (Some(word), after) = name(rest) else {
            return rest;
        };
        found.push((word, None));
        let after = after.trim_start();
        let next = after
            .strip_prefix(',')
            .map(str::trim_start)
            .unwrap_or(after);
        let next_word = next.strip_prefix("and ").unwrap_or(next);
        if next_word.len() == after.len() {
            return after;
        }
        rest = next_word;
    }
}

/// The tool's name at the start of `text`, and what follows it.
fn name(text: &str) -> (Option<String>, &str) {
    let text = text.trim_start().trim_start_matches(['`', '"', '“']);
    let legal = |c: char| c.is_ascii_alphanumeric() || "_-.:/".contains(c);
    let end = text.find(|c| !legal(c)).unwrap_or(text.len());
    let word = text
        .get(..end)
        .unwrap_or_default()
        .trim_end_matches(['.', ':']);
    let rest = text.get(word.len()..).unwrap_or_default();
    let rest = rest.trim_start_matches(['`', '"', '”']);
    ((!word.is_empty()).then(|| word.to_owned()), rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn phrases_are_found_anywhere_in_the_prompt() {
        let wish = Wish::read("Hello.\nPlease run: ls -l\nsay: \"I am here\"\nwords: 50.");
        assert_eq!(wish.commands, ["ls -l"]);
        assert_eq!(wish.say.as_deref(), Some("I am here"));
        assert_eq!(wish.words, Some(50));
    }

    #[test]
    fn quotes_around_a_command_or_around_the_prompt_are_not_part_of_it() {
        let command = |prompt| Wish::read(prompt).commands.concat();
        assert_eq!(command("run: `echo 1`"), "echo 1");
        assert_eq!(command("\"Please run: echo 1\""), "echo 1");
        assert_eq!(command("run: echo \"1 2\""), "echo \"1 2\"");
    }

    #[test]
    fn tools_are_named_singly_with_arguments_or_in_a_list() {
        let single =
            tools(r#"Now use the tool `get_weather` with {"city": "Oslo, Norway"} please."#);
        let oslo = json!({"city": "Oslo, Norway"});
        assert_eq!(single, [("get_weather".to_owned(), Some(oslo))]);
        let names = |text| tools(text).into_iter().map(|t| t.0).collect::<Vec<_>>();
        assert_eq!(names("use the tools a, b and c now"), ["a", "b", "c"]);
        assert_eq!(
            names("use the tool one. Then use the tool two."),
            ["one", "two"]
        );
        assert_eq!(names("use the tool"), Vec::<String>::new());
    }

    #[test]
    fn what_an_agent_adds_is_no_wish() {
        assert_eq!(plain("a <system-reminder>b\nc</system-reminder> d"), "a  d");
        assert_eq!(plain("a <system-reminder>never closed"), "a");
    }
}
