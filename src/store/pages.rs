//! Rows by pages, newest first; and one row.
//!
//! A page that is asked for by a value looks into `seen` first: it says in which ten minutes the value was there at all,
//! so that a rare one is found without reading a month. What is common is found in the newest minutes anyway.

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::Store;
use super::dialect::Dialect;
use super::fault::Fault;
use super::filter::{Facet, Filter, Span};
use super::link::{Found, Readers, Value};
use super::row::{Row, Tokens};
use crate::id::RequestId;

/// Rows of a page at most.
pub const LONGEST_PAGE: usize = 1000;

/// Slots that are looked through first: an hour.
const FIRST_RUN: i64 = 6;

/// Rows, newest first.
#[derive(Debug)]
pub struct Page {
    pub rows: Vec<Row>,
    /// The last that was found: the next page in the same direction is before it (of [`Place::After`]: after it).
    /// `None`: there is no more.
    pub next: Option<RequestId>,
}

/// Of both tables, and whether there is a row of the third; in the order that [`row`] reads.
const COLUMNS: &str = "r.id, r.at, r.client_key, r.tenant, r.model, r.status, r.ending, r.format, r.stream, \
     r.first_us, r.total_us, r.input, r.cache_read, r.cache_write, r.output, r.reasoning, r.audio_input, \
     r.audio_output, r.estimated, r.cost, d.method, d.path, d.client, d.route, d.asked_model, d.bytes_in, \
     d.bytes_out, d.dropped, d.limited, d.attempted, d.candidates, d.refusal, \
     EXISTS (SELECT 1 FROM request_bodies b WHERE b.id = r.id)";

/// Where a page stands among all rows that fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Place {
    #[default]
    Newest,
    /// The newest that are older than this one.
    Before(RequestId),
    /// The oldest that are newer than this one.
    After(RequestId),
}

/// The order in which rows are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Back,
    Forth,
}

impl Way {
    fn order(self) -> &'static str {
        match self {
            Way::Back => " DESC",
            Way::Forth => "",
        }
    }
}

/// Rows that fit, at most so many.
pub(super) async fn page(
    readers: &Readers,
    filter: &Filter,
    place: Place,
    most: usize,
) -> Result<Page, Fault> {
    let most = most.clamp(1, LONGEST_PAGE);
    let (span, way) = place.within(filter.span());
    let mut rows = Vec::new();
    for part in parts(readers, filter, span, way).await? {
        // One more than asked for says whether there is more.
        let wanted = most + 1 - rows.len();
        rows.extend(part_of_page(readers, filter, (part, way), wanted).await?);
        if rows.len() > most {
            break;
        }
    }
    let more = rows.len() > most;
    rows.truncate(most);
    let next = rows
        .last()
        .filter(|_| more)
        .and_then(|row| RequestId::parse(&row.id));
    if way == Way::Forth {
        rows.reverse();
    }
    Ok(Page { rows, next })
}

impl Place {
    fn within(self, Span(first, last): Span) -> (Span, Way) {
        let earlier = |a: RequestId, b: RequestId| if a.as_str() < b.as_str() { a } else { b };
        match self {
            Place::Newest => (Span(first, last), Way::Back),
            Place::Before(id) => (Span(first, earlier(id, last)), Way::Back),
            Place::After(id) if id.as_str() < first.as_str() => (Span(first, last), Way::Forth),
            Place::After(id) => (Span(id.next(), last), Way::Forth),
        }
    }
}

/// Where to look, in the order of looking: runs of ten minutes in all of which every value was seen.
async fn parts(
    readers: &Readers,
    filter: &Filter,
    span: Span,
    way: Way,
) -> Result<Vec<Span>, Fault> {
    let facets = filter.facets();
    if facets.is_empty() {
        return Ok(vec![span]);
    }
    let mut common: Option<BTreeSet<i64>> = None;
    for facet in &facets {
        let slots = seen(readers, facet, span).await?;
        common = Some(match common {
            None => slots,
            Some(before) => before.intersection(&slots).copied().collect(),
        });
    }
    let slots = common.into_iter().flatten();
    let runs = match way {
        Way::Forth => runs(slots),
        Way::Back => runs(slots.rev()),
    };
    Ok(runs
        .into_iter()
        .map(|(from, to)| span.within(from, to))
        .collect())
}

/// Slots in a row, each run longer than the one before: a value that is everywhere is found in the first hour, and no
/// database has to guess that.
fn runs(slots: impl Iterator<Item = i64>) -> Vec<(i64, i64)> {
    let (mut runs, mut most): (Vec<(i64, i64)>, i64) = (Vec::new(), FIRST_RUN);
    for slot in slots {
        match runs.last_mut() {
            Some((from, to)) if *to - *from + 1 < most && *to == slot - 1 => *to = slot,
            Some((from, to)) if *to - *from + 1 < most && *from == slot + 1 => *from = slot,
            before => {
                if before.is_some_and(|(from, to)| *to - *from + 1 == most) {
                    most *= 4;
                }
                runs.push((slot, slot));
            }
        }
    }
    runs
}

/// The ten minutes in which a value was seen.
async fn seen(readers: &Readers, facet: &Facet<'_>, span: Span) -> Result<BTreeSet<i64>, Fault> {
    let (first, last) = span.slots();
    let slots = [Value::Int(first), Value::Int(last)];
    let name = Value::Text(facet.name);
    let (sql, values) = if facet.first == facet.last {
        let value = Value::Text(&facet.first);
        let sql =
            "SELECT slot FROM seen WHERE facet = $1 AND value = $2 AND slot >= $3 AND slot <= $4";
        (sql, [&[name, value][..], &slots].concat())
    } else {
        let (from, to) = (Value::Text(&facet.first), Value::Text(&facet.last));
        let sql = "SELECT DISTINCT slot FROM seen WHERE facet = $1 AND value >= $2 AND value <= $3 \
                   AND slot >= $4 AND slot <= $5";
        (sql, [&[name, from, to][..], &slots].concat())
    };
    let found = readers.rows(SqlStr::from_static(sql), &values).await?;
    let slots = found.iter().map(|row| row.int(0));
    Ok(slots.collect::<Result<_, _>>()?)
}

async fn part_of_page(
    readers: &Readers,
    filter: &Filter,
    (Span(first, last), way): (Span, Way),
    most: usize,
) -> Result<Vec<Row>, Fault> {
    let dialect = readers.dialect();
    let mut values = vec![Value::Text(first.as_str()), Value::Text(last.as_str())];
    let conditions = filter.conditions();
    values.extend(conditions.iter().map(|(_, value)| *value));
    values.push(Value::Int(i64::try_from(most).unwrap_or(i64::MAX)));
    let sql = page_sql(dialect, way, conditions.iter().map(|(sql, _)| *sql));
    let found = readers.rows(sql, &values).await?;
    Ok(found.iter().map(row).collect::<Result<_, _>>()?)
}

/// The narrow rows are found first, and only then are their details read.
fn page_sql(dialect: Dialect, way: Way, conditions: impl Iterator<Item = &'static str>) -> SqlStr {
    let mut sql = [
        "SELECT ",
        COLUMNS,
        " FROM (SELECT * FROM requests WHERE id >= ",
    ]
    .concat();
    let mut n = 1;
    let mut place = |sql: &mut String| {
        dialect.place(sql, n);
        n += 1;
    };
    place(&mut sql);
    sql.push_str(" AND id < ");
    place(&mut sql);
    for condition in conditions {
        sql.push_str(condition);
        place(&mut sql);
    }
    sql.push_str(" ORDER BY id");
    sql.push_str(way.order());
    sql.push_str(" LIMIT ");
    place(&mut sql);
    sql.push_str(") r JOIN request_details d ON d.id = r.id ORDER BY r.id");
    sql.push_str(way.order());
    AssertSqlSafe(sql).into_sql_str()
}

/// All rows that fit, a page at a time, newest first: of those that were there when it began.
pub struct Export {
    store: Arc<Store>,
    filter: Filter,
    /// `None`: that was all.
    place: Option<Place>,
}

impl Export {
    pub(super) fn of(store: Arc<Store>, filter: Filter) -> Export {
        Export {
            store,
            filter,
            place: Some(Place::Newest),
        }
    }

    /// The next rows; none when that was all.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn next(&mut self) -> Result<Vec<Row>, Fault> {
        let Some(place) = self.place else {
            return Ok(Vec::new());
        };
        let page = self.store.requests(&self.filter, place, LONGEST_PAGE);
        let Page { rows, next } = page.await?;
        self.place = next.map(Place::Before);
        Ok(rows)
    }
}

/// One row.
pub(super) async fn one(readers: &Readers, id: RequestId) -> Result<Option<Row>, Fault> {
    let sql = [
        "SELECT ",
        COLUMNS,
        " FROM requests r JOIN request_details d ON d.id = r.id WHERE r.id = $1",
    ];
    let sql = AssertSqlSafe(sql.concat()).into_sql_str();
    let found = readers.rows(sql, &[Value::Text(id.as_str())]).await?;
    Ok(found.first().map(row).transpose()?)
}

fn row(found: &Found) -> Result<Row, sqlx::Error> {
    let mut tokens = [None; 7];
    for (slot, at) in tokens.iter_mut().zip(11..) {
        *slot = found.maybe_int(at)?;
    }
    Ok(Row {
        id: found.text(0)?,
        at: found.int(1)?,
        client_key: found.maybe_text(2)?,
        tenant: found.maybe_text(3)?,
        model: found.maybe_text(4)?,
        status: found.int(5)?,
        ending: found.text(6)?,
        format: found.maybe_text(7)?,
        stream: found.flag(8)?,
        first_us: found.maybe_int(9)?,
        total_us: found.int(10)?,
        tokens: Tokens::from_columns(tokens),
        estimated: found.flag(18)?,
        cost: found.maybe_int(19)?,
        method: found.text(20)?,
        path: found.text(21)?,
        client: found.maybe_text(22)?,
        route: found.maybe_text(23)?,
        asked_model: found.maybe_text(24)?,
        bytes_in: found.int(25)?,
        bytes_out: found.int(26)?,
        dropped: found.maybe_text(27)?,
        limited: found.maybe_text(28)?,
        // Of a version that wrote them otherwise: a row without its attempts is better than none.
        attempts: serde_json::from_str(&found.text(29)?).unwrap_or_default(),
        candidates: serde_json::from_str(&found.text(30)?).unwrap_or_default(),
        refusal: found.maybe_text(31)?,
        kept: found.flag(32)?,
        bodies: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_whole_and_grow_in_both_directions() {
        let slots: Vec<i64> = (0..40).chain(50..52).collect();
        let forth = runs(slots.iter().copied());
        assert_eq!(forth, [(0, 5), (6, 29), (30, 39), (50, 51)]);
        let back = runs(slots.iter().rev().copied());
        assert_eq!(back, [(50, 51), (34, 39), (10, 33), (0, 9)]);
        assert_eq!(runs(std::iter::empty()), []);
    }
}
