//! pingora-load-balancing's selection, for our endpoints.
//!
//! A stage's endpoints are [`Backend`]s, told apart by a made-up Unix address each (two accounts at one vendor have the
//! same real address and would collapse in the `BTreeSet`); the seat is in `ext`. [`Selection`] is called directly:
//! `LoadBalancer::select_with` clones a `Backend` and grows a `HashSet` at each step.

use std::collections::BTreeSet;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use pingora::protocols::l4::socket::SocketAddr;
use pingora_load_balancing::selection::{BackendIter, BackendSelection};
use pingora_load_balancing::{Backend, Extensions};

use crate::clock::Tick;
use crate::config::Balance;
use crate::live::Standing;
use crate::route::pick::{Judge, Moment, Rotation, Select, Weights, cheaper_of_two, least_busy};
use crate::route::{Seats, Stage};

/// Which seat of its stage a backend is; its `ext`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatNumber(pub usize);

/// One strategy over one stage.
#[derive(Debug)]
pub struct Selection {
    /// By seat.
    backends: Box<[Backend]>,
    standings: Arc<[Arc<Standing>]>,
    strategy: Strategy,
}

#[derive(Debug)]
enum Strategy {
    Rotation(Mutex<Rotation>),
    LeastBusy(Weights),
    Fastest,
}

/// What the backends themselves do not say.
#[derive(Debug)]
pub struct Arrangement {
    pub balance: Balance,
    pub weights: Weights,
    /// By seat.
    pub standings: Arc<[Arc<Standing>]>,
}

/// The [`Arrange`](crate::live::Arrange) of the gateway.
pub fn arrange(stage: &Stage, standings: &Arc<[Arc<Standing>]>) -> Arc<dyn Select> {
    let arrangement = Arrangement {
        balance: stage.balance,
        weights: stage.weights.clone(),
        standings: standings.clone(),
    };
    let selection = Selection::build_with_config(&backends(stage), &arrangement);
    Arc::new(Chooser(Arc::new(selection)))
}

/// The endpoints of a stage as backends.
pub fn backends(stage: &Stage) -> BTreeSet<Backend> {
    stage
        .seats
        .iter()
        .enumerate()
        .filter_map(|(at, seat)| backend(at, seat.identity, seat.weight))
        .collect()
}

/// The path names no file; it is never connected to. Fixed width, so that their order is that of the seats.
fn backend(seat: usize, identity: u64, weight: u32) -> Option<Backend> {
    let addr =
        UnixAddr::from_pathname(format!("/tidegate/endpoint/{seat:05}/{identity:016x}")).ok()?;
    let mut ext = Extensions::new();
    ext.insert(SeatNumber(seat));
    Some(Backend {
        addr: SocketAddr::Unix(addr),
        weight: weight as usize,
        ext,
    })
}

fn seat_of(backend: &Backend) -> Option<usize> {
    backend.ext.get::<SeatNumber>().map(|seat| seat.0)
}

impl BackendSelection for Selection {
    type Iter = Choices;
    type Config = Arrangement;

    /// In the order of the set, which is that of the seats where [`backends`] made it.
    fn build_with_config(backends: &BTreeSet<Backend>, config: &Arrangement) -> Selection {
        let strategy = match config.balance {
            Balance::RoundRobin | Balance::Weighted => {
                Strategy::Rotation(Mutex::new(Rotation::new(&config.weights)))
            }
            Balance::LeastBusy => Strategy::LeastBusy(config.weights.clone()),
            Balance::Fastest => Strategy::Fastest,
        };
        Selection {
            backends: backends.iter().cloned().collect(),
            standings: config.standings.clone(),
            strategy,
        }
    }

    /// Weighted rotation by the backends' own weights.
    fn build(backends: &BTreeSet<Backend>) -> Selection {
        let weight = |backend: &Backend| u32::try_from(backend.weight).unwrap_or(u32::MAX);
        let weights = Weights {
            seats: backends
                .iter()
                .map(|backend| (weight(backend), 0))
                .collect(),
            groups: vec![1],
        };
        let arrangement = Arrangement {
            balance: Balance::Weighted,
            weights,
            standings: Arc::new([]),
        };
        Selection::build_with_config(backends, &arrangement)
    }

    /// `key` is a [`Moment`] as [`key`] writes it; anything else counts as random bits.
    fn iter(self: &Arc<Self>, key: &[u8]) -> Choices {
        let number = |at: usize| key.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let moment = match (number(0), number(8)) {
            (Some(now), Some(dice)) => Moment {
                now: Tick(now),
                dice,
            },
            _ => Moment {
                now: Tick::default(),
                dice: xxhash_rust::xxh3::xxh3_64(key),
            },
        };
        Choices {
            selection: self.clone(),
            among: Seats::all(self.backends.len()),
            moment,
            last: None,
        }
    }
}

/// Time and chance as a selection key.
pub fn key(at: Moment) -> [u8; 16] {
    let mut key = [0; 16];
    let (now, dice) = key.split_at_mut(8);
    now.copy_from_slice(&at.now.0.to_le_bytes());
    dice.copy_from_slice(&at.dice.to_le_bytes());
    key
}

/// Backends in the order of the strategy, each once. Only the last one given out is charged to the rotation: asking
/// for another says that it was refused.
#[derive(Debug)]
pub struct Choices {
    selection: Arc<Selection>,
    among: Seats,
    moment: Moment,
    last: Option<usize>,
}

impl Choices {
    /// Goes on among these only. The last one given out counts as refused.
    pub fn narrow(&mut self, among: &Seats) {
        self.refuse();
        self.among.keep(among);
    }

    fn refuse(&mut self) {
        if let Some(refused) = self.last.take() {
            self.selection.give_back(refused, &self.among);
            self.among.remove(refused);
        }
    }
}

impl BackendIter for Choices {
    fn next(&mut self) -> Option<&Backend> {
        self.refuse();
        let seat = self.selection.take(&self.among, self.moment)?;
        self.last = Some(seat);
        self.selection.backends.get(seat)
    }
}

impl Selection {
    fn take(&self, among: &Seats, at: Moment) -> Option<usize> {
        match &self.strategy {
            Strategy::Rotation(rotation) => rotation.lock().take(among),
            Strategy::LeastBusy(weights) => least_busy(
                among,
                at.dice,
                |seat| self.standings[seat].in_flight(),
                |seat| weights.seats[seat].0.max(1),
            ),
            Strategy::Fastest => {
                cheaper_of_two(among, at.dice, |seat| self.standings[seat].cost(at.now))
            }
        }
    }

    fn give_back(&self, seat: usize, among: &Seats) {
        if let Strategy::Rotation(rotation) = &self.strategy {
            rotation.lock().give_back(seat, among);
        }
    }
}

/// A [`Selection`] as `route/` asks for it.
#[derive(Debug)]
struct Chooser(Arc<Selection>);

impl Select for Chooser {
    fn select(&self, among: &mut Seats, at: Moment, judge: &mut dyn Judge) -> Option<usize> {
        let mut choices = self.0.iter(&key(at));
        loop {
            choices.narrow(among);
            let seat = seat_of(choices.next()?)?;
            if judge.fits(seat, among) {
                return Some(seat);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pingora_load_balancing::selection::UniqueIterator;

    use super::*;

    fn set(weights: &[u32]) -> BTreeSet<Backend> {
        let backend = |(seat, weight): (usize, &u32)| backend(seat, 42, *weight).unwrap();
        weights.iter().enumerate().map(backend).collect()
    }

    fn selection(weights: &[u32]) -> Arc<Selection> {
        Arc::new(Selection::build(&set(weights)))
    }

    /// Everything that the iterator gives out, by seat.
    fn order(selection: &Arc<Selection>) -> Vec<usize> {
        let mut choices = selection.iter(b"any");
        std::iter::from_fn(|| seat_of(choices.next()?)).collect()
    }

    struct Only(usize);

    impl Judge for Only {
        fn fits(&mut self, seat: usize, among: &mut Seats) -> bool {
            among.remove(seat);
            seat == self.0
        }
    }

    #[test]
    fn endpoints_of_one_vendor_do_not_collapse_and_keep_their_order() {
        let set = set(&[1; 300]);
        let seats: Vec<usize> = set.iter().filter_map(seat_of).collect();
        assert_eq!(seats, (0..300).collect::<Vec<_>>());
    }

    #[test]
    fn the_iterator_gives_out_everybody_once() {
        let selection = selection(&[3, 1, 2]);
        assert_eq!(order(&selection), [0, 2, 1]);
        let mut unique = UniqueIterator::new(selection.iter(b""), 10);
        let seats: Vec<usize> = std::iter::from_fn(|| seat_of(&unique.get_next()?)).collect();
        assert_eq!(seats.len(), 3, "pingora's own way of asking");
    }

    #[test]
    fn only_what_was_taken_is_charged() {
        let (asked, untouched) = (selection(&[1, 1, 1]), selection(&[1, 1, 1]));
        let moment = Moment {
            now: Tick(1),
            dice: 0,
        };
        let picked = Chooser(asked.clone()).select(&mut Seats::all(3), moment, &mut Only(2));
        assert_eq!(picked, Some(2));
        let mut two = Seats::none(3);
        two.insert(2);
        assert_eq!(untouched.take(&two, moment), Some(2));
        let next = |selection: &Arc<Selection>| {
            (0..6)
                .map(|_| selection.take(&Seats::all(3), moment))
                .collect::<Vec<_>>()
        };
        assert_eq!(next(&asked), next(&untouched));
    }

    #[test]
    fn nobody_fitting_is_nobody_and_costs_nothing() {
        let selection = selection(&[1, 2]);
        let moment = Moment {
            now: Tick(1),
            dice: 0,
        };
        assert_eq!(
            Chooser(selection.clone()).select(&mut Seats::all(2), moment, &mut Only(9)),
            None
        );
        assert_eq!(order(&selection)[0], 1, "as if nobody had asked");
    }

    #[test]
    fn the_moment_goes_through_the_key() {
        let moment = Moment {
            now: Tick(77),
            dice: u64::MAX - 1,
        };
        let choices = selection(&[1]).iter(&key(moment));
        assert_eq!(
            (choices.moment.now, choices.moment.dice),
            (moment.now, moment.dice)
        );
    }
}
