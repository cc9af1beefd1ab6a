use crate::ir::{At, Event, Start, Usage};
use crate::wire::json::Value;

use super::candidate_read::Choice;
use super::{stop, usage};

/// What an answer tells, object by object: a whole reply is one object, a stream several.
///
/// Chunks that go on with a text or a thought are one part; it stays open until something else comes. Nothing says that an
/// object is the last, and some vendors say `finishReason` more than once, so that the ends are told at the very end.
pub(super) struct Answer {
    seed: String,
    /// How many calls had no id.
    made_ids: u32,
    has_started: bool,
    has_ended: bool,
    choices: Vec<Choice>,
    usage: Usage,
    tier: Option<String>,
    /// What the vocabulary has no word for.
    pub(super) unsaid: Vec<At>,
}

pub(super) type Tell<'t> = &'t mut dyn FnMut(Event<'_>);

impl Answer {
    pub(super) fn new(seed: &str) -> Answer {
        Answer {
            seed: seed.to_owned(),
            made_ids: 0,
            has_started: false,
            has_ended: false,
            choices: Vec::new(),
            usage: Usage::default(),
            tier: None,
            unsaid: Vec::new(),
        }
    }

    /// Whether there is an answer at all.
    pub(super) fn has_begun(&self) -> bool {
        !self.choices.is_empty()
    }

    /// Takes a `GenerateContentResponse`.
    pub(super) fn take(&mut self, object: Value<'_, '_>, tell: Tell<'_>) {
        let (mut candidates, mut feedback, mut counts) = (None, None, None);
        let mut start = Start::default();
        for (key, value) in object.members() {
            if value.is_null() {
                continue;
            }
            match &*key {
                "candidates" => candidates = Some(value),
                "promptFeedback" => feedback = Some(value),
                "usageMetadata" => counts = Some(value),
                "modelVersion" => start.model = value.text().unwrap_or_default(),
                "responseId" => start.id = value.text().unwrap_or_default(),
                "createTime" => start.created = value.text().and_then(|text| seconds(&text)),
                _ => self.unsaid.push(value.at()),
            }
        }
        let is_ping = start == Start::default()
            && feedback.is_none()
            && candidates.is_none_or(|list| list.items().next().is_none());
        if !is_ping && !self.has_started {
            self.has_started = true;
            tell(Event::Start(start));
        }
        for candidate in candidates.into_iter().flat_map(Value::items) {
            self.take_candidate(candidate, tell);
        }
        if let Some(feedback) = feedback {
            self.take_feedback(feedback);
        }
        if let Some(counts) = counts {
            self.take_usage(counts, tell);
        }
    }

    fn take_usage(&mut self, counts: Value<'_, '_>, tell: Tell<'_>) {
        let usage = usage::of(counts);
        if usage.is_known() && usage != self.usage {
            self.usage.merge(usage);
            tell(Event::Usage(usage));
        }
        if let Some(tier) = counts.member_text("serviceTier")
            && self.tier.as_deref() != Some(&tier)
        {
            self.tier = Some(tier.to_string());
            tell(Event::Tier(tier));
        }
    }

    fn take_feedback(&mut self, feedback: Value<'_, '_>) {
        for (key, member) in feedback.members() {
            if !matches!(&*key, "blockReason" | "blockReasonMessage") && !member.is_null() {
                self.unsaid.push(member.at());
            }
        }
        let Some(reason) = feedback.member_text("blockReason") else {
            return;
        };
        let message = feedback.member_text("blockReasonMessage");
        let block = stop::of_block(&reason, message.as_deref());
        let at = self.choice(0);
        if let Some(choice) = self.choices.get_mut(at) {
            choice.block = Some(block);
        }
    }

    /// Where the choice of that index is among the choices.
    fn choice(&mut self, index: u32) -> usize {
        let at = self.choices.partition_point(|choice| choice.index < index);
        if self
            .choices
            .get(at)
            .is_none_or(|choice| choice.index != index)
        {
            self.choices.insert(at, Choice::new(index));
        }
        at
    }

    fn take_candidate(&mut self, candidate: Value<'_, '_>, tell: Tell<'_>) {
        let index = candidate.member("index").and_then(Value::count);
        let index = index.and_then(|index| u32::try_from(index).ok());
        let at = self.choice(index.unwrap_or(0));
        let Answer {
            seed,
            made_ids,
            choices,
            unsaid,
            ..
        } = self;
        let Some(choice) = choices.get_mut(at) else {
            return;
        };
        let mut make_id = || {
            *made_ids += 1;
            format!("call_{seed}_{made_ids}")
        };
        choice.take(candidate, &mut make_id, unsaid, tell);
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self, tell: Tell<'_>) {
        if self.has_ended {
            return;
        }
        self.has_ended = true;
        let mut is_whole = !self.choices.is_empty();
        for choice in &mut self.choices {
            is_whole &= choice.finish(tell);
        }
        if is_whole {
            tell(Event::End);
        }
    }
}

/// The seconds since the epoch of an RFC 3339 time in UTC, as Google writes them.
fn seconds(time: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| time.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    // Days of the civil calendar: years begin in March, so that the leap day is their last.
    let year = if month <= 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let month = (month + 9) % 12;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    let days = days.checked_sub(719_469)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_the_epoch() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2026-05-19T14:59:42.780296Z"), Some(1_779_202_782));
        assert_eq!(seconds("2024-02-29T23:59:59Z"), Some(1_709_251_199));
        assert_eq!(seconds("soon"), None);
    }
}
