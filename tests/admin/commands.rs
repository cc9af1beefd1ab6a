//! The commands that ask a running gateway: a whole life of one, typed.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Gateway, until};
use crate::house::{self, PATIENCE};

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
    let body = json!({ "model": "fast", "messages": [{ "role": "user", "content": "hi" }] });
    let bearer = ["Bearer ", key].concat();
    let headers = [("authorization", &*bearer)];
    let request = house::asked("POST", "/v1/chat/completions", &headers, Some(&body));
    gateway.send(request).await.status.as_u16()
}

#[tokio::test]
async fn the_whole_life_of_a_gateway_can_be_typed() {
    let vendor = DemoVendor::start();
    // Who has a budget calls only what has a price.
    let section = "  auth: keys\n  prices: { \"demo-*\": { input: 1, output: 2 } }\n";
    let gateway = house::house(section).await;
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
    assert_eq!(called(&gateway, key).await, 200);

    until("the record", PATIENCE, async || {
        well(&gateway, "stats requests --model fast").contains(" 200 ")
    })
    .await;
    seen(&gateway);
    carried(&gateway);

    let new = well(&gateway, "keys rotate ci -q");
    assert_eq!(called(&gateway, key).await, 401);
    assert_eq!(called(&gateway, new.trim()).await, 200);
    well(&gateway, "keys revoke ci");
    assert_eq!(called(&gateway, new.trim()).await, 401);
    for line in [
        "routes delete long",
        "models delete fast",
        "tenants delete search",
        "providers delete demo-a",
    ] {
        well(&gateway, line);
    }
    let (code, _) = typed(&gateway, "models delete fast");
    assert_eq!(code, Some(1), "there is none any more");
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

    well(gateway, "backup copy.db");
    assert!(gateway.dir().join("copy.db").metadata().unwrap().len() > 0);
    assert_eq!(typed(gateway, "backup copy.db").0, Some(1), "it is there");
}

#[tokio::test]
async fn who_is_not_let_in_and_who_reaches_nobody_is_told_so() {
    let gateway = house::house("").await;
    let (code, out) = typed(&gateway, "models list --admin-key wrong-key-of-somebody");
    assert_eq!((code, &*out), (Some(3), ""));
    let dead = crate::harness::dead_addr();
    let line = format!("models list --url http://{dead} --admin-key k");
    assert_eq!(typed(&gateway, &line).0, Some(3));
    assert_eq!(typed(&gateway, "models list --url https://x").0, Some(2));
    let mine = format!("models list --url http://{} --json", gateway.addr);
    assert_eq!(typed(&gateway, &mine).0, Some(0));
}
