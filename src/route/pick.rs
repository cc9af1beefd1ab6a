//! Choosing one among the able: the four strategies, as algorithms over indexes.

use super::seats::Seats;

/// One smooth weighted round robin (nginx's): everybody gains its weight, the richest is picked and pays what was
/// handed out. Over a full cycle (the sum of weights) everybody gets exactly its weight, spread evenly; who is left
/// out neither gains nor pays, so it comes back without a burst.
#[derive(Debug, Clone)]
pub struct Rotor(Box<[Turn]>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    weight: i64,
    purse: i64,
}

impl Rotor {
    /// A weight of 0 counts as 1: nobody starves by a typo.
    pub fn new(weights: impl IntoIterator<Item = u32>) -> Rotor {
        let turn = |weight: u32| Turn {
            weight: i64::from(weight.max(1)),
            purse: 0,
        };
        Rotor(weights.into_iter().map(turn).collect())
    }

    /// Picks among `members` (indexes within the rotor), and charges the pick.
    pub fn take(&mut self, members: impl Iterator<Item = usize>) -> Option<usize> {
        let (mut total, mut most, mut best) = (0, i64::MIN, None);
        // `for_each` and not `for`: the iterators over sets are nested, and only from within do they become plain loops.
        members.for_each(|member| {
            let turn = &mut self.0[member];
            turn.purse += turn.weight;
            total += turn.weight;
            if turn.purse > most {
                (most, best) = (turn.purse, Some(member));
            }
        });
        self.0[best?].purse -= total;
        best
    }

    /// Undoes a `take` over the same members: the pick was refused, so nobody gained and nobody paid.
    pub fn give_back(&mut self, picked: usize, members: impl Iterator<Item = usize>) {
        let mut total = 0;
        members.for_each(|member| {
            let turn = &mut self.0[member];
            turn.purse -= turn.weight;
            total += turn.weight;
        });
        self.0[picked].purse += total;
    }
}

/// Round robin on two levels: over groups (a provider's endpoints of the stage) by the group's weight, then over the
/// group's seats by theirs. With a single group it is plain weighted rotation over all seats.
#[derive(Debug, Clone)]
pub struct Rotation {
    groups: Rotor,
    seats: Rotor,
    members: Box<[Seats]>,
    group_of: Box<[u32]>,
}

/// What [`Rotation`] is made of: each seat's weight and group, and each group's weight.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Weights {
    /// `(weight, group)` by seat.
    pub seats: Vec<(u32, u32)>,
    /// By group.
    pub groups: Vec<u32>,
}

impl Rotation {
    pub fn new(weights: &Weights) -> Rotation {
        let len = weights.seats.len();
        let mut members = vec![Seats::none(len); weights.groups.len()];
        for (seat, (_, group)) in weights.seats.iter().enumerate() {
            members[*group as usize].insert(seat);
        }
        Rotation {
            groups: Rotor::new(weights.groups.iter().copied()),
            seats: Rotor::new(weights.seats.iter().map(|(weight, _)| *weight)),
            members: members.into(),
            group_of: weights.seats.iter().map(|(_, group)| *group).collect(),
        }
    }

    /// The next of `among`, charged.
    pub fn take(&mut self, among: &Seats) -> Option<usize> {
        let Rotation {
            groups,
            seats,
            members,
            ..
        } = self;
        let [alone] = &**members else {
            let group = groups.take(present(members, among))?;
            return seats.take(members[group].shared(among));
        };
        seats.take(alone.shared(among))
    }

    /// Undoes a [`take`](Rotation::take) of `seat` from the same `among`.
    pub fn give_back(&mut self, seat: usize, among: &Seats) {
        let Rotation {
            groups,
            seats,
            members,
            group_of,
        } = self;
        let group = group_of[seat] as usize;
        if members.len() > 1 {
            groups.give_back(group, present(members, among));
        }
        seats.give_back(seat, members[group].shared(among));
    }
}

/// The groups that have somebody in `among`.
fn present<'a>(members: &'a [Seats], among: &'a Seats) -> impl Iterator<Item = usize> + 'a {
    members
        .iter()
        .enumerate()
        .filter(|(_, group)| group.meets(among))
        .map(|(at, _)| at)
}

/// Fewest requests in flight by weight. Among equals the dice decide, by where the search begins; it ends at the first
/// that is idle.
pub fn least_busy(
    among: &Seats,
    dice: u64,
    in_flight: impl Fn(usize) -> u32,
    weight: impl Fn(usize) -> u32,
) -> Option<usize> {
    let first = among.nth(fold(dice, among.count()))?;
    let mut best: Option<(usize, u64, u64)> = None;
    let from_first = among
        .iter_from(first)
        .chain(among.iter().take_while(|seat| *seat < first));
    for seat in from_first {
        let load = u64::from(in_flight(seat));
        if load == 0 {
            return Some(seat);
        }
        let share = u64::from(weight(seat));
        if best.is_none_or(|(_, least, its)| load * its < least * share) {
            best = Some((seat, load, share));
        }
    }
    best.map(|(seat, _, _)| seat)
}

/// Two different ones by the dice, and of them the cheaper (power of two choices): as good as the best of all, without
/// everybody rushing to the same one.
pub fn cheaper_of_two(among: &Seats, dice: u64, cost: impl Fn(usize) -> f64) -> Option<usize> {
    let count = among.count();
    let first = fold(dice, count);
    let one = among.nth(first)?;
    if count < 2 {
        return Some(one);
    }
    let second = fold(dice.rotate_left(32), count - 1);
    let other = among.nth(if second >= first { second + 1 } else { second })?;
    Some(if cost(other) < cost(one) { other } else { one })
}

/// The upper half of `dice` brought to `0..count`; 0 for an empty range.
fn fold(dice: u64, count: usize) -> usize {
    let scaled = (u128::from(dice) * count as u128) >> 64;
    usize::try_from(scaled).unwrap_or(0)
}

/// Says whether a chosen seat is to be had.
pub trait Judge {
    /// Whether `seat` is taken. Where not, takes it, and everybody else known to be no use, out of `among`.
    fn fits(&mut self, seat: usize, among: &mut Seats) -> bool;
}

/// How one stage chooses. The real one is `balance::selection`, over pingora-load-balancing's traits.
pub trait Select: std::fmt::Debug + Send + Sync {
    /// Goes through `among` in the order of the strategy until `judge` takes one; empties `among` on the way.
    fn select(&self, among: &mut Seats, at: Moment, judge: &mut dyn Judge) -> Option<usize>;
}

/// Time and chance of one choice.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub now: crate::clock::Tick,
    /// Random bits.
    pub dice: u64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(weights: &[u32]) -> Rotation {
        Rotation::new(&Weights {
            seats: weights.iter().map(|weight| (*weight, 0)).collect(),
            groups: vec![1],
        })
    }

    fn take(rotation: &mut Rotation, among: &Seats, times: usize) -> Vec<usize> {
        (0..times).filter_map(|_| rotation.take(among)).collect()
    }

    #[test]
    fn is_smooth() {
        assert_eq!(
            take(&mut plain(&[5, 1, 1]), &Seats::all(3), 7),
            [0, 0, 1, 0, 2, 0, 0]
        );
    }

    #[test]
    fn two_levels_share_by_group_first() {
        let weights = Weights {
            seats: vec![(1, 0), (1, 0), (1, 0), (3, 1), (1, 1)],
            groups: vec![2, 1],
        };
        let mut rotation = Rotation::new(&weights);
        let picks = take(&mut rotation, &Seats::all(5), 36);
        let counts: Vec<usize> = (0..5)
            .map(|seat| picks.iter().filter(|pick| **pick == seat).count())
            .collect();
        assert_eq!(counts, [8, 8, 8, 9, 3]);
    }

    #[test]
    fn who_was_away_comes_back_without_a_burst() {
        let mut rotation = plain(&[1, 1, 1]);
        let mut two = Seats::all(3);
        two.remove(2);
        take(&mut rotation, &two, 1000);
        let picks = take(&mut rotation, &Seats::all(3), 30);
        let back = |range: &[usize]| range.iter().filter(|pick| **pick == 2).count();
        assert_eq!(back(&picks), 10);
        assert!(back(&picks[..3]) <= 2);
    }

    #[test]
    fn nobody_to_choose_from_is_nobody() {
        assert_eq!(plain(&[1, 1]).take(&Seats::none(2)), None);
        assert_eq!(least_busy(&Seats::none(2), 7, |_| 0, |_| 1), None);
        assert_eq!(cheaper_of_two(&Seats::none(2), 7, |_| 0.0), None);
    }

    #[test]
    fn least_busy_weighs_the_load() {
        let loads = [4, 3, 9];
        let weights = [1, 1, 3];
        let pick = |dice| least_busy(&Seats::all(3), dice, |s| loads[s], |s| weights[s]);
        assert_eq!(
            [pick(0), pick(u64::MAX / 2), pick(u64::MAX)],
            [Some(1), Some(1), Some(2)]
        );
    }

    #[test]
    fn least_busy_spreads_over_equals() {
        let mut seen = Seats::none(5);
        for n in 0..50u64 {
            let dice = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            least_busy(&Seats::all(5), dice, |_| 0, |_| 1)
                .into_iter()
                .for_each(|s| seen.insert(s));
        }
        assert_eq!(seen.count(), 5);
    }

    proptest! {
        /// Healthy: any full cycle of the weights, wherever it begins, gives everybody its weight, give or take one.
        #[test]
        fn a_full_cycle_gives_everybody_its_weight(weights in prop::collection::vec(1u32..20, 1..20), skip in 0usize..300) {
            let mut rotation = plain(&weights);
            let all = Seats::all(weights.len());
            take(&mut rotation, &all, skip);
            let cycle: u32 = weights.iter().sum();
            let picks = take(&mut rotation, &all, cycle as usize);
            for (seat, weight) in weights.iter().enumerate() {
                let got = picks.iter().filter(|pick| **pick == seat).count() as i64;
                prop_assert!((got - i64::from(*weight)).abs() <= 1, "{} got {} of {}", seat, got, weight);
            }
        }

        /// The same on two levels: each level is smooth by itself, over as many of its own turns.
        #[test]
        fn two_levels_are_smooth_each(groups in prop::collection::vec((1u32..9, prop::collection::vec(1u32..9, 1..6)), 2..6)) {
            let seats = groups.iter().enumerate().flat_map(|(g, (_, seats))| seats.iter().map(move |w| (*w, g as u32))).collect();
            let weights = Weights { seats, groups: groups.iter().map(|(w, _)| *w).collect() };
            let mut rotation = Rotation::new(&weights);
            let all = Seats::all(weights.seats.len());
            let cycle: u32 = weights.groups.iter().sum();
            for _ in 0..8 {
                let picks = take(&mut rotation, &all, cycle as usize);
                for (group, weight) in weights.groups.iter().enumerate() {
                    let got = picks.iter().filter(|pick| weights.seats[**pick].1 as usize == group).count();
                    prop_assert!((got as i64 - i64::from(*weight)).abs() <= 1);
                }
            }
        }

        /// After any disturbance nobody starves: everybody able is picked within two cycles.
        #[test]
        fn nobody_starves_after_any_disturbance(
            weights in prop::collection::vec(1u32..10, 2..10),
            masks in prop::collection::vec(any::<u16>(), 0..100),
        ) {
            let mut rotation = plain(&weights);
            for mask in masks {
                let mut some = Seats::none(weights.len());
                (0..weights.len()).filter(|s| mask & (1 << s) != 0).for_each(|s| some.insert(s));
                rotation.take(&some);
            }
            let cycle: u32 = weights.iter().sum();
            let picks = take(&mut rotation, &Seats::all(weights.len()), 2 * cycle as usize);
            for seat in 0..weights.len() {
                prop_assert!(picks.contains(&seat), "{} of {:?} in {:?}", seat, weights, picks);
            }
        }

        #[test]
        fn giving_back_leaves_no_trace(weights in prop::collection::vec((1u32..9, 0u32..3), 1..12), mask in any::<u16>(), before in 0usize..40) {
            let weights = Weights { seats: weights, groups: vec![1, 2, 3] };
            let mut rotation = Rotation::new(&weights);
            take(&mut rotation, &Seats::all(weights.seats.len()), before);
            let mut some = Seats::none(weights.seats.len());
            (0..weights.seats.len()).filter(|s| mask & (1 << s) != 0).for_each(|s| some.insert(s));
            let untouched = rotation.clone();
            if let Some(seat) = rotation.take(&some) {
                prop_assert!(some.has(seat));
                rotation.give_back(seat, &some);
            }
            prop_assert_eq!(rotation.groups.0, untouched.groups.0);
            prop_assert_eq!(rotation.seats.0, untouched.seats.0);
        }

        #[test]
        fn two_choices_are_different_and_able(mask in any::<u64>(), dice in any::<u64>()) {
            let mut some = Seats::none(64);
            (0..64).filter(|s| mask & (1 << s) != 0).for_each(|s| some.insert(s));
            let asked = std::cell::RefCell::new(Vec::new());
            let pick = cheaper_of_two(&some, dice, |seat| { asked.borrow_mut().push(seat); seat as f64 });
            let mut asked = asked.into_inner();
            asked.dedup();
            prop_assert_eq!(asked.len(), if some.count() < 2 { 0 } else { 2 });
            prop_assert!(asked.iter().all(|seat| some.has(*seat)));
            prop_assert_eq!(pick.is_some(), some.count() > 0);
        }
    }
}
