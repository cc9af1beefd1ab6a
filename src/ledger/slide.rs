//! What was let in within the last 60 seconds.
//!
//! Time is cut into tenths of a second, and what is let in counts for the tenth that it came in and for the 600 after
//! it. So within any 60 seconds no more is let in than the limit says, exactly, at the price of up to a tenth of a second
//! that a place is kept longer than it had to be; and the memory is bounded by 601 tenths, however many requests come.
//!
//! Tokens count when their request was let in: first as many as were reserved, and as many as were spent from its end
//! on, if that comes while it counts at all.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Tick;

const TENTH: Duration = Duration::from_millis(100);
/// The tenths that something counts for after its own.
const SPAN: u64 = 600;

#[derive(Debug, Clone, Default)]
pub(super) struct Slide {
    /// The oldest first.
    tenths: VecDeque<Tenth>,
    requests: u64,
    tokens: u64,
}

#[derive(Debug, Clone, Copy)]
struct Tenth {
    number: u64,
    requests: u64,
    tokens: u64,
}

/// Where something was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(u64);

/// What is to be compared with a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Requests,
    Tokens,
}

impl Slide {
    /// Forgets what is too old. Before anything else at that moment.
    pub(super) fn turn(&mut self, now: Tick) {
        let now = number(now);
        while let Some(tenth) = self.tenths.front()
            && tenth.number + SPAN < now
        {
            self.requests = self.requests.saturating_sub(tenth.requests);
            self.tokens = self.tokens.saturating_sub(tenth.tokens);
            self.tenths.pop_front();
        }
    }

    pub(super) fn count(&self, what: Count) -> u64 {
        match what {
            Count::Requests => self.requests,
            Count::Tokens => self.tokens,
        }
    }

    /// How long until so much of it is left at most, if nothing more is let in.
    pub(super) fn until(&self, what: Count, at_most: u64, now: Tick) -> Duration {
        let mut left = self.count(what);
        for tenth in &self.tenths {
            left = left.saturating_sub(match what {
                Count::Requests => tenth.requests,
                Count::Tokens => tenth.tokens,
            });
            if left <= at_most {
                let gone = Tick((tenth.number + SPAN + 1).saturating_mul(micros(TENTH)));
                return gone.since(now);
            }
        }
        Duration::ZERO
    }

    pub(super) fn add(&mut self, tokens: u64, now: Tick) -> Mark {
        let number = number(now);
        // A tick may have been taken before another thread's, which was here first.
        let number = self
            .tenths
            .back()
            .map_or(number, |tenth| tenth.number.max(number));
        match self.tenths.back_mut() {
            Some(tenth) if tenth.number == number => {
                tenth.requests += 1;
                tenth.tokens = tenth.tokens.saturating_add(tokens);
            }
            _ => self.tenths.push_back(Tenth {
                number,
                requests: 1,
                tokens,
            }),
        }
        self.requests += 1;
        self.tokens = self.tokens.saturating_add(tokens);
        Mark(number)
    }

    /// It took other than so many tokens.
    pub(super) fn correct(&mut self, mark: Mark, reserved: u64, took: u64) {
        if let Some(tenth) = find(&mut self.tenths, mark) {
            let before = tenth.tokens;
            tenth.tokens = before.saturating_sub(reserved).saturating_add(took);
            self.tokens = self
                .tokens
                .saturating_sub(before)
                .saturating_add(tenth.tokens);
        }
    }

    /// It never was.
    pub(super) fn take_back(&mut self, mark: Mark, reserved: u64) {
        self.correct(mark, reserved, 0);
        if let Some(tenth) = find(&mut self.tenths, mark) {
            tenth.requests = tenth.requests.saturating_sub(1);
            self.requests = self.requests.saturating_sub(1);
        }
    }
}

fn find(tenths: &mut VecDeque<Tenth>, mark: Mark) -> Option<&mut Tenth> {
    let at = tenths.binary_search_by_key(&mark.0, |tenth| tenth.number);
    tenths.get_mut(at.ok()?)
}

fn number(now: Tick) -> u64 {
    now.0 / micros(TENTH)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tick(millis: u64) -> Tick {
        Tick((1_000_000 + millis) * 1000)
    }

    #[test]
    fn what_was_let_in_counts_for_a_minute_and_its_own_tenth() {
        let mut slide = Slide::default();
        slide.add(7, tick(30));
        slide.turn(tick(60_099));
        assert_eq!(slide.count(Count::Requests), 1);
        let left = slide.until(Count::Requests, 0, tick(60_099));
        assert_eq!(left, Duration::from_millis(1));
        slide.turn(tick(60_100));
        assert_eq!(
            (slide.count(Count::Requests), slide.count(Count::Tokens)),
            (0, 0)
        );
    }

    #[test]
    fn the_wait_is_for_as_many_of_the_oldest_as_are_in_the_way() {
        let mut slide = Slide::default();
        for n in 0..10 {
            slide.add(100, tick(n * 1000));
        }
        let now = tick(20_000);
        let wait = |what, at_most| slide.until(what, at_most, now).as_millis();
        assert_eq!(wait(Count::Requests, 9), 40_100);
        assert_eq!(wait(Count::Requests, 5), 44_100);
        assert_eq!(wait(Count::Tokens, 999), 40_100);
        assert_eq!(wait(Count::Tokens, 0), 49_100);
    }

    #[test]
    fn what_ends_after_its_minute_changes_nothing() {
        let mut slide = Slide::default();
        let mark = slide.add(50, tick(0));
        slide.turn(tick(90_000));
        slide.add(5, tick(90_000));
        slide.correct(mark, 50, 1_000);
        slide.take_back(mark, 50);
        assert_eq!(
            (slide.count(Count::Requests), slide.count(Count::Tokens)),
            (1, 5)
        );
    }

    proptest! {
        /// Against every single arrival kept: never more than the limit within any 60 s, no place kept for longer than
        /// a tenth of a second, and no more memory than tenths.
        #[test]
        fn never_over_within_any_minute(
            steps in prop::collection::vec((0_u64..900, 0_u64..50, any::<bool>()), 1..600),
            most in 1_u64..40,
        ) {
            let mut slide = Slide::default();
            let mut let_in: Vec<(u64, u64)> = Vec::new();
            let mut now = 0;
            for (pause, tokens, stays) in steps {
                now += pause;
                slide.turn(tick(now));
                let fits = slide.count(Count::Requests) < most;
                let lately = |span: u64| {
                    let_in.iter().filter(move |(at, _)| at + span > now).map(|(_, tokens)| *tokens)
                };
                if !fits {
                    prop_assert!(lately(60_100).count() as u64 >= most);
                    let wait = slide.until(Count::Requests, most - 1, tick(now));
                    prop_assert!(wait > Duration::ZERO && wait <= Duration::from_millis(60_100));
                    let mut later = slide.clone();
                    later.turn(tick(now) + wait);
                    prop_assert!(later.count(Count::Requests) < most);
                    continue;
                }
                prop_assert!((lately(60_000).count() as u64) < most);
                prop_assert!(lately(60_000).sum::<u64>() <= slide.count(Count::Tokens));
                prop_assert!(lately(60_101).sum::<u64>() >= slide.count(Count::Tokens));
                let mark = slide.add(2 * tokens, tick(now));
                if stays {
                    slide.correct(mark, 2 * tokens, tokens);
                    let_in.push((now, tokens));
                } else {
                    slide.take_back(mark, 2 * tokens);
                }
                prop_assert!(slide.tenths.len() <= 601);
            }
            slide.turn(tick(now + 60_200));
            prop_assert_eq!((slide.requests, slide.tokens, slide.tenths.len()), (0, 0, 0));
        }
    }
}
