//! docs/json.md against `src/commands/json.rs`: every object and field, with what it means.

use std::fmt::Write as _;
use std::path::Path;

use crate::tool::same_as_file;

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
    match of.trim_end_matches("<'a>") {
        "String" | "str" | "Path" | "PathBuf" | "ProfileName" | "Scope" | "State" => {
            "string".into()
        }
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
    let source = std::fs::read_to_string(top.join("src/commands/json.rs")).unwrap();
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
