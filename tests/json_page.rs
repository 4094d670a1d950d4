//! docs/json.md against `src/commands/json`: every object and field, with what it means.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::tool::{program, same_as_file, told};

/// What `///` lines say, and forget them.
fn said(about: &mut Vec<&str>) -> String {
    let text = about.join(" ").replace("[`", "`").replace("`]", "`");
    about.clear();
    text
}

/// `Vec<Option<T>>` and the like as `list of T`, `or null`.
fn kind(of: &str) -> String {
    let inner = |from: &'static str| {
        let rest = of.strip_prefix(from)?;
        rest.strip_suffix('>').map(str::to_owned)
    };
    let of = of.trim_start_matches('&');
    if let Some(of) = inner("Option<") {
        return format!("{} or null", kind(&of));
    }
    if let Some(of) = inner("Vec<") {
        return format!("list of {}", kind(&of));
    }
    let of = of.trim_start_matches("'a ").trim_start_matches("'static ");
    if let Some(of) = of.strip_prefix('[').and_then(|o| o.strip_suffix(']')) {
        return format!("list of {}", kind(of));
    }
    if let Some(of) = of
        .strip_prefix("BTreeMap<String, ")
        .and_then(|o| o.strip_suffix('>'))
    {
        return format!("{} by name", kind(of));
    }
    match of.trim_end_matches("<'a>") {
        "String" | "str" | "Path" | "PathBuf" | "ProfileName" | "Scope" | "State" => {
            "string".into()
        }
        "Value" => "anything".into(),
        "bool" => "true or false".into(),
        "usize" | "u32" | "u64" | "i32" | "f64" => "number".into(),
        other => format!("`{other}`"),
    }
}

#[test]
fn the_page_has_every_object_and_field() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = top.join("docs/json.md");
    let there = std::fs::read_to_string(&file).unwrap();
    let head = there.split("\n## ").next().unwrap_or_default();
    let mut page = head.to_owned();
    let read = |name| std::fs::read_to_string(top.join("src/commands/json").join(name)).unwrap();
    let source = read("mod.rs") + &read("status.rs") + &read("why.rs");
    let (mut about, mut is_enum) = (Vec::new(), false);
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            about.push(text);
        } else if let Some(rest) = line.strip_prefix("pub(crate) struct ") {
            let name = rest.split(['<', ' ']).next().unwrap();
            let _ = write!(page, "\n## {name}\n\n{}\n\n", said(&mut about));
            let _ = writeln!(page, "| field | type | |\n|---|---|---|");
            is_enum = false;
        } else if let Some(rest) = line.strip_prefix("pub(crate) enum ") {
            let name = rest.split(' ').next().unwrap();
            let _ = write!(
                page,
                "\n## {name}\n\n{}\n\n| value | |\n|---|---|\n",
                said(&mut about)
            );
            is_enum = true;
        } else if let Some((name, of)) = line
            .strip_prefix("pub(crate) ")
            .and_then(|l| l.strip_suffix(','))
            .and_then(|l| l.split_once(": "))
        {
            let _ = writeln!(page, "| `{name}` | {} | {} |", kind(of), said(&mut about));
        } else if is_enum && line.ends_with(',') && !about.is_empty() {
            let mut name = String::new();
            for c in line.trim_end_matches(',').chars() {
                if c.is_uppercase() && !name.is_empty() {
                    name.push('-');
                }
                name.extend(c.to_lowercase());
            }
            let _ = writeln!(page, "| `{name}` | {} |", said(&mut about));
        } else if !line.starts_with('#') {
            about.clear();
        }
    }
    same_as_file(&file, &page);
}

/// A reader of schemas for Python: the schema, then the name of a definition, on what it is given.
const READER: &str = "
import json, sys
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
named = {**schema, '$ref': '#/$defs/' + sys.argv[2]}
del named['anyOf']
for wanted in (schema, named):
    Draft202012Validator(wanted).validate(json.loads(sys.argv[3]))
";

#[test]
#[ignore = "needs python3-jsonschema, which .ci/packages installs; .ci/run calls it"]
fn a_reader_of_schemas_takes_what_is_printed() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("var/lib/hermes");
    std::fs::create_dir_all(home.join("profiles/coder")).unwrap();
    let units = root.path().join("etc/systemd/system");
    std::fs::create_dir_all(&units).unwrap();
    let hermes = root.path().join("opt/hermes/bin/hermes");
    std::fs::create_dir_all(hermes.parent().unwrap()).unwrap();
    std::fs::write(&hermes, "").unwrap();
    std::fs::write(
        units.join("bot.service"),
        "[Service]\nEnvironment=HERMES_HOME=/srv/bot\nExecStart=/usr/bin/hermes gateway run\nRestart=always\n[Install]\nWantedBy=multi-user.target\n",
    )
    .unwrap();
    let image = root.path().to_str().unwrap();
    let cases: [(&str, &[&str]); 9] = [
        ("Status", &["status", "--root", image]),
        ("Checked", &["doctor", "--root", image]),
        ("Rules", &["doctor", "--list"]),
        ("Explained", &["doctor", "--explain", "restart-always"]),
        (
            "Planned",
            &["plan", "--root", image, "--profile", "coder", "--shared"],
        ),
        ("Shown", &["show", "--root", image]),
        ("Removed", &["uninstall", "--yes", "--root", image]),
        (
            "Failed",
            &["status", "--root", image, "--profile", "nobody"],
        ),
        ("Failed", &["status", "--no-such-flag"]),
    ];
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.schema.json");
    for (name, words) in cases {
        let done = program().args(words).arg("--json").output().unwrap();
        let object = String::from_utf8_lossy(&done.stdout).into_owned();
        let read = Command::new("/usr/bin/python3")
            .args(["-c", READER])
            .arg(&schema)
            .args([name, &object])
            .output()
            .unwrap();
        assert!(read.status.success(), "{name}\n{object}{}", told(&read));
    }
}
