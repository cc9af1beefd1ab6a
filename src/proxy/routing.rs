//! From the model that was asked for to its pool: routes first, then names.

use std::sync::Arc;

use http::HeaderMap;

use crate::config::{Awaits, BodyPath, BodyStep, Route, Target};
use crate::ir::Format;
use crate::live::Lane;
use crate::proxy::access::Who;
use crate::proxy::arrival::Arrival;
use crate::proxy::pages;
use crate::proxy::refusal::Refusal;
use crate::route::{self, Unknown, first_route, permits};
use crate::wire::find;
use crate::wire::scan::Scan;

/// Where a request goes.
pub struct Routed<'a> {
    pub lane: Arc<Lane>,
    /// What is asked for, after routes: the name for an endpoint without one of its own.
    pub name: &'a str,
    /// Nothing is converted.
    pub direct: bool,
    /// The route that decided, by its name.
    pub route: Option<Arc<str>>,
}

/// What routes can ask of a request.
pub struct Facts<'a> {
    pub model: &'a str,
    pub client_key: Option<&'a str>,
    pub format: Format,
    pub stream: bool,
    pub scan: &'a Scan,
    pub headers: &'a HeaderMap,
    /// `None`: a form.
    pub body: Option<&'a [u8]>,
}

/// The pool of a request, if this caller may use it.
///
/// A route is the operator's own word: who may ask for the name that was asked for may go where it leads.
///
/// # Errors
/// [`Refusal`].
pub fn route<'a>(
    arrival: &'a Arrival,
    who: &Who,
    facts: &Facts<'a>,
) -> Result<Routed<'a>, Refusal> {
    let snapshot = &arrival.wiring.snapshot;
    let Some(route) = first_route(&snapshot.gateway.routes, facts) else {
        let lane = resolve(arrival, who, facts.model)?;
        let direct = lane.pool().direct;
        return Ok(Routed {
            lane,
            name: facts.model,
            direct,
            route: None,
        });
    };
    let (name, lane) = follow(arrival, who, facts.model, route)?;
    let models = who.models();
    if !permits(models, facts.model) && !snapshot.allows(models, &lane) {
        return Err(Refusal::ModelNotAllowed(facts.model.to_owned()));
    }
    Ok(Routed {
        direct: route.direct || lane.pool().direct,
        lane,
        name,
        route: Some(route.name.clone()),
    })
}

fn follow<'a>(
    arrival: &Arrival,
    who: &Who,
    asked: &'a str,
    route: &'a Route,
) -> Result<(&'a str, Arc<Lane>), Refusal> {
    let snapshot = &arrival.wiring.snapshot;
    let (name, lane) = match &route.target {
        Target::Asked => (asked, snapshot.lane(asked)),
        Target::Name(name) => (name.as_str(), snapshot.lane(name)),
        Target::Model(at) => (asked, snapshot.lane_of(*at)),
    };
    match lane {
        Ok(lane) => {
            declared(arrival, name, &lane)?;
            Ok((name, lane))
        }
        Err(unknown) => Err(refused(arrival, who, name, unknown)),
    }
}

/// The pool that a name stands for, if this caller may use it.
///
/// # Errors
/// [`Refusal`].
pub fn resolve(arrival: &Arrival, who: &Who, model: &str) -> Result<Arc<Lane>, Refusal> {
    let snapshot = &arrival.wiring.snapshot;
    let lane = snapshot.lane(model);
    let lane = lane.map_err(|unknown| refused(arrival, who, model, unknown))?;
    declared(arrival, model, &lane)?;
    if snapshot.allows(who.models(), &lane) {
        Ok(lane)
    } else {
        Err(Refusal::ModelNotAllowed(model.to_owned()))
    }
}

/// Nothing that is there only where nobody has declared anything else answers before that is known.
fn declared(arrival: &Arrival, name: &str, lane: &Lane) -> Result<(), Refusal> {
    let gateway = &arrival.wiring.snapshot.gateway;
    if gateway.awaits != Awaits::Objects {
        return Ok(());
    }
    let first = lane.pool().stages.first();
    let made_up = first.is_some_and(|stage| {
        let mut built_in = gateway.models.iter().filter(|model| model.built_in);
        let mut seats = stage.seats.iter();
        built_in.any(|model| model.name == stage.model)
            || seats.any(|seat| Some(seat.provider) == gateway.demo)
    });
    match made_up {
        true => Err(Refusal::NotYet(Some(name.to_owned()))),
        false => Ok(()),
    }
}

fn refused(arrival: &Arrival, who: &Who, model: &str, unknown: Unknown) -> Refusal {
    match unknown {
        Unknown::Disabled => Refusal::DisabledModel(model.to_owned()),
        Unknown::NoSuchModel if arrival.wiring.snapshot.gateway.awaits != Awaits::Nothing => {
            Refusal::NotYet(Some(model.to_owned()))
        }
        Unknown::NoSuchModel => Refusal::UnknownModel {
            asked: model.to_owned(),
            known: pages::names(&arrival.wiring, who)
                .into_iter()
                .map(str::to_owned)
                .collect(),
        },
    }
}

impl route::Facts for Facts<'_> {
    fn model(&self) -> &str {
        self.model
    }

    fn client_key(&self) -> Option<&str> {
        self.client_key
    }

    fn format(&self) -> Format {
        self.format
    }

    fn tokens(&self) -> u64 {
        self.scan.estimated_tokens
    }

    fn tools(&self) -> bool {
        self.scan.tools
    }

    fn images(&self) -> bool {
        self.scan.images
    }

    fn stream(&self) -> bool {
        self.stream
    }

    fn header(&self, name: &str, fits: &dyn Fn(&str) -> bool) -> bool {
        let values = self.headers.get_all(name).iter();
        let mut texts = values.filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
        texts.any(|text| fits(text) || text.split(',').any(|item| fits(item.trim())))
    }

    fn body(&self, path: &BodyPath, fits: &dyn Fn(&str) -> bool) -> bool {
        self.body
            .is_some_and(|body| at_any(body, &path.steps, fits))
    }
}

fn at_any(json: &[u8], steps: &[BodyStep], fits: &dyn Fn(&str) -> bool) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return find::shown(json).is_some_and(|value| fits(&value))
            || find::plain_number(json).is_some_and(|number| fits(&number));
    };
    match step {
        BodyStep::Member(name) => {
            find::member(json, name).is_some_and(|value| at_any(value, rest, fits))
        }
        BodyStep::Item(at) => find::items(json)
            .get(*at)
            .is_some_and(|item| at_any(item, rest, fits)),
        BodyStep::AnyItem => find::items(json)
            .into_iter()
            .any(|item| at_any(item, rest, fits)),
    }
}
