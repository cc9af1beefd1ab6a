//! What was let in within the last 60 seconds.
//!
//! Time is cut into tenths of a second, and what is let in counts for the tenth that it came in and for the 600 after
//! it. So within any 60 seconds no more is let in than the limit says, exactly, at the price of up to a tenth of a second
//! that a place is kept longer than it had to be; and the memory is bounded by some 600 tenths, however many requests come.
//!
//! Tokens count when their request was let in: first as many as were reserved, and as many as were spent from its end
//! on, if that comes while it counts at all.
//!
//! Over a restart it is known only to ten seconds ([`Past`]), which every tenth says of itself.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Tick;

use super::past::Past;

const TENTH: Duration = Duration::from_millis(100);
/// The tenths that something counts for after its own.
const SPAN: i64 = 600;

#[derive(Debug, Clone, Default)]
pub(super) struct Slide {
    /// The oldest first, in the order of their places.
    tenths: VecDeque<Tenth>,
    requests: u64,
    tokens: u64,
    /// How often all of it was forgotten at once.
    clearings: u32,
}

#[derive(Debug, Clone, Copy)]
struct Tenth {
    /// Below zero: before this process had a clock.
    number: i64,
    /// The sum that it is kept in over a restart.
    until: i64,
    requests: u64,
    tokens: u64,
}

/// Where something was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    place: (i64, i64),
    clearings: u32,
}

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
                let gone = (tenth.number + SPAN + 1).saturating_mul(micros(TENTH));
                return Tick(u64::try_from(gone).unwrap_or(0)).since(now);
            }
        }
        Duration::ZERO
    }

    /// `wall`: the same moment since the Unix epoch.
    pub(super) fn add(&mut self, tokens: u64, now: Tick, wall: Duration) -> Mark {
        let (number, until) = (number(now), Past::until(wall));
        // A tick may have been taken before another thread's, which was here first.
        let number = self
            .tenths
            .back()
            .map_or(number, |tenth| tenth.number.max(number));
        self.put(Tenth {
            number,
            until,
            requests: 1,
            tokens,
        });
        Mark {
            place: (number, until),
            clearings: self.clearings,
        }
    }

    fn put(&mut self, new: Tenth) {
        self.requests = self.requests.saturating_add(new.requests);
        self.tokens = self.tokens.saturating_add(new.tokens);
        // Nearly always behind all others, or in the last one.
        let later = self.tenths.iter().rev();
        let behind = later
            .take_while(|tenth| tenth.place() > new.place())
            .count();
        let at = self.tenths.len() - behind;
        match at.checked_sub(1).and_then(|at| self.tenths.get_mut(at)) {
            Some(tenth) if tenth.place() == new.place() => {
                tenth.requests = tenth.requests.saturating_add(new.requests);
                tenth.tokens = tenth.tokens.saturating_add(new.tokens);
            }
            _ => self.tenths.insert(at, new),
        }
    }

    /// What counts now, for who takes it over. The oldest first.
    pub(super) fn past(&mut self, now: Tick) -> Vec<Past> {
        self.turn(now);
        let mut sums: Vec<Past> = Vec::new();
        for tenth in self.tenths.iter().filter(|tenth| tenth.is_any()) {
            match sums.last_mut().filter(|sum| sum.until >= tenth.until) {
                Some(sum) => {
                    sum.requests = sum.requests.saturating_add(tenth.requests);
                    sum.tokens = sum.tokens.saturating_add(tenth.tokens);
                }
                None => sums.push(Past {
                    until: tenth.until,
                    requests: tenth.requests,
                    tokens: tenth.tokens,
                }),
            }
        }
        sums
    }

    /// Takes over what has come before this process, or elsewhere: all of a sum at its end, none later than now.
    pub(super) fn take_over(&mut self, past: &[Past], now: Tick, wall: Duration) {
        let (now, wall) = (number_and_micros(now), micros(wall));
        for sum in past {
            let ends = sum.until.saturating_mul(1_000_000).saturating_sub(wall);
            let ends = now.1.saturating_add(ends.min(0));
            let number = (ends - 1).div_euclid(micros(TENTH)).min(now.0);
            if number + SPAN >= now.0 {
                self.put(Tenth {
                    number,
                    until: sum.until,
                    requests: sum.requests,
                    tokens: sum.tokens,
                });
            }
        }
    }

    /// Forgets all of it. What is under way counts no more either.
    pub(super) fn clear(&mut self) {
        *self = Slide {
            clearings: self.clearings.wrapping_add(1),
            ..Slide::default()
        };
    }

    /// It took other than so many tokens.
    pub(super) fn correct(&mut self, mark: Mark, reserved: u64, took: u64) {
        if let Some(tenth) = self.find(mark) {
            let before = tenth.tokens;
            tenth.tokens = before.saturating_sub(reserved).saturating_add(took);
            let after = tenth.tokens;
            self.tokens = self.tokens.saturating_sub(before).saturating_add(after);
        }
    }

    /// It never was.
    pub(super) fn take_back(&mut self, mark: Mark, reserved: u64) {
        self.correct(mark, reserved, 0);
        if let Some(tenth) = self.find(mark) {
            tenth.requests = tenth.requests.saturating_sub(1);
            self.requests = self.requests.saturating_sub(1);
        }
    }

    fn find(&mut self, mark: Mark) -> Option<&mut Tenth> {
        if mark.clearings != self.clearings {
            return None;
        }
        let tenths = &mut self.tenths;
        let at = tenths.binary_search_by_key(&mark.place, Tenth::place);
        tenths.get_mut(at.ok()?)
    }
}

impl Tenth {
    /// The end of a sum may be within a tenth: what comes before it and after it stays apart.
    fn place(&self) -> (i64, i64) {
        (self.number, self.until)
    }

    fn is_any(&self) -> bool {
        self.requests > 0 || self.tokens > 0
    }
}

fn number(now: Tick) -> i64 {
    number_and_micros(now).0
}

fn number_and_micros(now: Tick) -> (i64, i64) {
    let now = i64::try_from(now.0).unwrap_or(i64::MAX);
    (now / micros(TENTH), now)
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tick(millis: u64) -> Tick {
        Tick((1_000_000 + millis) * 1000)
    }

    /// The same moment on the wall, in no step with the tenths.
    fn wall(millis: u64) -> Duration {
        Duration::from_millis(1_700_000_000_037 + millis)
    }

    #[test]
    fn what_was_let_in_counts_for_a_minute_and_its_own_tenth() {
        let mut slide = Slide::default();
        slide.add(7, tick(30), wall(30));
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
            slide.add(100, tick(n * 1000), wall(n * 1000));
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
        let mark = slide.add(50, tick(0), wall(0));
        slide.turn(tick(90_000));
        slide.add(5, tick(90_000), wall(90_000));
        slide.correct(mark, 50, 1_000);
        slide.take_back(mark, 50);
        assert_eq!(
            (slide.count(Count::Requests), slide.count(Count::Tokens)),
            (1, 5)
        );
    }

    #[test]
    fn what_is_forgotten_at_once_is_not_given_back_to_who_comes_after() {
        let mut slide = Slide::default();
        let mark = slide.add(50, tick(0), wall(0));
        slide.clear();
        slide.add(5, tick(20), wall(20));
        slide.take_back(mark, 50);
        assert_eq!(
            (slide.count(Count::Requests), slide.count(Count::Tokens)),
            (1, 5)
        );
    }

    proptest! {
        /// Over a restart, of which the clock knows nothing, and over many: never more than the limit within any 60 s,
        /// nobody refused for what is older than 70 s and a tenth, and a handful of sums.
        #[test]
        fn a_restart_lets_no_more_in_and_costs_ten_seconds_at_most(
            steps in prop::collection::vec((0_u64..3_000, 1_u64..50, 0_u8..12), 1..400),
            most in 1_u64..40,
            tokens_most in 20_u64..900,
        ) {
            let mut slide = Slide::default();
            let mut let_in: Vec<(u64, u64)> = Vec::new();
            let (mut now, mut born, mut offset) = (0_u64, 0_u64, 1_000_000_u64);
            for (pause, tokens, what) in steps {
                now += pause;
                let here = |offset: u64, born: u64| Tick((offset + now - born) * 1000);
                if what == 0 {
                    let kept = slide.past(here(offset, born));
                    prop_assert!(kept.len() <= 8, "{:?}", kept);
                    // Another process, whose clock begins near nothing and in no step with the other's.
                    (born, offset) = (now, now % 137);
                    slide = Slide::default();
                    slide.take_over(&kept, here(offset, born), wall(now));
                }
                let at = here(offset, born);
                slide.turn(at);
                let lately = |span: u64| let_in.iter().filter(move |(at, _)| at + span > now);
                let sum = |span: u64| lately(span).map(|(_, tokens)| *tokens).sum::<u64>();
                prop_assert!(slide.count(Count::Requests) >= lately(60_000).count() as u64);
                prop_assert!(slide.count(Count::Tokens) >= sum(60_000));
                prop_assert!(slide.count(Count::Requests) <= lately(70_201).count() as u64);
                prop_assert!(slide.count(Count::Tokens) <= sum(70_201));
                let fits = slide.count(Count::Requests) < most
                    && slide.count(Count::Tokens) + tokens <= tokens_most;
                if fits {
                    let mark = slide.add(2 * tokens, at, wall(now));
                    slide.correct(mark, 2 * tokens, tokens);
                    let_in.push((now, tokens));
                }
            }
        }

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
                let mark = slide.add(2 * tokens, tick(now), wall(now));
                if stays {
                    slide.correct(mark, 2 * tokens, tokens);
                    let_in.push((now, tokens));
                } else {
                    slide.take_back(mark, 2 * tokens);
                }
                prop_assert!(slide.tenths.len() <= 608);
            }
            slide.turn(tick(now + 60_200));
            prop_assert_eq!((slide.requests, slide.tokens, slide.tenths.len()), (0, 0, 0));
        }
    }
}
