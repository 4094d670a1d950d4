//! What in a unit's own words makes its manager refuse it (`bad-setting`), so that it runs nothing. Pure.

use crate::units::unit_file::{Directive, Directives};

/// Every line for which systemd refuses the unit, and why (systemd.service(5), systemd.exec(5); seen on 252).
pub(crate) fn load_problems<'a>(
    name: &str,
    directives: &'a Directives,
) -> Vec<(&'a Directive, String)> {
    let mut found = Vec::new();
    let kind = directives.value("Service", "Type").unwrap_or("simple");
    let starts = directives.list("Service", "ExecStart");
    for line in &starts {
        let program = line.command().first().map_or("", String::as_str);
        if program.contains('/') && !program.starts_with(['/', '%']) {
            found.push((*line, format!("systemd takes `{program}` for no path")));
        }
    }
    if let Some(second) = starts.get(1).filter(|_| kind != "oneshot") {
        found.push((*second, "it has more than one ExecStart=".to_owned()));
    }
    if let Some(line) = directives.last("Service", "WorkingDirectory") {
        let path = line.value.trim_start_matches('-');
        if !path.starts_with(['/', '%']) && path != "~" {
            found.push((
                line,
                format!("WorkingDirectory= takes `{path}` for no path"),
            ));
        }
    }
    // The instance of a unit that has none is empty.
    let is_instance = name.contains('@') && !name.contains("@.");
    for key in ["User", "Group"] {
        let line = directives.last("Service", key).filter(|_| !is_instance);
        if let Some(line) = line.filter(|line| matches!(&*line.value, "%i" | "%I")) {
            found.push((line, format!("{key}={} is empty in it", line.value)));
        }
    }
    let policy = directives.last("Service", "Restart");
    let is_wrong =
        |d: &&Directive| kind == "oneshot" && matches!(&*d.value, "always" | "on-success");
    if let Some(line) = policy.filter(is_wrong) {
        found.push((
            line,
            format!("Restart={} is not for Type=oneshot", line.value),
        ));
    }
    found
}
