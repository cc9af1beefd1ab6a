use serde_json::Value;

use super::schema;
use super::tokens::pieces;
use super::wish::{self, Wish};
use super::{Ask, Call, Choice, End, Reasoning, Role, Thought, Tool, Turn};

/// The answer to a conversation, by the first of these that applies: the text of a tool's result, a call that the
/// prompt or `tool_choice` asks for, JSON that obeys the wanted schema, the words that the prompt asks for, a greeting
/// that quotes the prompt.
pub(in crate::demo) fn think(ask: &Ask, vendor: &str) -> Thought {
    let wish = Wish::read(&prompt(ask));
    let mut thought = Thought {
        calls: calls(ask, &wish),
        redacted: wish.redacted,
        ..Thought::default()
    };
    if ask.reasoning != Reasoning::Off {
        thought.thinking = pieces(&format!(
            "The user says “{}”. A short answer will do.",
            beginning(&prompt(ask), 40)
        ));
    }
    if thought.calls.is_empty() {
        thought.text = pieces(beyond(ask, &words(ask, &wish, vendor)));
        thought.refused = wish.refuse;
        if wish.refuse {
            thought.end = End::Refusal;
        }
    } else {
        thought.end = End::Tools;
    }
    stop(&mut thought, &ask.stop);
    limit(&mut thought, ask.max_tokens);
    thought
}

/// The words without those that the assistant's last turn has already, if it is to go on from them.
fn beyond<'w>(ask: &Ask, words: &'w str) -> &'w str {
    let last = ask.turns.last().filter(|turn| turn.role == Role::Assistant);
    let begun = last.map_or("", |turn| turn.text.trim());
    words.strip_prefix(begun).unwrap_or(words)
}

/// The turns after the assistant's last one: what is to be answered.
fn pending(ask: &Ask) -> &[Turn] {
    let from = ask.turns.iter().rposition(|t| t.role == Role::Assistant);
    ask.turns
        .get(from.map_or(0, |i| i + 1)..)
        .unwrap_or_default()
}

/// Where the turn stands that the answer is about: the last user's turn that is not a tool's result.
fn prompt_at(ask: &Ask) -> Option<usize> {
    let answers_tool = pending(ask).iter().any(|t| !t.results.is_empty());
    let end = match ask.turns.iter().rposition(|t| t.role == Role::Assistant) {
        Some(assistant) if answers_tool => assistant,
        _ => ask.turns.len(),
    };
    let before = ask.turns.get(..end).unwrap_or_default();
    before
        .iter()
        .rposition(|t| t.role == Role::User && t.results.is_empty())
}

fn prompt(ask: &Ask) -> String {
    let turn = prompt_at(ask).and_then(|at| ask.turns.get(at));
    turn.map(|t| wish::plain(&t.text)).unwrap_or_default()
}

/// How many calls were already made for the current prompt.
fn calls_made(ask: &Ask) -> usize {
    let from = prompt_at(ask).unwrap_or(0);
    ask.turns.iter().skip(from).map(|t| t.calls).sum()
}

fn calls(ask: &Ask, wish: &Wish) -> Vec<Call> {
    if ask.tools.is_empty() || ask.choice == Choice::None {
        return Vec::new();
    }
    let made = calls_made(ask);
    let mut wanted: Vec<Call> = wished(ask, wish).into_iter().skip(made).collect();
    if wanted.is_empty() && made == 0 {
        wanted.extend(forced(ask));
    }
    let commands_left = !wish.commands.is_empty();
    if !ask.parallel || commands_left {
        wanted.truncate(1);
    }
    wanted
}

fn wished(ask: &Ask, wish: &Wish) -> Vec<Call> {
    let shell = ask.tools.iter().find_map(|t| Some((t, schema::shell(t)?)));
    let commands = wish.commands.iter().filter_map(|command| {
        let (tool, slot) = shell.as_ref()?;
        Some(Call {
            name: tool.name.clone(),
            arguments: slot.fill(&tool.schema, command),
        })
    });
    let named = wish.tools.iter().filter_map(|(name, arguments)| {
        let tool = ask.tools.iter().find(|t| &t.name == name)?;
        Some(call(tool, arguments.as_ref()))
    });
    commands.chain(named).collect()
}

fn forced(ask: &Ask) -> Option<Call> {
    let tool = match &ask.choice {
        Choice::Any => ask.tools.first(),
        Choice::Named(name) => ask.tools.iter().find(|t| &t.name == name),
        Choice::Auto | Choice::None => None,
    };
    tool.map(|t| call(t, None))
}

fn call(tool: &Tool, arguments: Option<&Value>) -> Call {
    let arguments = match arguments {
        Some(given) => given.to_string(),
        None => schema::legal(&tool.schema).to_string(),
    };
    Call {
        name: tool.name.clone(),
        arguments,
    }
}

fn words(ask: &Ask, wish: &Wish, vendor: &str) -> String {
    let results: Vec<&str> = pending(ask)
        .iter()
        .flat_map(|t| t.results.iter().map(String::as_str))
        .collect();
    if wish.refuse {
        return "I can't help with that.".to_owned();
    }
    if let Some(schema) = &ask.schema {
        return schema::legal(schema).to_string();
    }
    if !results.is_empty() {
        return quoted(&results);
    }
    if let Some(exact) = &wish.say {
        return exact.clone();
    }
    if let Some(count) = wish.words {
        return counted(count);
    }
    greeting(ask, wish, vendor)
}

fn quoted(results: &[&str]) -> String {
    let said: Vec<String> = results
        .iter()
        .map(|r| format!("“{}”", beginning(r, 2000)))
        .collect();
    format!("The tool answered: {}", said.join(", and "))
}

fn counted(count: usize) -> String {
    let numbers: Vec<String> = (1..=count).map(|n| n.to_string()).collect();
    numbers.join(" ")
}

fn greeting(ask: &Ask, wish: &Wish, vendor: &str) -> String {
    let mut text = format!("Hello from {} at {vendor}.", ask.model);
    let said = beginning(&prompt(ask), 80);
    if !said.is_empty() {
        text.push_str(&format!(" You said: “{said}”."));
    }
    for image in pending(ask).iter().flat_map(|t| &t.images) {
        let size = image
            .bytes
            .map_or("by URL".to_owned(), |n| format!("{n} bytes"));
        text.push_str(&format!(" I see an image ({}, {size}).", image.media_type));
    }
    if !wish.commands.is_empty() || !wish.tools.is_empty() {
        text.push_str(" I have no tool for that.");
    }
    text
}

/// The first `chars` characters of the first lines, on one line.
fn beginning(text: &str, chars: usize) -> String {
    let text = text.trim().replace('\n', " ");
    match text.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

/// Ends the text before the first of the client's stop sequences.
fn stop(thought: &mut Thought, sequences: &[String]) {
    let text = thought.text();
    let found = sequences
        .iter()
        .filter(|s| !s.is_empty())
        .filter_map(|s| Some((text.find(s.as_str())?, s)))
        .min();
    if let Some((at, sequence)) = found {
        thought.text = pieces(text.get(..at).unwrap_or_default());
        thought.end = End::Stop(sequence.clone());
    }
}

/// Cuts the answer to the client's limit; reasoning counts first, a call is made whole or not at all.
fn limit(thought: &mut Thought, max: Option<u64>) {
    let (reasoning, rest) = thought.spent();
    let Some(max) = max.filter(|max| *max < reasoning + rest) else {
        return;
    };
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    thought.thinking.truncate(max);
    thought
        .text
        .truncate(max.saturating_sub(thought.thinking.len()));
    thought.calls.clear();
    thought.end = End::MaxTokens;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(text: &str) -> Turn {
        let mut turn = Turn::new(Role::User);
        turn.say(text);
        turn
    }

    #[test]
    fn an_answer_that_has_begun_is_gone_on_with() {
        let mut begun = Turn::new(Role::Assistant);
        begun.say("1 2 3");
        let thought = think(&ask(vec![user("words: 5"), begun]), "v");
        assert_eq!(thought.text(), " 4 5");
        let mut other = Turn::new(Role::Assistant);
        other.say("one");
        let thought = think(&ask(vec![user("words: 5"), other]), "v");
        assert_eq!(thought.text(), "1 2 3 4 5");
    }

    fn called(calls: usize) -> Turn {
        Turn {
            calls,
            ..Turn::new(Role::Assistant)
        }
    }

    fn result(text: &str) -> Turn {
        Turn {
            results: vec![text.to_owned()],
            ..Turn::new(Role::User)
        }
    }

    fn ask(turns: Vec<Turn>) -> Ask {
        let bash = json!({"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]});
        let weather = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
        let tool = |name: &str, schema| Tool {
            name: name.to_owned(),
            schema,
        };
        Ask {
            model: "demo-large".to_owned(),
            turns,
            tools: vec![tool("weather", weather), tool("Bash", bash)],
            parallel: true,
            ..Ask::default()
        }
    }

    #[test]
    fn a_plain_prompt_is_greeted_and_quoted() {
        let thought = think(&ask(vec![user("Good morning")]), "demo");
        assert_eq!(
            thought.text(),
            "Hello from demo-large at demo. You said: “Good morning”."
        );
        assert_eq!(thought.end, End::Done);
    }

    #[test]
    fn a_command_is_run_by_the_shell_tool_and_its_result_quoted() {
        let turns = vec![user(
            "<system-reminder>run: no</system-reminder>\nPlease run: `echo 42`",
        )];
        let first = think(&ask(turns), "demo");
        assert_eq!(first.end, End::Tools);
        assert_eq!(first.calls.len(), 1);
        assert_eq!(first.calls[0].name, "Bash");
        assert_eq!(first.calls[0].arguments, r#"{"command":"echo 42"}"#);

        let turns = vec![user("Please run: echo 42"), called(1), result("42\n")];
        let second = think(&ask(turns), "demo");
        assert!(second.calls.is_empty());
        assert_eq!(second.text(), "The tool answered: “42”");
    }

    #[test]
    fn several_commands_are_run_one_after_another() {
        let prompt = "run: one\nrun: two";
        let turns = vec![user(prompt), called(1), result("1")];
        let thought = think(&ask(turns), "demo");
        assert_eq!(thought.calls[0].arguments, r#"{"command":"two"}"#);
        let turns = vec![user(prompt), called(1), result("1"), called(1), result("2")];
        assert!(think(&ask(turns), "demo").calls.is_empty());
    }

    #[test]
    fn several_tools_are_called_at_once_unless_the_client_forbids_it() {
        let prompt = r#"use the tool weather with {"city": "Rome"} and use the tool Bash"#;
        let thought = think(&ask(vec![user(prompt)]), "demo");
        assert_eq!(thought.calls.len(), 2);
        assert_eq!(thought.calls[0].arguments, r#"{"city":"Rome"}"#);
        let one = Ask {
            parallel: false,
            ..ask(vec![user(prompt)])
        };
        assert_eq!(think(&one, "demo").calls.len(), 1);
    }

    #[test]
    fn a_forced_choice_calls_once_and_none_never_calls() {
        let forced = Ask {
            choice: Choice::Any,
            ..ask(vec![user("hi")])
        };
        assert_eq!(think(&forced, "demo").calls[0].name, "weather");
        let never = Ask {
            choice: Choice::None,
            ..ask(vec![user("use the tool weather")])
        };
        assert!(think(&never, "demo").calls.is_empty());
    }

    #[test]
    fn the_limit_and_the_stop_sequences_end_the_text() {
        let limited = Ask {
            max_tokens: Some(3),
            ..ask(vec![user("words: 9")])
        };
        let thought = think(&limited, "demo");
        assert_eq!(
            (thought.text().as_str(), thought.end),
            ("1 2 3", End::MaxTokens)
        );
        let stopped = Ask {
            stop: vec!["7".to_owned(), " 5".to_owned()],
            ..ask(vec![user("words: 9")])
        };
        let thought = think(&stopped, "demo");
        assert_eq!(thought.text(), "1 2 3 4");
        assert_eq!(thought.end, End::Stop(" 5".to_owned()));
    }
}
