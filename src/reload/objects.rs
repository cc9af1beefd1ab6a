//! Which objects of the database are in force. One that does not go with the configuration any more is left out, and said
//! to be: the rest of the gateway starts without it.

use std::collections::BTreeSet;

use crate::admin::LeftOut;
use crate::config::transfer::Exported;
use crate::config::{self, AuthMode, Kind, Loaded, Object, Report};
use crate::reload::Inputs;
use crate::store::Shelf;

/// Objects as they were read.
#[derive(Debug, Clone, Default)]
pub struct Objects {
    pub generation: i64,
    pub all: Vec<Object>,
    /// Their secrets cannot be had.
    pub(super) locked: Vec<LeftOut>,
    /// The database has not been read yet.
    pub(super) awaited: bool,
}

/// A configuration that holds, and what of the objects is not in it.
#[derive(Debug)]
pub struct Holds {
    pub loaded: Loaded,
    pub left_out: Vec<LeftOut>,
}

impl Objects {
    /// Nobody knows them yet.
    pub fn unknown() -> Objects {
        Objects {
            // Before the first.
            generation: -1,
            awaited: true,
            ..Objects::default()
        }
    }

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

/// The configuration as it stands in its files now, with all objects that may be in force. The file has to hold by itself,
/// as at a start while the database is away.
///
/// # Errors
/// Everything that is wrong with the file.
pub(super) fn load(inputs: &Inputs, objects: &Objects) -> Result<Holds, Report> {
    let alone = inputs.load()?;
    Ok(beside(inputs, alone, objects))
}

/// With all objects that may be in force beside files that hold: what is at fault is left out.
pub fn beside(inputs: &Inputs, alone: Loaded, objects: &Objects) -> Holds {
    let mut holds = match try_beside(inputs, &alone, objects, |_, _| true) {
        Ok(holds) => holds,
        // Together they break what the file says, and no object alone is at fault.
        Err(report) => {
            let why = report.to_string();
            let all = objects.all.iter().map(|object| LeftOut {
                kind: object.kind,
                name: object.name.clone(),
                why: why.clone(),
            });
            Holds {
                loaded: alone,
                left_out: objects.locked.iter().cloned().chain(all).collect(),
            }
        }
    };
    // A key that is left out is one all the same: without it nobody else may come in.
    let has_keys = holds.left_out.iter().any(|out| out.kind == Kind::ClientKey);
    if has_keys && holds.loaded.gateway.auth == AuthMode::Auto {
        holds.loaded.gateway.auth = AuthMode::Keys;
    }
    holds
}

/// The same, but only those that `may_go` are left out.
///
/// # Errors
/// Everything that is wrong with the others.
pub(super) fn try_beside(
    inputs: &Inputs,
    files: &Loaded,
    objects: &Objects,
    may_go: impl Fn(Kind, &str) -> bool,
) -> Result<Holds, Report> {
    let mut left_out = objects.locked.clone();
    let mut source = inputs.source.clone();
    source.objects.clone_from(&objects.all);
    source.awaits_objects = objects.awaited;
    source.held = Some(files.held.clone());
    loop {
        let report = match config::load(&source, &inputs.env, &inputs.overrides, inputs.demo) {
            Ok(loaded) => return Ok(Holds { loaded, left_out }),
            Err(report) => report,
        };
        let goes = |nth: &usize| {
            let object = source.objects.get(*nth);
            object.is_some_and(|object| may_go(object.kind, &object.name))
        };
        // Those that may go first: what is wrong then is not their fault.
        let at_fault: BTreeSet<usize> = report
            .objects_at_fault()
            .into_iter()
            .filter_map(|nth| usize::try_from(nth).ok())
            .filter(goes)
            .collect();
        if at_fault.is_empty() {
            return Err(report);
        }
        for nth in at_fault.into_iter().rev() {
            let object = source.objects.remove(nth);
            left_out.push(LeftOut {
                why: report.about_object(nth).to_string(),
                kind: object.kind,
                name: object.name,
            });
        }
    }
}

/// An export that says what is not in it.
pub(super) fn told(mut exported: Exported, left_out: &[LeftOut]) -> Exported {
    if left_out.is_empty() {
        return exported;
    }
    let mut text =
        "# Objects of the database that are not in force are NOT in this file:\n".to_owned();
    for out in left_out {
        let why = out.why.lines().next().unwrap_or_default();
        text.push_str(&format!("#   {} {:?}: {why}\n", out.kind.name(), out.name));
    }
    text.push_str("#\n");
    text.push_str(&exported.text);
    exported.text = text;
    exported
}
