//! The commands that ask a running gateway: a whole life of one, typed, the same on both databases.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::caller::call;
use crate::harness::{Gateway, until};
use crate::house::{self, PATIENCE};
use crate::postgres::Postgres;

/// A window that no test sees the end of, unless it runs at New Year.
const YEAR: &str = "0 0 1 1 *";

/// The demo vendor in a process of its own.
struct DemoVendor {
    child: Child,
    url: String,
}

impl DemoVendor {
    fn start() -> DemoVendor {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(["demo", "--listen", "127.0.0.1:0"])
            .env_clear()
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let (_, url) = line.trim().split_once(" on ").unwrap();
        DemoVendor {
            child,
            url: [url, "/v1"].concat(),
        }
    }
}

impl Drop for DemoVendor {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn typed(gateway: &Gateway, line: &str) -> (Option<i32>, String) {
    let words: Vec<&str> = line.split(' ').collect();
    gateway.command(&words)
}

/// What it printed; it must be well.
fn well(gateway: &Gateway, line: &str) -> String {
    let (code, out) = typed(gateway, line);
    assert_eq!(code, Some(0), "{line}\n{out}\n{}", gateway.stderr());
    out
}

fn json_of(gateway: &Gateway, line: &str) -> Value {
    let out = well(gateway, &format!("{line} --json"));
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{line}: {e}\n{out}"))
}

async fn called(gateway: &Gateway, key: &str) -> u16 {
    gateway
        .send(call("openai_chat", key, "fast"))
        .await
        .status
        .as_u16()
}

#[tokio::test]
async fn the_whole_life_of_a_gateway_can_be_typed_on_sqlite() {
    let gateway = typed_life("").await;
    well(&gateway, "backup copy.db");
    assert!(gateway.dir().join("copy.db").metadata().unwrap().len() > 0);
    assert_eq!(typed(&gateway, "backup copy.db").0, Some(1), "it is there");
}

#[tokio::test]
async fn the_whole_life_of_a_gateway_can_be_typed_on_postgresql() {
    let server = Postgres::start();
    let gateway = typed_life(&format!("  database: \"{}\"\n", server.url())).await;
    let (code, out) = typed(&gateway, "backup copy.db --json");
    assert_eq!(code, Some(1), "its own tool does that");
    assert!(out.contains("pg_dump"), "{out}");
}

async fn typed_life(database: &str) -> Gateway {
    let vendor = DemoVendor::start();
    // Who has a budget calls only what has a price.
    let rest = "  auth: keys\n  prices: { \"demo-*\": { input: 1, output: 2 } }\n";
    // It shows its password, and nobody needs it who types on this machine.
    let gateway = house::with(&[database, rest].concat(), &[]).await;
    assert!(house::shown(&gateway.stderr()).is_some());
    made(&gateway, &vendor);
    let key = well(
        &gateway,
        "keys add ci --tenant search --rpm 100 --models fast -q",
    );
    let key = key.trim();
    assert!(key.starts_with("tg-") && !key.contains('\n'), "{key}");
    let listed = well(&gateway, "keys list");
    assert!(
        listed.contains("rpm 100") && !listed.contains(key),
        "{listed}"
    );
    for format in ["openai_chat", "anthropic"] {
        let answer = gateway.send(call(format, key, "fast")).await;
        assert_eq!(answer.status, 200, "{format}: {}", answer.text());
    }

    until("the record", PATIENCE, async || {
        well(&gateway, "stats requests --model fast").contains(" 200 ")
    })
    .await;
    seen(&gateway);
    carried(&gateway);
    limited(&gateway).await;
    well(&gateway, "export --secrets -o whole.yaml");

    let new = well(&gateway, "keys rotate ci -q");
    assert_eq!(called(&gateway, key).await, 401);
    assert_eq!(called(&gateway, new.trim()).await, 200);
    well(&gateway, "keys revoke ci");
    assert_eq!(called(&gateway, new.trim()).await, 401);
    wiped_and_imported(&gateway, key).await;
    gateway
}

/// What a key may do, and no more until it is reset.
async fn limited(gateway: &Gateway) {
    let quota = json!({ "quota": { "requests": 2, "reset": YEAR }, "concurrency": 3 });
    let quota = json!({ "limits": quota });
    std::fs::write(gateway.dir().join("two.json"), quota.to_string()).unwrap();
    let key = well(gateway, "keys add two --from two.json -q");
    let quota = json!({ "requests": 7, "reset": YEAR });
    let model =
        json!({ "endpoints": [ { "provider": "demo-a", "model": "demo-m", "quota": quota } ] });
    std::fs::write(gateway.dir().join("metered.json"), model.to_string()).unwrap();
    well(gateway, "models create metered --from metered.json");
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(called(gateway, key.trim()).await);
    }
    assert_eq!(statuses, [200, 200, 429]);
    let shown = well(gateway, "quota");
    let line = |of: &str| {
        let mut lines = shown.lines().map(|line| line.split("  ").map(str::trim));
        let found = lines.find(|cells| {
            let mut cells = cells.clone().filter(|cell| !cell.is_empty());
            of.split("  ").all(|wanted| cells.next() == Some(wanted))
        });
        found.is_some()
    };
    for of in [
        "key two  quota  2 / 2",
        "key two  at once  0 / 3",
        "key ci  a minute",
        "tenant search  budget",
        "metered  demo-a/demo-m  0 / 7",
    ] {
        assert!(line(of), "{of}\n{shown}");
    }
    well(gateway, "quota reset --key two");
    assert_eq!(called(gateway, key.trim()).await, 200, "at once");
    assert_eq!(json_of(gateway, "quota")["client_keys"][1]["name"], "two");

    // Before anything was used, of whatever has a limit.
    for line in [
        "quota reset metered",
        "quota reset metered demo-a/demo-m",
        "quota reset --tenant search",
        "quota reset --key ci",
    ] {
        assert!(well(gateway, line).starts_with("ok "), "{line}");
    }
    assert_eq!(typed(gateway, "quota reset --key nobody").0, Some(1));
    assert_eq!(typed(gateway, "quota --admin-key wrong-key").0, Some(3));
    let mine = format!("quota --url http://{}", gateway.addr);
    assert_eq!(well(gateway, &mine), well(gateway, "quota"));

    // To make it again is no way around its quota.
    assert_eq!(called(gateway, key.trim()).await, 200);
    well(gateway, "keys revoke two");
    assert!(!well(gateway, "quota").contains("key two"));
    let again = well(gateway, "keys add two --from two.json -q");
    assert_eq!(called(gateway, again.trim()).await, 429);
    well(gateway, "quota reset --key two");
    assert_eq!(called(gateway, again.trim()).await, 200);
    well(gateway, "models delete metered");
}

/// All that was made goes, and comes again by the file.
async fn wiped_and_imported(gateway: &Gateway, key: &str) {
    let whole = std::fs::read_to_string(gateway.dir().join("whole.yaml")).unwrap();
    for line in [
        "keys revoke two",
        "routes delete long",
        "models delete fast",
        "tenants delete search",
        "providers delete demo-a",
    ] {
        well(gateway, line);
    }
    let (code, _) = typed(gateway, "models delete fast");
    assert_eq!(code, Some(1), "there is none any more");
    assert_eq!(called(gateway, key).await, 401);
    well(gateway, "import whole.yaml --yes");
    assert_eq!(
        called(gateway, key).await,
        200,
        "that of before its rotation"
    );
    let again = well(gateway, "export --secrets");
    assert_eq!(again, whole, "the same again");
    assert!(well(gateway, "import whole.yaml --yes").contains("nothing changes"));
}

/// A provider with its models, a pool, a route and a tenant.
fn made(gateway: &Gateway, vendor: &DemoVendor) {
    let line = format!("providers add demo-a --base-url {} --pull", vendor.url);
    let added = well(gateway, &line);
    assert!(added.contains("are kept"), "{added}");
    let provider = &json_of(gateway, "providers list")["items"];
    let provider = provider.as_array().unwrap().iter();
    let provider = provider
        .clone()
        .find(|one| one["name"] == "demo-a")
        .unwrap();
    let model = provider["body"]["models"][0].as_str().unwrap();
    let keyed = well(
        gateway,
        "keys add --provider demo-a --api-key sk-typed-1234567890",
    );
    assert!(
        keyed.contains("NUMBER") && !keyed.contains("1234567890"),
        "{keyed}"
    );
    well(gateway, "keys revoke 1 --provider demo-a");
    let tested = well(gateway, &format!("providers test demo-a --model {model}"));
    assert!(tested.starts_with("ok demo-a/"), "{tested}");
    well(
        gateway,
        &format!("models create --route-key fast --target-model {model} --provider demo-a"),
    );
    let (code, _) = typed(gateway, "models create fast --endpoint demo-a/x");
    assert_eq!(code, Some(1), "it is there");
    well(
        gateway,
        "routes add long --when tokens_over=100000 --use fast",
    );
    well(gateway, "tenants add search --budget 5");
    let tenants = well(gateway, "tenants list");
    assert!(tenants.contains("budget 5 USD"), "{tenants}");
    assert!(well(gateway, "routes list").contains("tokens_over 100000"));
}

/// What was, and what would be.
fn seen(gateway: &Gateway) {
    assert!(well(gateway, "stats").starts_with("WHEN"));
    let by = well(gateway, "stats --by model,client_key");
    assert!(by.contains("MODEL") && by.contains("fast"), "{by}");
    let audit = well(gateway, "audit -n 50");
    assert!(
        audit.contains("local") && audit.contains("demo-a"),
        "{audit}"
    );
    let explained = json_of(gateway, "explain fast");
    assert_eq!(explained["pool"], "fast");
    assert!(well(gateway, "explain fast --format anthropic").contains("demo-a/"));

    let mut tail = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["logs", "tail", "-n", "1", "--conf", "tidegate.yaml"])
        .current_dir(gateway.dir())
        .env_clear()
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(tail.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    tail.kill().unwrap();
    tail.wait().unwrap();
    assert!(
        line.contains("  200  ") && line.contains("demo-a/"),
        "{line}"
    );
}

fn carried(gateway: &Gateway) {
    let export = gateway.dir().join("export.yaml");
    well(gateway, "export --secrets -o export.yaml");
    let text = std::fs::read_to_string(&export).unwrap();
    assert!(text.contains("demo-a"), "{text}");
    assert_eq!(
        typed(gateway, "export -o export.yaml").0,
        Some(1),
        "it is there"
    );

    std::fs::write(&export, text.replace("rpm: 100", "rpm: 200")).unwrap();
    let shown = well(gateway, "import export.yaml --dry-run");
    assert!(shown.contains("client key ci"), "{shown}");
    let (code, _) = typed(gateway, "import export.yaml");
    assert_eq!(code, Some(2), "nobody can be asked");
    assert!(well(gateway, "keys list").contains("rpm 100"));
    well(gateway, "import export.yaml --yes");
    assert!(well(gateway, "keys list").contains("rpm 200"));
    well(gateway, "reload");
}

/// What was shown is what is put in force: the second call says which first one it is about.
#[tokio::test]
async fn an_import_that_was_agreed_to_says_what_was_shown() {
    let gateway = house::house("").await;
    std::fs::write(gateway.dir().join("t.yaml"), "gateway: {}\n").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let other = std::thread::spawn(move || {
        let mut heads = Vec::new();
        for _ in 0..2 {
            let (stream, _) = listener.accept().unwrap();
            heads.push(answered(stream));
        }
        heads
    });
    let line = format!("import t.yaml --yes --url {url} --admin-key some-key");
    assert_eq!(typed(&gateway, &line).0, Some(0));
    let heads = other.join().unwrap();
    let said = "if-match: \"7-of-this\"\r\n";
    assert!(
        !heads[0].contains("if-match") && heads[1].contains(said),
        "{heads:#?}"
    );
}

/// Answers an import; the request's head.
fn answered(stream: TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let from = head.len();
        assert!(reader.read_line(&mut head).unwrap() > 0);
        if let Some(told) = head[from..].strip_prefix("content-length: ") {
            length = told.trim().parse().unwrap();
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    let body = json!({ "etag": "\"7-of-this\"", "added": 1, "text": "+ tenant x\n" }).to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    reader.into_inner().write_all(answer.as_bytes()).unwrap();
    head
}

#[tokio::test]
async fn who_is_not_let_in_and_who_reaches_nobody_is_told_so() {
    let gateway = house::house("").await;
    let (code, out) = typed(&gateway, "models list --admin-key wrong-key-of-somebody");
    assert_eq!((code, &*out), (Some(3), ""));
    let dead = crate::harness::dead_addr();
    let line = format!("models list --url http://{dead} --admin-key k");
    assert_eq!(typed(&gateway, &line).0, Some(3));
    // Whose certificate nobody has looked at gets no key of this machine.
    assert_eq!(typed(&gateway, "models list --url https://x").0, Some(3));
    assert_eq!(typed(&gateway, "models list --url x.example").0, Some(2));
    let mine = format!("models list --url http://{} --json", gateway.addr);
    assert_eq!(typed(&gateway, &mine).0, Some(0));
}
