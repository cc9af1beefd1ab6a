//! The vendors of every row, one gateway before them all, and what happens when it is asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;
use tidegate::demo::{Seen, Vendor};
use tokio::sync::Mutex;

use super::{ErrorKind, Fault, Match, OUTAGE, Row, Second, Step, TENTH, TIMES, WAYS};
use crate::harness::{Answer, Gateway, TestVendor, dead_addr, post, try_send, until};
use crate::resume::{Case, Told, question, told};

/// A small machine does not begin everything in one moment.
const STAGGER: Duration = Duration::from_millis(100);

/// The two vendors of one row, in one way.
struct Two {
    row: usize,
    way: Case,
    /// `None`: nobody listens there yet.
    a: Mutex<Option<TestVendor>>,
    address: SocketAddr,
    b: TestVendor,
}

pub struct House {
    twos: Vec<Two>,
    gateway: Gateway,
}

/// What was seen of one row, in one way.
pub struct Story {
    pub row: usize,
    pub way: Case,
    pub answer: Answer,
    /// What each vendor was asked for that.
    pub asked: (Vec<Seen>, Vec<Seen>),
    /// While the first vendor was down.
    pub meanwhile: Vec<Answer>,
    /// From when the first vendor was up again to its first answer.
    pub back: Option<Duration>,
    /// Three more requests, and how often each vendor was asked for them.
    pub later: Vec<Answer>,
    pub asked_later: (usize, usize),
    /// What the vendor that answered says itself, asked the very same.
    pub truth: Option<Told>,
}

fn name(letter: &str, row: usize, way: &Case) -> String {
    format!("{letter}-{row}-{}", way.name())
}

impl House {
    pub async fn start(rows: &[Row], second: Second) -> House {
        let mut twos = Vec::new();
        for (number, row) in rows.iter().enumerate() {
            for way in WAYS {
                twos.push(Two::start(number, row, way, second).await);
            }
        }
        let (mut providers, mut models) = (String::new(), String::new());
        for two in &twos {
            two.describe(&rows[two.row], second, &mut providers, &mut models);
        }
        let section = format!("{TIMES}  providers:\n{providers}  models:\n{models}");
        let gateway = Gateway::start(&section).await;
        House { twos, gateway }
    }

    /// All rows at once, in one way shortly after the other.
    pub async fn run(&self, rows: &[Row]) -> Vec<Story> {
        let ways = u32::try_from(WAYS.len()).unwrap();
        let stories = (0..).zip(&self.twos).map(async |(number, two)| {
            tokio::time::sleep(STAGGER * (number % ways)).await;
            two.run(&rows[two.row], &self.gateway).await
        });
        join_all(stories).await
    }

    /// The records of every request, by id.
    pub async fn records(&self, stories: &[Story]) -> BTreeMap<String, Value> {
        let ids: Vec<&str> = stories.iter().flat_map(|story| story.ids()).collect();
        let mut records = BTreeMap::new();
        until("all are booked", Duration::from_secs(20), async || {
            let all = self.gateway.records().into_iter();
            records = all
                .filter_map(|record| Some((record["id"].as_str()?.to_owned(), record)))
                .collect();
            ids.iter().all(|id| records.contains_key(*id))
        })
        .await;
        records
    }

    /// The quotas of the endpoints, and the tokens of the model, are the sums of what the records say of the attempts.
    pub async fn is_booked(&self, stories: &[&Story], records: &BTreeMap<String, Value>) {
        for story in stories {
            let model = name("m", story.row, &story.way);
            let mut spent: BTreeMap<(String, &str), u64> = BTreeMap::new();
            for id in story.ids() {
                let record = &records[id];
                let rows = record["attempts"].as_array().unwrap();
                for row in rows {
                    let provider = row["provider"].as_str().unwrap();
                    // Where there was but one attempt, the record says what it cost.
                    let of = if rows.len() == 1 { record } else { row };
                    let tokens = |bucket: &str| of[bucket].as_u64().unwrap_or(0);
                    let mut add = |what, tokens| {
                        *spent.entry((provider.to_owned(), what)).or_insert(0) += tokens;
                    };
                    add("requests", 1);
                    add("tokens", tokens("input") + tokens("output"));
                }
            }
            let mut all = 0;
            for ((provider, of), booked) in &spent {
                let labels = [("pool", &*model), ("provider", &**provider), ("of", *of)];
                let used = self.gateway.metric("tidegate_endpoint_quota_used", &labels);
                assert_eq!(used.await, *booked as f64, "{provider}: {of}, {spent:?}");
                all += if *of == "tokens" { *booked } else { 0 };
            }
            let labels = [("model", &*model)];
            let counted = self.gateway.metric("tidegate_tokens_total", &labels).await;
            assert_eq!(counted, all as f64, "{model}: {spent:?}");
        }
    }
}

impl Story {
    fn ids(&self) -> impl Iterator<Item = &str> {
        let answers = [&self.answer].into_iter();
        let answers = answers.chain(&self.meanwhile).chain(&self.later);
        answers.map(Answer::id)
    }
}

impl Two {
    async fn start(number: usize, row: &Row, way: Case, second: Second) -> Two {
        let b = TestVendor::start().await;
        if row.refuses_prefill {
            let refused = Step::from(Fault::Error(ErrorKind::InvalidRequest));
            b.vendor.script("demo-second", [refused]);
        }
        if second == Second::OtherWords {
            let other = Step::from(Fault::BigAnswer(120));
            b.vendor.always(Match::default(), Some(other));
        }
        let (a, address) = match row.down {
            Some(_) => (None, dead_addr()),
            None => {
                let a = TestVendor::start().await;
                a.vendor.script("demo-first", row.first.clone());
                a.vendor.always(Match::default(), row.then.clone());
                let address = a.addr;
                (Some(a), address)
            }
        };
        Two {
            row: number,
            way,
            a: Mutex::new(a),
            address,
            b,
        }
    }

    /// Appends its lines of the configuration.
    fn describe(&self, row: &Row, second: Second, providers: &mut String, models: &mut String) {
        let Case {
            first,
            second: behind,
            ..
        } = self.way;
        let of = |letter| name(letter, self.row, &self.way);
        let (a, b, model) = (of("a"), of("b"), of("m"));
        *providers += &format!(
            "    - {{ name: {a}, format: {first}, base_url: \"http://{}\", keys: [ key-of-a ] }}\n    - {{ name: {b}, format: {behind}, base_url: \"http://{}\", keys: [ key-of-b ], capabilities: {{ prefill: true }} }}\n",
            self.address, self.b.addr
        );
        let resume = match second {
            Second::GoesOn => "prefill",
            Second::OtherWords => "restart",
        };
        let times = row.down.map_or(String::new(), |_| format!(" {TENTH},"));
        let quota = match row.counted {
            true => ", quota: { requests: 1000, tokens: 1000000, reset: \"0 0 1 1 *\" }",
            false => "",
        };
        *models += &format!(
            "    - {{ name: {model}, resume: {resume},{times} endpoints: [ {{ provider: {a}, model: demo-first, priority: 1, max_context: 8000{quota} }}, {{ provider: {b}, model: demo-second, priority: 2{quota} }} ] }}\n"
        );
    }

    async fn run(&self, row: &Row, gateway: &Gateway) -> Story {
        let began = Instant::now();
        let answer = self.ask(gateway).await;
        let asked = self.asked().await;
        let mut outage = (Vec::new(), None);
        if let Some(down) = row.down {
            outage = self.outlast(began + down, gateway).await;
        }
        let (meanwhile, back) = outage;
        let before = self.asked().await;
        let mut later = Vec::new();
        for _ in 0..3 {
            later.push(self.ask(gateway).await);
        }
        let after = self.asked().await;
        let asked_later = (
            after.0.len() - before.0.len(),
            after.1.len() - before.1.len(),
        );
        let truth = self.truth(row, &asked).await;
        Story {
            row: self.row,
            way: self.way,
            answer,
            asked,
            meanwhile,
            back,
            later,
            asked_later,
            truth,
        }
    }

    async fn ask(&self, gateway: &Gateway) -> Answer {
        let model = name("m", self.row, &self.way);
        let (path, body) = question(self.way.client, &model);
        gateway.post(&path, &body).await
    }

    async fn asked(&self) -> (Vec<Seen>, Vec<Seen>) {
        let a = self.a.lock().await;
        let a = a.as_ref().map(|a| a.vendor.requests());
        (a.unwrap_or_default(), self.b.vendor.requests())
    }

    /// Two clients ask on and on, until the vendor is up and has answered.
    async fn outlast(&self, up: Instant, gateway: &Gateway) -> (Vec<Answer>, Option<Duration>) {
        let first = format!("{}/", name("a", self.row, &self.way));
        let rising = async {
            tokio::time::sleep_until(up.into()).await;
            let vendor = TestVendor::serve_at(self.address, Vendor::default()).await;
            *self.a.lock().await = Some(vendor);
            Instant::now()
        };
        let asking = || async {
            let mut answers = Vec::new();
            while up.elapsed() < 2 * OUTAGE {
                let answer = self.ask(gateway).await;
                if answer.route().starts_with(&first) {
                    return (answers, Some(Instant::now()));
                }
                answers.push(answer);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            (answers, None)
        };
        let (up, (mut one, back), (two, _)) = tokio::join!(rising, asking(), asking());
        one.extend(two);
        (one, back.map(|back| back.duration_since(up)))
    }

    /// What the vendor that has answered tells when it is asked the very same by ourselves.
    async fn truth(&self, row: &Row, asked: &(Vec<Seen>, Vec<Seen>)) -> Option<Told> {
        let a = self.a.lock().await;
        let (vendor, format, seen) = match row.answers() {
            Some('a') => (a.as_ref()?, self.way.first, asked.0.last()?),
            Some(_) => (&self.b, self.way.second, asked.1.last()?),
            None => return None,
        };
        let path = match &seen.query {
            Some(query) => format!("{}?{query}", seen.path),
            None => seen.path.clone(),
        };
        let mut request = post(&path, &seen.json());
        for name in [
            "authorization",
            "x-api-key",
            "x-goog-api-key",
            "anthropic-version",
        ] {
            if let Some(value) = seen.header(name) {
                request.headers_mut().insert(name, value.parse().unwrap());
            }
        }
        // It has told enough of its fault.
        vendor
            .vendor
            .always(Match::model("demo-first"), Some(Step::answer()));
        let answer = try_send(vendor.addr, request).await.unwrap();
        Some(told(format, &answer))
    }
}
