//! Which objects of the database are in force. One that does not go with the configuration any more is left out, and said
//! to be: the rest of the gateway starts without it.

use std::collections::BTreeSet;

use crate::admin::LeftOut;
use crate::config::{self, Kind, Loaded, Object, Report};
use crate::reload::Inputs;
use crate::store::Shelf;

/// Objects as they were read.
#[derive(Debug, Clone, Default)]
pub struct Objects {
    pub generation: i64,
    pub all: Vec<Object>,
    /// Their secrets cannot be had.
    pub(super) locked: Vec<LeftOut>,
}

/// A configuration that holds, and what of the objects is not in it.
#[derive(Debug)]
pub struct Holds {
    pub loaded: Loaded,
    pub left_out: Vec<LeftOut>,
}

impl Objects {
    pub fn of(shelf: &Shelf) -> Objects {
        let mut objects = Objects {
            generation: shelf.generation,
            ..Objects::default()
        };
        for stored in &shelf.objects {
            match &stored.locked {
                None => objects.all.push(stored.object()),
                Some(why) => objects.locked.push(LeftOut {
                    kind: stored.kind,
                    name: stored.name.clone(),
                    why: format!("its secrets do not open: {why}"),
                }),
            }
        }
        objects
    }
}

/// Loads with all objects that may be in force; those that `may_go` and are at fault are left out.
///
/// # Errors
/// Everything that is wrong, where it is about the file, or about an object that may not go.
pub fn load(
    inputs: &Inputs,
    objects: &Objects,
    may_go: impl Fn(Kind, &str) -> bool,
) -> Result<Holds, Report> {
    let mut left_out = objects.locked.clone();
    let mut source = inputs.source.clone();
    source.objects.clone_from(&objects.all);
    loop {
        let report = match config::load(&source, &inputs.env, &inputs.overrides, inputs.demo) {
            Ok(loaded) => return Ok(Holds { loaded, left_out }),
            Err(report) => report,
        };
        let at_fault: BTreeSet<usize> = report
            .objects_at_fault()
            .into_iter()
            .filter_map(|nth| usize::try_from(nth).ok())
            .collect();
        let stays = |nth: &usize| {
            let object = source.objects.get(*nth);
            object.is_none_or(|object| !may_go(object.kind, &object.name))
        };
        if at_fault.is_empty() || at_fault.iter().any(stays) {
            return Err(report);
        }
        let why = report.to_string();
        for nth in at_fault.into_iter().rev() {
            let object = source.objects.remove(nth);
            left_out.push(LeftOut {
                kind: object.kind,
                name: object.name,
                why: why.clone(),
            });
        }
    }
}
