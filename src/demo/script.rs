use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::fault::Step;
use super::magic;

/// Which requests a queue of steps is for. Every condition that is set must hold; none = all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Match {
    pub model: Option<String>,
    /// The credential that came with the request.
    pub key: Option<String>,
    /// The end of the path: `/messages`.
    pub path: Option<String>,
}

impl Match {
    pub fn model(name: &str) -> Match {
        Match {
            model: Some(name.to_owned()),
            ..Match::default()
        }
    }

    pub fn key(key: &str) -> Match {
        Match {
            key: Some(key.to_owned()),
            ..Match::default()
        }
    }

    pub fn path(path: &str) -> Match {
        Match {
            path: Some(path.to_owned()),
            ..Match::default()
        }
    }

    fn holds(&self, call: &Traits<'_>) -> bool {
        let is = |wanted: &Option<String>, seen: Option<&str>| match wanted {
            Some(wanted) => seen == Some(wanted),
            None => true,
        };
        let path = self
            .path
            .as_deref()
            .is_none_or(|end| call.path.ends_with(end));
        path && is(&self.model, call.model) && is(&self.key, call.key)
    }
}

/// What a script knows a request by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traits<'a> {
    pub(super) model: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) path: &'a str,
}

/// The steps that wait for their requests.
#[derive(Debug, Default)]
pub(super) struct Script {
    queues: Mutex<Vec<Queue>>,
}

#[derive(Debug)]
struct Queue {
    when: Match,
    steps: VecDeque<Step>,
    /// For every request that finds no step left.
    always: Option<Step>,
}

impl Script {
    /// Adds steps behind those that wait for the same requests.
    pub(super) fn push(&self, when: Match, steps: impl IntoIterator<Item = Step>) {
        self.with(when, |queue| queue.steps.extend(steps));
    }

    /// From now on for every such request, once its queue is used up. `None` ends it.
    pub(super) fn always(&self, when: Match, step: Option<Step>) {
        self.with(when, |queue| queue.always = step);
    }

    pub(super) fn clear(&self) {
        self.queues.lock().clear();
    }

    /// Steps that no request has taken yet.
    pub(super) fn waiting(&self) -> usize {
        self.queues.lock().iter().map(|q| q.steps.len()).sum()
    }

    /// The step for this request: the first waiting one, else what always holds, else what its model's name means.
    pub(super) fn take(&self, call: &Traits<'_>) -> Step {
        self.next(call, |_| true).unwrap_or_default()
    }

    /// The step for this request, if it wants to answer before the body is read.
    pub(super) fn take_early(&self, call: &Traits<'_>) -> Option<Step> {
        self.next(call, |step| step.early().is_some())
    }

    /// Whether the script speaks of this model by name.
    pub(super) fn knows(&self, model: &str) -> bool {
        let queues = self.queues.lock();
        queues
            .iter()
            .any(|q| q.when.model.as_deref() == Some(model))
    }

    fn next(&self, call: &Traits<'_>, wanted: impl Fn(&Step) -> bool) -> Option<Step> {
        let mut queues = self.queues.lock();
        let mut matching = queues.iter_mut().filter(|q| q.when.holds(call));
        if let Some(queue) = matching.find(|q| !q.steps.is_empty()) {
            let first = queue.steps.front().is_some_and(wanted);
            return if first { queue.steps.pop_front() } else { None };
        }
        let always = queues.iter().filter(|q| q.when.holds(call));
        let always = always.filter_map(|q| q.always.clone()).next();
        let step = always.or_else(|| magic::step(call.model?));
        step.filter(wanted)
    }

    fn with(&self, when: Match, change: impl FnOnce(&mut Queue)) {
        let mut queues = self.queues.lock();
        if let Some(queue) = queues.iter_mut().find(|q| q.when == when) {
            return change(queue);
        }
        let mut queue = Queue {
            when,
            steps: VecDeque::new(),
            always: None,
        };
        change(&mut queue);
        queues.push(queue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::Fault;

    fn traits<'a>(model: &'a str, key: &'a str) -> Traits<'a> {
        Traits {
            model: Some(model),
            key: Some(key),
            path: "/v1/messages",
        }
    }

    #[test]
    fn steps_are_used_up_one_a_request_and_then_it_answers() {
        let script = Script::default();
        script.push(Match::model("a"), [Step::status(500), Step::status(429)]);
        let call = traits("a", "k");
        assert_eq!(script.take(&traits("b", "k")), Step::answer());
        assert_eq!(script.take(&call), Step::status(500));
        assert_eq!(script.waiting(), 1);
        assert_eq!(script.take(&call), Step::status(429));
        assert_eq!(script.take(&call), Step::answer());
    }

    #[test]
    fn keys_and_paths_have_queues_too() {
        let script = Script::default();
        script.always(Match::key("bad"), Some(Step::status(401)));
        script.push(Match::path("/messages"), [Step::status(500)]);
        assert_eq!(script.take(&traits("a", "bad")), Step::status(500));
        assert_eq!(script.take(&traits("a", "bad")), Step::status(401));
        assert_eq!(script.take(&traits("a", "good")), Step::answer());
        script.always(Match::key("bad"), None);
        assert_eq!(script.take(&traits("a", "bad")), Step::answer());
    }

    #[test]
    fn an_early_answer_is_taken_early_and_never_jumps_the_queue() {
        let script = Script::default();
        let early = magic::step("demo-early").unwrap();
        script.push(Match::model("a"), [Fault::Reset.into(), early.clone()]);
        assert_eq!(script.take_early(&traits("a", "k")), None);
        assert_eq!(script.take(&traits("a", "k")), Fault::Reset.into());
        assert_eq!(script.take_early(&traits("a", "k")), Some(early));
    }
}
