//! The document lists what is served, and nothing is served that it does not list.

use std::collections::BTreeSet;

use crate::house::{KEY, Visitor, asked, house};

const METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "PATCH"];

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_the_document_is_there_and_no_other_method_is() {
    let gateway = house("").await;
    let answer = gateway.get("/admin/api/v1/openapi.json").await.unwrap();
    assert_eq!(answer.header("content-type"), "application/json");
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 7, "{}", paths.len());
    for (path, item) in paths {
        let told: BTreeSet<&str> = METHODS
            .into_iter()
            .filter(|method| item.get(method.to_ascii_lowercase()).is_some())
            .collect();
        let place = path.replace(['{', '}'], "");
        for method in METHODS {
            let answer = gateway.send(asked(method, &place, &[], None)).await;
            let status = answer.status.as_u16();
            if !told.contains(method) {
                assert_eq!(status, 405, "{method} {path}");
                let allow: BTreeSet<&str> = answer.header("allow").split(',').collect();
                let served = told.iter().copied();
                let head = told.contains("GET").then_some("HEAD");
                assert_eq!(allow, served.chain(head).collect(), "{path}");
                continue;
            }
            let security = item[method.to_ascii_lowercase()]["security"]
                .as_array()
                .unwrap();
            let open = security
                .iter()
                .all(|need| need.as_object().unwrap().is_empty());
            assert_ne!(status, 404, "{method} {path}");
            assert_eq!(status == 401, !open, "{method} {path}: {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_that_the_document_names_it_has() {
    let gateway = house("").await;
    let answer = gateway.get("/admin/api/v1/openapi.json").await.unwrap();
    let (text, document) = (answer.text(), answer.json());
    let named = text.split("\"#/components/schemas/").skip(1);
    for name in named.map(|rest| rest.split('"').next().unwrap()) {
        let shape = &document["components"]["schemas"][name];
        assert!(shape.is_object(), "{name}");
    }
    let status = Visitor::bearer(KEY).get(&gateway, "/status").await.json();
    let shape = &document["components"]["schemas"]["Status"];
    for member in status.as_object().unwrap().keys() {
        assert!(shape["properties"][member].is_object(), "{member}");
    }
    for member in shape["required"].as_array().unwrap() {
        assert!(status.get(member.as_str().unwrap()).is_some(), "{member}");
    }
}
