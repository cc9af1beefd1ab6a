//! What follows from an outcome: the right-hand columns of the table of product §6.

use std::time::Duration;

use crate::clock::Tick;

use super::attempt::{Stop, Why};
use super::backoff::backoff;
use super::class::{Class, class, rank};
use super::cooldown::{Cause, LONGEST_TOLD};
use super::field::{Field, Look};
use super::health::Blow;
use super::key::KeyMark;
use super::needs::PathKind;
use super::outcome::{Failure, Outcome};
use super::plan::{Again, Barred, Home, Last, Limited, Plan, Turn};

impl Plan {
    /// How the last attempt went. Without an attempt, and after the end, this does nothing.
    pub fn record<F: Field>(&mut self, field: &F, outcome: &Outcome, now: Tick) {
        let Some(last) = self.last else { return };
        match outcome {
            Outcome::Answered { first_token } => {
                self.answered(field, &last, Some(*first_token), now)
            }
            Outcome::Finished => {
                if !last.answered {
                    self.answered(field, &last, None, now);
                }
                field.finished(last.ask);
            }
            Outcome::Failed(failure) => self.failed_with(field, &last, failure, now),
            Outcome::OutOfTime => self.end(field, &last, Why::OutOfTime, None),
            Outcome::ClientGone => {
                let turn = std::mem::replace(&mut self.turn, Turn::Choose);
                self.pay(field, &turn, now);
                self.end(field, &last, Why::Over, None);
            }
        }
    }

    fn answered<F: Field>(
        &mut self,
        field: &F,
        last: &Last,
        first_token: Option<Duration>,
        now: Tick,
    ) {
        field.answered(last.ask, first_token, now);
        self.last = Some(Last {
            answered: true,
            ..*last
        });
        self.settle(field, last, now);
        self.end(field, last, Why::Over, None);
    }

    /// The conversation is now at home where it was answered. A first turn moves nobody who has a home already (several
    /// conversations may share a session), nor does one that was only spilled over.
    fn settle<F: Field>(&self, field: &F, last: &Last, now: Tick) {
        let Some(conversation) = self.needs.conversation.filter(|_| self.pool.sticky) else {
            return;
        };
        let taken = !self.needs.later_turn && field.bound(conversation, now).is_some();
        if self.home != Home::Crowded && !taken {
            field.bind(conversation, self.pool.seat(last.ask.spot).identity, now);
        }
    }

    fn failed_with<F: Field>(&mut self, field: &F, last: &Last, failure: &Failure, now: Tick) {
        let class = if last.answered {
            Class::Broken
        } else {
            class(failure)
        };
        self.note(failure, rank(failure), last, now);
        if let Some(ticket) = last.ask.probe {
            field.leave(last.ask.spot, ticket);
        }
        self.turn = Turn::Choose;
        let passthrough = self.pool.seat(last.ask.spot).passthrough;
        match class {
            // Whatever it is: who brought a credential of its own is not served on another's account.
            Class::Again(..)
            | Class::Silent
            | Class::Limited(_)
            | Class::Refused(_)
            | Class::Final
                if passthrough =>
            {
                self.final_answer(field, last)
            }
            Class::Again(cause, wait) => self.retry_or_give_up(field, last, (cause, wait), now),
            Class::Silent => self.give_up(
                field,
                last,
                Blow::new(tells_of(last, now), Cause::Unreached),
                now,
            ),
            Class::Limited(retry_after) => self.limited(field, last, retry_after, now),
            Class::Refused(mark) => self.refused(field, last, mark, now),
            Class::Missing => self.missing(field, last, now),
            Class::Unfit => self.tried(last.ask.spot).spent = true,
            Class::TooLong => self.too_long(last),
            Class::Final => self.final_answer(field, last),
            Class::Broken => {
                self.give_up(
                    field,
                    last,
                    Blow::new(tells_of(last, now), Cause::Answer),
                    now,
                );
                self.end(field, last, Why::Over, Some(last.number));
            }
        }
    }

    /// Same endpoint again, if it has retries left, the budget too, and enough attempts remain for every able endpoint to
    /// get its turn. Not if others found it dead meanwhile, and not after a probe (neither looks free): a dead endpoint
    /// sees its probes and no more. Never before the time that the vendor told.
    fn retry_or_give_up<F: Field>(
        &mut self,
        field: &F,
        last: &Last,
        (cause, wait): (Cause, Option<Duration>),
        now: Tick,
    ) {
        let spot = last.ask.spot;
        let nth = self.tried(spot).retries;
        let retry = &self.pool.seat(spot).policy.retry;
        let told = wait.map(|wait| now + wait.min(LONGEST_TOLD));
        let blow = Blow {
            told,
            ..Blow::new(tells_of(last, now), cause)
        };
        let late = told.filter(|told| *told > now + backoff(retry, nth, 0));
        let may = nth < retry.retries
            && !self.beside
            && self.left() > 0
            && matches!(field.look(spot, self.needs.draw, now), Look::Free)
            && !self.untried_are_at_least(field, self.stage, self.left(), now)
            && late.is_none_or(|back| self.is_last_hope(field, back, now))
            && field.take_retry(self.pool.policy.retry.budget, now);
        if !may {
            return self.give_up(field, last, blow, now);
        }
        self.tried(spot).retries += 1;
        self.waited += late.map_or(Duration::ZERO, |back| back.since(now));
        self.turn = Turn::Backoff(Again {
            spot,
            key: last.ask.key,
            nth,
            not_before: told.unwrap_or_default(),
            owed: Some(blow),
        });
    }

    /// Whether an endpoint that wants to be left alone for longer than a backoff is waited for: soon, and nobody else can
    /// be asked now.
    fn is_last_hope<F: Field>(&self, field: &F, back: Tick, now: Tick) -> bool {
        self.is_soon(back, now) && !self.untried_are_at_least(field, self.stage, 1, now)
    }

    fn give_up<F: Field>(&mut self, field: &F, last: &Last, blow: Blow, now: Tick) {
        field.failed(last.ask.spot, blow, now);
        self.tried(last.ask.spot).spent = true;
    }

    fn limited<F: Field>(
        &mut self,
        field: &F,
        last: &Last,
        retry_after: Option<Duration>,
        now: Tick,
    ) {
        let Some(key) = last.ask.key else { return };
        field.key_limited(last.ask, retry_after, now);
        let tried = self.tried(last.ask.spot);
        let before = tried.limited.filter(|before| before.key == key);
        tried.limited = Some(Limited {
            key,
            told: retry_after.is_some(),
            since: before.map_or(now, |before| before.since),
            again: before.is_some(),
        });
        self.turn = Turn::OtherKey(last.ask.spot);
    }

    /// A wrong or unpaid key is so for all of its provider's models; a forbidden one perhaps only for this.
    fn refused<F: Field>(&mut self, field: &F, last: &Last, mark: KeyMark, now: Tick) {
        let Some(key) = last.ask.key else { return };
        let seat = self.pool.seat(last.ask.spot);
        // Where names pass, what is forbidden is the name that this client asked for.
        if !(mark == KeyMark::Forbidden && seat.passes()) {
            field.key_refused(last.ask, mark, now);
        }
        let identity = (mark == KeyMark::Forbidden).then_some(seat.identity);
        self.barred.push(Barred {
            provider: seat.provider,
            key,
            identity,
        });
        self.tried(last.ask.spot);
        self.turn = Turn::OtherKey(last.ask.spot);
    }

    /// With `passthrough` the 404 may be about what this client's account can see, and where names pass about the name that
    /// this client asked for, so it cools nothing.
    fn missing<F: Field>(&mut self, field: &F, last: &Last, now: Tick) {
        let spot = last.ask.spot;
        let seat = self.pool.seat(spot);
        if self.needs.path == PathKind::Chat && !seat.passthrough && !seat.passes() {
            field.failed(
                spot,
                Blow {
                    counts: false,
                    ..Blow::new(tells_of(last, now), Cause::Answer)
                },
                now,
            );
        }
        self.tried(spot).spent = true;
    }

    /// What an endpoint of undeclared context refuses is at least as long as we estimated.
    fn too_long(&mut self, last: &Last) {
        let declared = self
            .pool
            .seat(last.ask.spot)
            .max_context
            .unwrap_or(self.needs.estimated_tokens);
        self.context_floor = Some(
            self.context_floor
                .map_or(declared, |floor| floor.max(declared)),
        );
        self.tried(last.ask.spot).spent = true;
    }

    fn final_answer<F: Field>(&mut self, field: &F, last: &Last) {
        self.end(field, last, Why::Answer, Some(last.number));
    }

    fn end<F: Field>(&mut self, field: &F, last: &Last, why: Why, best: Option<u32>) {
        if let Some(ticket) = last.ask.probe {
            field.leave(last.ask.spot, ticket);
        }
        let best = best.or(self.best());
        self.turn = Turn::Done(Stop {
            why,
            best,
            retry_after: None,
        });
    }
}

/// Of when the end of an attempt tells: what began before a failure tells nothing new, but one that was made to find out
/// always does, whoever else has failed meanwhile.
fn tells_of(last: &Last, now: Tick) -> Tick {
    match last.ask.probe {
        Some(_) => now,
        None => last.ask.began,
    }
}
