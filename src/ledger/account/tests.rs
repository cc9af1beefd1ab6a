use std::sync::Arc;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::config::{Calendar, Cron};

const DAY: u64 = 86_400;
const NOON: Duration = Duration::from_secs(100 * DAY + DAY / 2);
const NOW: Tick = Tick(10_000_000);

fn daily(requests: Option<u64>, tokens: Option<u64>, nano_usd: Option<u64>) -> Option<Arc<Quota>> {
    let calendar = Calendar {
        cron: Cron::daily(),
        zone: TimeZone::UTC,
    };
    Some(Arc::new(Quota {
        requests,
        tokens,
        nano_usd,
        calendar,
    }))
}

fn account(allowance: Allowance) -> Account {
    Account::new(allowance, NOON)
}

fn claim(input: u64, output: u64) -> Claim {
    Claim {
        input,
        output: Output::Said(output),
        // A nanodollar a token of input, two of output.
        rates: Some((1_000, 2_000)),
    }
}

fn took(tokens: u64, nano_usd: u64) -> Spent {
    Spent::Took {
        tokens,
        nano_usd: Some(nano_usd),
    }
}

fn refused(account: &mut Account, claim: Claim) -> Exceeded {
    account.reserve(&claim, NOW, NOON).unwrap_err()
}

#[test]
fn each_limit_says_what_is_left_and_when_it_ends() {
    let cases = [
        (
            Allowance {
                rpm: Some(1),
                ..Allowance::default()
            },
            Limit::Rpm,
            0,
            60_100,
        ),
        (
            Allowance {
                tpm: Some(50),
                ..Allowance::default()
            },
            Limit::Tpm,
            20,
            60_100,
        ),
        (
            Allowance {
                concurrency: Some(1),
                ..Allowance::default()
            },
            Limit::Concurrency,
            0,
            1_000,
        ),
        (
            Allowance {
                quota: daily(Some(1), None, None),
                ..Allowance::default()
            },
            Limit::Requests,
            0,
            43_200_000,
        ),
        (
            Allowance {
                quota: daily(None, Some(50), None),
                ..Allowance::default()
            },
            Limit::Tokens,
            20,
            43_200_000,
        ),
        (
            Allowance {
                budget: daily(None, None, Some(60)),
                ..Allowance::default()
            },
            Limit::Budget,
            20,
            43_200_000,
        ),
    ];
    for (allowance, limit, left, millis) in cases {
        let mut account = account(allowance);
        let first = account.reserve(&claim(20, 10), NOW, NOON).unwrap();
        if limit != Limit::Concurrency {
            account.settle(first, took(30, 40));
        }
        let refused = refused(&mut account, claim(21, 0));
        assert_eq!((refused.limit, refused.left), (limit, left));
        assert_eq!(
            refused.retry_after.unwrap().as_millis(),
            millis,
            "{limit:?}"
        );
    }
}

#[test]
fn what_is_larger_than_a_whole_limit_is_told_so_and_a_guess_never_is() {
    let allowance = Allowance {
        tpm: Some(100),
        quota: daily(None, Some(90), None),
        budget: daily(None, None, Some(80)),
        ..Allowance::default()
    };
    let mut account = account(allowance);
    assert_eq!(refused(&mut account, claim(1, 100)).retry_after, None);
    assert_eq!(refused(&mut account, claim(1, 90)).limit, Limit::Tokens);
    assert_eq!(refused(&mut account, claim(1, 50)).limit, Limit::Budget);
    let guessed = Claim {
        output: Output::Guessed(4096),
        ..claim(20, 0)
    };
    let booking = account.reserve(&guessed, NOW, NOON).unwrap();
    let [quota, budget] = &account.terms(NOON)[..] else {
        panic!("two of them");
    };
    assert_eq!((quota.reserved.tokens, budget.reserved.nano_usd), (90, 80));
    assert_eq!(account.lately(NOW), (1, 100, 1));
    account.settle(booking, Spent::Nothing);
    assert_eq!(account.lately(NOW), (0, 0, 0));
}

#[test]
fn what_nobody_knows_the_cost_of_costs_what_was_reserved() {
    let budget = daily(None, None, Some(1_000));
    let mut account = account(Allowance {
        budget,
        ..Allowance::default()
    });
    let booking = account.reserve(&claim(10, 10), NOW, NOON).unwrap();
    let nano_usd = None;
    account.settle(
        booking,
        Spent::Took {
            tokens: 3,
            nano_usd,
        },
    );
    assert_eq!(account.terms(NOON)[0].used.nano_usd, 30);
}

#[test]
fn other_limits_change_no_counter_even_where_there_were_none_for_a_while() {
    let with = |requests| Allowance {
        quota: daily(Some(requests), None, None),
        rpm: Some(requests),
        ..Allowance::default()
    };
    let mut account = account(with(1));
    let booking = account.reserve(&claim(1, 1), NOW, NOON).unwrap();
    account.settle(booking, took(2, 0));
    account.follow(Allowance::default(), NOON);
    assert!(account.terms(NOON).is_empty());
    account.follow(with(2), NOON);
    assert_eq!(account.terms(NOON)[0].used.requests, 1);
    let booking = account.reserve(&claim(1, 1), NOW, NOON).unwrap();
    account.settle(booking, took(2, 0));
    assert_eq!(refused(&mut account, claim(1, 1)).limit, Limit::Rpm);
}

#[test]
fn a_new_window_begins_with_nothing() {
    let quota = daily(Some(1), None, None);
    let mut account = account(Allowance {
        quota,
        ..Allowance::default()
    });
    let early = account.reserve(&claim(1, 1), NOW, NOON).unwrap();
    let tomorrow = NOON + Duration::from_secs(DAY);
    let late = account.reserve(&claim(1, 1), NOW, tomorrow).unwrap();
    account.settle(early, took(5, 5));
    assert_eq!(account.terms(tomorrow)[0].used.requests, 0);
    account.settle(late, took(7, 7));
    assert_eq!(account.terms(tomorrow)[0].used.tokens, 7);
}

#[derive(Debug, Clone)]
enum Move {
    Ask(u64, u64, bool),
    /// The nth of those under way ends: taken or not, at most what it reserved.
    End(usize, bool, u64),
    Later(u64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (0_u64..40, 0_u64..40, any::<bool>()).prop_map(|(i, o, said)| Move::Ask(i, o, said)),
        3 => (any::<usize>(), any::<bool>(), 0_u64..100).prop_map(|(n, taken, of)| Move::End(n, taken, of)),
        1 => (0_u64..30_000).prop_map(Move::Later),
    ];
    prop::collection::vec(one, 1..300)
}

proptest! {
    /// Whatever comes in whichever order: used and reserved together are never over a limit as long as no estimate was
    /// too small; what ends gives back exactly what it held; the end of all leaves nothing reserved.
    #[test]
    fn never_over_under_any_interleaving(moves in moves(), concurrency in 1_u64..6) {
        let allowance = Allowance {
            rpm: Some(9),
            tpm: Some(300),
            concurrency: Some(concurrency),
            quota: daily(Some(40), Some(900), None),
            budget: daily(None, None, Some(1_500)),
        };
        let mut account = account(allowance);
        let (mut now, mut open) = (NOW, Vec::new());
        let (mut requests, mut tokens, mut nano) = (0, 0, 0);
        let mut ends = |account: &mut Account, (booking, claim): (Booking, Claim), taken: bool, of: u64| {
            if !taken {
                return account.settle(booking, Spent::Nothing);
            }
            let Output::Said(output) = claim.output else {
                // A guess bounds nothing: the answer may be as long as what was reserved, which is at least the input.
                requests += 1;
                tokens += claim.input;
                nano += claim.input;
                return account.settle(booking, took(claim.input, claim.input));
            };
            let output = output * of / 100;
            requests += 1;
            tokens += claim.input + output;
            nano += claim.input + 2 * output;
            account.settle(booking, took(claim.input + output, claim.input + 2 * output));
        };
        for one in moves {
            match one {
                Move::Ask(input, output, said) => {
                    let output = if said { Output::Said(output) } else { Output::Guessed(output) };
                    let claim = Claim { output, ..claim(input, 0) };
                    if let Ok(booking) = account.reserve(&claim, now, NOON) {
                        open.push((booking, claim));
                    }
                }
                Move::End(n, taken, of) if !open.is_empty() => {
                    let call = open.swap_remove(n % open.len());
                    ends(&mut account, call, taken, of);
                }
                Move::End(..) => {}
                Move::Later(millis) => now = now + Duration::from_millis(millis),
            }
            let (rpm, tpm, running) = account.lately(now);
            prop_assert!(rpm <= 9 && tpm <= 300 && running <= concurrency);
            prop_assert_eq!(running as usize, open.len());
            let [quota, budget] = &account.terms(NOON)[..] else { panic!() };
            prop_assert!(quota.used.requests + quota.reserved.requests <= 40);
            prop_assert!(quota.used.tokens + quota.reserved.tokens <= 900);
            prop_assert!(budget.used.nano_usd + budget.reserved.nano_usd <= 1_500);
        }
        for call in open {
            ends(&mut account, call, true, 100);
        }
        let [quota, budget] = &account.terms(NOON)[..] else { panic!() };
        prop_assert_eq!((quota.reserved, budget.reserved), (Amount::default(), Amount::default()));
        prop_assert_eq!((quota.used.requests, quota.used.tokens), (requests, tokens));
        prop_assert_eq!(budget.used.nano_usd, nano);
        prop_assert_eq!(account.lately(now).2, 0);
    }
}
