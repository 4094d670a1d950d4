//! A test: `docs/json.schema.json` is what the types behind `--json` say.

use std::path::Path;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::json;
use crate::doctor::rules::Rule;
use crate::error::Error;
use crate::output::JSON_VERSION;

/// What a command prints where it ends with an error.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a schema is made of it, and nothing else")]
struct Failed {
    /// What happened.
    error: Error,
}

/// `doctor --explain`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a schema is made of it, and nothing else")]
struct Explained {
    #[serde(flatten)]
    rule: Rule,
}

/// Every object that a command prints.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "a schema is made of it, and nothing else")]
enum Answer<'a> {
    Status(json::Status),
    Why(json::Ends),
    Show(json::Shown),
    Controlled(json::Controlled),
    Doctor(json::Checked<'a>),
    DoctorList(json::Rules),
    DoctorExplain(Explained),
    Plan(json::Planned<'a>),
    Install(json::Installed<'a>),
    Upgrade(json::Upgraded<'a>),
    Shield(json::Shielded<'a>),
    Guard(json::Guarding),
    Remove(json::Removed<'a>),
    Failed(Failed),
}

/// Links between types are links of Rust's documentation.
fn plain(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = text
                    .replace("[`", "`")
                    .replace("`]", "`")
                    .replace('\n', " ");
            }
            object.values_mut().for_each(plain);
        }
        Value::Array(list) => list.iter_mut().for_each(plain),
        _ => {}
    }
}

/// An object that a command prints has a version beside its own fields.
fn with_version(definition: &mut Map<String, Value>) {
    let version = json!({"description": "The version of this schema.", "const": JSON_VERSION});
    let properties = definition
        .get_mut("properties")
        .and_then(Value::as_object_mut);
    properties
        .expect("an object")
        .insert("version".to_owned(), version);
    let required = definition.entry("required").or_insert_with(|| json!([]));
    required
        .as_array_mut()
        .expect("a list")
        .push(json!("version"));
}

fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    let mut schema = generator.into_root_schema_for::<Answer<'_>>().to_value();
    plain(&mut schema);
    let answers = schema["anyOf"].as_array().expect("answers");
    let references = answers.iter().filter_map(|answer| answer["$ref"].as_str());
    let names: Vec<String> = references
        .filter_map(|reference| Some(reference.rsplit_once('/')?.1.to_owned()))
        .collect();
    assert_eq!(names.len(), answers.len(), "each answer has a name");
    for name in &names {
        with_version(schema["$defs"][name].as_object_mut().expect("a definition"));
    }
    schema["title"] = json!("What hermes-install prints with --json");
    schema
}

#[test]
fn the_schema_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.schema.json");
    let text = serde_json::to_string_pretty(&schema()).expect("JSON") + "\n";
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &text).expect("it is written");
    }
    let there = std::fs::read_to_string(&path).expect("the schema");
    assert!(
        there == text,
        "BLESS=1 cargo test schema writes docs/json.schema.json"
    );
}
