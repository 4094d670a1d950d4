//! What pages say and a reader can check: links, commands, files, units, exit statuses, and how messages begin. The
//! command line of `hermes-install` itself is checked in `src/cli/pages.rs`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tool::{program, told};

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(top().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Where pages are. A package's build has crates with pages of their own beside these.
const FOLDERS: [&str; 5] = ["docs", "nix", "rpm", "templates", "tests"];

/// Files below a directory whose names end so.
fn tree(directory: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            found.extend(tree(&path, end));
        } else if name.ends_with(end) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A page of Markdown.
struct Page {
    path: PathBuf,
    /// Without its blocks; each paragraph on one line.
    prose: String,
    /// Language and text of each block.
    blocks: Vec<(String, String)>,
}

impl Page {
    fn read(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(&path).unwrap();
        let (mut prose, mut blocks, mut block) = (String::new(), Vec::new(), None);
        for line in text.lines() {
            match (line.trim().strip_prefix("```"), &mut block) {
                (Some(language), None) => block = Some((language.to_owned(), String::new())),
                (Some(_), Some(_)) => blocks.extend(block.take()),
                (None, Some((_, text))) => writeln!(text, "{line}").unwrap(),
                (None, None) => {
                    let begins = ["#", "|", "* ", "- "]
                        .iter()
                        .any(|mark| line.starts_with(mark));
                    if begins || line.is_empty() {
                        prose.push('\n');
                    }
                    prose.push_str(line);
                    prose.push(' ');
                }
            }
        }
        assert!(block.is_none(), "{}: a block has no end", path.display());
        Self {
            path,
            prose,
            blocks,
        }
    }

    fn name(&self) -> String {
        self.path.strip_prefix(top()).unwrap().display().to_string()
    }

    /// What stands between backquotes.
    fn spans(&self) -> impl Iterator<Item = &str> {
        let lines = self.prose.lines();
        lines.flat_map(|line| line.split('`').skip(1).step_by(2))
    }

    /// Lines of shell, in blocks and between backquotes.
    fn commands(&self) -> Vec<String> {
        let blocks = self
            .blocks
            .iter()
            .filter(|(language, _)| is_shell(language));
        let lines = blocks.flat_map(|(_, text)| text.lines());
        lines.chain(self.spans()).map(str::to_owned).collect()
    }

    /// The anchors of its headings, as GitHub makes them.
    fn anchors(&self) -> BTreeSet<String> {
        let headings = self.prose.lines().filter(|line| line.starts_with('#'));
        headings
            .map(|line| {
                let text = line.trim_start_matches('#').trim().to_lowercase();
                let kept = text
                    .chars()
                    .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
                kept.map(|c| if c == ' ' { '-' } else { c }).collect()
            })
            .collect()
    }

    /// The targets of its links.
    fn links(&self) -> impl Iterator<Item = &str> {
        let ends = self.prose.split("](").skip(1);
        ends.filter_map(|rest| Some(rest.split_once(')')?.0))
    }
}

fn is_shell(language: &str) -> bool {
    ["sh", "console"].contains(&language)
}

fn pages() -> Vec<Page> {
    let top_level = std::fs::read_dir(top()).unwrap();
    let top_level = top_level.map(|entry| entry.unwrap().path());
    let below = FOLDERS
        .iter()
        .flat_map(|folder| tree(&top().join(folder), ".md"));
    let all = top_level.filter(|path| path.is_file()).chain(below);
    let all = all.filter(|path| path.extension().is_some_and(|e| e == "md"));
    all.map(Page::read).collect()
}

fn nothing_wrong(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in &pages {
        let links = page.links().filter(|l| {
            !l.contains("://") && !l.starts_with("mailto:") && !l.starts_with("crate::")
        });
        for link in links {
            seen += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => page.path.clone(),
                path => page.path.parent().unwrap().join(path),
            };
            let Ok(target) = target.canonicalize() else {
                wrong.push(format!("{}: {link} is not there", page.name()));
                continue;
            };
            let other = pages
                .iter()
                .find(|p| p.path.canonicalize().unwrap() == target);
            let is_there = anchor.is_empty() || other.is_some_and(|p| p.anchors().contains(anchor));
            if !is_there {
                wrong.push(format!("{}: {link}: no such heading", page.name()));
            }
        }
    }
    nothing_wrong(&wrong);
    assert!(seen > 50, "{seen} links were found");
}

#[test]
fn every_block_of_shell_can_be_parsed() {
    for page in pages() {
        for (language, text) in page.blocks.iter().filter(|(l, _)| is_shell(l)) {
            let text = text.replace("$ ", "");
            let done = Command::new("sh")
                .args(["-n", "-c", &text])
                .output()
                .unwrap();
            assert!(
                done.status.success(),
                "{} {language}:\n{text}{}",
                page.name(),
                told(&done)
            );
        }
    }
}

/// A host whose lists of packages are empty or old finds no package, or none that is still there.
#[test]
fn what_apt_installs_is_looked_up_first() {
    let mut wrong = Vec::new();
    let texts = pages().into_iter().flat_map(|page| {
        page.blocks
            .into_iter()
            .map(move |(_, text)| (page.path.clone(), text))
    });
    let debian = top().join("debian/hermes-gateway.README.Debian");
    let debian = (debian.clone(), std::fs::read_to_string(debian).unwrap());
    for (path, text) in texts.chain([debian]) {
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("apt install "))
        {
            wrong.push(format!("{}: no apt update before: {line}", path.display()));
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn every_target_of_make_is_one() {
    let makefile = read("Makefile");
    let phony = makefile
        .lines()
        .find_map(|l| l.strip_prefix(".PHONY: "))
        .unwrap();
    let targets: BTreeSet<&str> = phony.split(' ').collect();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in pages() {
        for command in page.commands() {
            let mut words = command.split_whitespace();
            if words.next() != Some("make") {
                continue;
            }
            let named = words.filter(|w| w.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
            for target in named.take_while(|w| !w.starts_with('#')) {
                seen += 1;
                if !targets.contains(target) && !target.starts_with('-') {
                    wrong.push(format!("{}: make {target}", page.name()));
                }
            }
        }
    }
    nothing_wrong(&wrong);
    assert!(seen > 3, "{seen} targets were found");
}

#[test]
fn every_file_of_the_tree_that_is_named_is_there() {
    let folders = [
        ".ci",
        "debian",
        "docs",
        "nix",
        "release",
        "rpm",
        "src",
        "templates",
        "tests",
    ];
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in pages().iter().filter(|p| p.name() != "CHANGELOG.md") {
        for command in page.commands() {
            let Some(word) = command.split_whitespace().next() else {
                continue;
            };
            let Some((folder, _)) = word.split_once('/') else {
                continue;
            };
            let is_pattern = word.contains(['*', '{', '<', '…', ':', ',']) || word.contains("NAME");
            if folders.contains(&folder) && !is_pattern {
                seen += 1;
                let beside = page.path.parent().unwrap().join(word);
                if !top().join(word).exists() && !beside.exists() {
                    wrong.push(format!("{}: {word}", page.name()));
                }
            }
        }
    }
    nothing_wrong(&wrong);
    assert!(seen > 20, "{seen} files were found");
}

/// A unit by the name of its template, where it is an instance.
fn template(unit: &str) -> String {
    let end = unit.rfind('.').unwrap_or(unit.len());
    match unit.split_once('@') {
        Some((name, _)) => format!("{name}@{}", unit.get(end..).unwrap_or_default()),
        None => unit.to_owned(),
    }
}

#[test]
fn every_unit_that_a_command_names_is_one() {
    // Names and texts of templates, and the names that the source gives to units that hermes makes.
    let mut known: String = read("src/layout.rs");
    for path in tree(&top().join("templates"), ".j2") {
        let _ = write!(
            known,
            "{} {}",
            path.display(),
            std::fs::read_to_string(&path).unwrap()
        );
    }
    let ends = [".service", ".target", ".timer", ".slice"];
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in pages() {
        let own: String = page.blocks.iter().map(|(_, text)| text.as_str()).collect();
        for command in page.commands() {
            let words: Vec<&str> = command.split_whitespace().collect();
            let calls_systemd = ["systemctl", "journalctl"]
                .iter()
                .any(|c| words.contains(c));
            for word in words
                .into_iter()
                .map(|w| w.trim_matches(['\'', '"', ',', ';']))
            {
                let name = match word.starts_with("hermes-gateway@") && !word.contains('.') {
                    true => format!("{word}.service"),
                    false => word.to_owned(),
                };
                let is_unit = ends.iter().any(|end| name.ends_with(end));
                let is_meant = calls_systemd || name.starts_with("hermes-gateway");
                if !is_unit
                    || !is_meant
                    || name.contains(['/', '…', '*'])
                    || name.starts_with("UNIT")
                {
                    continue;
                }
                seen += 1;
                // Or a unit that the page itself writes.
                if !known.contains(&template(&name)) && !own.contains(&format!("/{name}\n")) {
                    wrong.push(format!("{}: {name} in `{command}`", page.name()));
                }
            }
        }
    }
    nothing_wrong(&wrong);
    assert!(seen > 5, "{seen} units were found");
}

/// Whole numbers in a text.
fn numbers(text: &str) -> impl Iterator<Item = u32> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter_map(|n| n.parse().ok())
}

#[test]
fn every_exit_status_is_explained() {
    let source = read("src/error.rs");
    let (_, exits) = source.split_once("pub(crate) enum Exit {").unwrap();
    let exits = exits.split_once("\n}\n").unwrap().0;
    let mut statuses: BTreeSet<u32> = exits
        .lines()
        .filter_map(|line| line.split_once(" = ")?.1.trim_end_matches(',').parse().ok())
        .collect();
    assert!(statuses.contains(&69) && statuses.len() > 5, "{statuses:?}");
    let contract = read("templates/_contract.j2");
    for line in contract.lines().filter(|l| l.contains("ExitStatus=")) {
        statuses.extend(numbers(line.split_once('=').unwrap().1));
    }
    let page = read("docs/troubleshooting.md");
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let explained: BTreeSet<u32> = rows.flat_map(|(status, _)| numbers(status)).collect();
    let missing: Vec<&u32> = statuses.difference(&explained).collect();
    assert!(
        missing.is_empty(),
        "docs/troubleshooting.md lacks {missing:?}"
    );
    // What else is there is a signal, or a status of systemd's own (systemd.exec(5)).
    let strange = explained
        .difference(&statuses)
        .filter(|s| **s != 9 && **s < 200);
    assert_eq!(strange.collect::<Vec<_>>(), [&0_u32; 0]);

    // Of each command the page and the manual page say what 1 means, once.
    let (_, table) = page
        .split_once("| command | what 1 means |\n|---|---|\n")
        .unwrap();
    let rows = table.lines().map_while(|line| line.strip_prefix("| "));
    let cells: Vec<&str> = rows.map(|row| row.split_once(" |").unwrap().0).collect();
    let mut named: Vec<&str> = cells
        .iter()
        .flat_map(|c| c.split('`').skip(1).step_by(2))
        .collect();
    named.sort_unstable();
    let mut commands = crate::cli::commands();
    commands.retain(|command| !["run", "logs"].contains(&command.as_str()));
    commands.sort_unstable();
    assert_eq!(named, commands, "docs/troubleshooting.md");
    let manual = read("docs/man/hermes-install.1.in");
    let manual = manual.split_once(".SH \"EXIT STATUS\"").unwrap().1;
    let manual = manual.split_once("\n.SH ").unwrap().0;
    for command in commands.iter().map(String::as_str).chain(["run", "logs"]) {
        let lines = manual.lines().filter_map(|line| line.strip_prefix(".B"));
        let words = lines.filter_map(|line| line.trim_start_matches('R').split_whitespace().next());
        assert_eq!(
            words.filter(|w| *w == command).count(),
            1,
            "hermes-install(1): {command}"
        );
    }
    for status in 0..=3 {
        assert!(
            manual.contains(&format!(".TP\n{status}\n")),
            "hermes-install(1): {status}"
        );
    }

    let unit = read("docs/man/hermes-gateway@.service.8");
    let unit = unit.split_once(".SH \"EXIT STATUS\"").unwrap().1;
    let unit = unit.split_once("\n.SH ").unwrap().0;
    let lines: Vec<&str> = unit.lines().collect();
    for status in statuses.iter().filter(|s| **s != 200 && **s != 3) {
        let is_there = lines
            .windows(2)
            .any(|l| l[0] == ".TP" && l[1] == status.to_string());
        assert!(is_there, "hermes-gateway@.service(8) lacks {status}");
    }
}

#[test]
fn the_units_of_the_page_on_monitoring_are_those_that_are_played() {
    let page = Page::read(top().join("docs/monitoring.md"));
    let blocks = page.blocks.iter();
    let units: String = blocks
        .filter(|(language, _)| language == "ini")
        .map(|(_, text)| text.as_str())
        .collect();
    assert!(units.contains("OnFailure=") && units.contains("--prometheus"));
    let scenario = read("tests/vm/scenarios/told_when_down.py");
    for line in units.lines().filter(|line| !line.is_empty()) {
        let line = line.trim_start_matches("# /etc/systemd/system/");
        assert!(scenario.contains(line), "{line}");
    }
}

/// A message as it can be compared: what is put in is `…`, without backquotes, on one line.
fn bare(text: &str) -> String {
    let mut out = String::new();
    let mut depth = 0;
    for c in text.chars() {
        match c {
            '{' => {
                depth += 1;
                out.push('…');
            }
            '}' => depth -= 1,
            '`' => {}
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

#[test]
fn every_message_that_is_explained_is_one() {
    let mut messages = String::new();
    for path in tree(&top().join("src"), ".rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.split("#[cfg(test)]").next().unwrap().lines() {
            match line.trim().strip_suffix('\\') {
                Some(more) => messages.push_str(more),
                None => {
                    messages.push_str(line.trim());
                    messages.push('\n');
                }
            }
        }
    }
    let messages: String = messages.split('"').map(|part| bare(part) + "\n").collect();
    let page = Page::read(top().join("docs/troubleshooting.md"));
    let titles = page.prose.split("**`").skip(1);
    let titles: Vec<&str> = titles.map(|t| t.split("`.").next().unwrap()).collect();
    assert!(titles.len() > 8, "{titles:?}");
    let wrong: Vec<String> = titles
        .iter()
        .map(|title| bare(title).trim_matches(['…', ' ']).to_owned())
        .filter(|title| !messages.contains(title.as_str()))
        .collect();
    nothing_wrong(&wrong);
}

/// The labels of docs/style.md.
fn labels() -> BTreeSet<String> {
    let page = read("docs/style.md");
    let (_, table) = page.split_once("| label | when |\n|---|---|\n").unwrap();
    let rows = table.lines().map_while(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split_once('`').unwrap().0.to_owned())
        .collect()
}

#[test]
fn labels_are_those_of_the_style_and_written_in_one_place() {
    let labels = labels();
    assert!(labels.len() > 4, "{labels:?}");
    // Other words for the same things.
    let others = [
        "info", "warn", "fatal", "failure", "failed", "success", "tip", "help", "notice", "caution",
    ];
    let mut wrong = Vec::new();
    for path in tree(&top().join("src"), ".rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        let is_printer = path.ends_with("src/output/mod.rs");
        for part in text.split('"').skip(1) {
            // Colours stand around a label: `{CARE}warning:{CARE:#} `.
            let part = part
                .strip_prefix('{')
                .and_then(|p| Some(p.split_once('}')?.1))
                .unwrap_or(part);
            let Some((word, _)) = part.split_once(':') else {
                continue;
            };
            let is_label = labels.contains(word);
            if others.contains(&word) || is_label && !is_printer && !path.ends_with("src/lib.rs") {
                wrong.push(format!("{}: {word}:", path.display()));
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn what_goes_wrong_is_told_under_a_label() {
    let labels = labels();
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("var/lib/hermes")).unwrap();
    let root = root.path().to_str().unwrap();
    let cases: [&[&str]; 7] = [
        &["--profile", "coder", "--root", root, "--system"],
        &["adopt", "--profile", "default", "--root", root],
        &["status", "--profile", "x", "--root", root],
        &["status", "--no-such-flag"],
        &["doctor", "--explain", "no-such-rule"],
        &["render", "--profile", "x", "--home", "a\nb"],
        &["uninstall", "--root", "/no/such/root"],
    ];
    for arguments in cases {
        let done = program().args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_ne!(done.status.code(), Some(0), "{}", told(&done));
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("error: "), "{arguments:?}\n{text}");
        for line in text
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with(' '))
        {
            let label = line.split_once(": ").map(|(label, _)| label);
            // clap adds how the command is used.
            let is_claps = ["Usage: ", "For more information"]
                .iter()
                .any(|l| line.starts_with(l));
            let is_known = is_claps || label.is_some_and(|l| labels.contains(l));
            assert!(is_known, "{arguments:?}: {line}");
        }
    }
}

/// Pages with figures of measurements, which are seconds so that they can be compared.
const MEASURED: [&str; 6] = [
    "SECURITY.md",
    "docs/benchmarks.md",
    "docs/takeover-matrix-older.md",
    "docs/takeover-matrix-ours.md",
    "docs/takeover-matrix-upstream.md",
    "docs/takeover-matrix.md",
];

/// Whole numbers, or what a message puts in for one, that have their unit of time behind a space. A fraction is a measurement.
fn spaced_spans(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let pairs = words.windows(2).filter(|pair| {
        let unit = pair[1].trim_end_matches(|c: char| !c.is_alphanumeric());
        let long = ["second", "seconds", "minute", "minutes", "hour", "hours"];
        let is_unit = ["s", "ms", "min", "h"].contains(&unit) || long.contains(&unit);
        let number = pair[0].trim_start_matches(['(', '"', '`']);
        let is_number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
        is_unit && (is_number || number.ends_with('}'))
    });
    pairs.map(|pair| pair.join(" ")).collect()
}

#[test]
fn time_spans_are_written_as_systemd_writes_them() {
    assert_eq!(
        spaced_spans("waits (10 s), 5s or {seconds} s"),
        ["(10 s),", "{seconds} s"]
    );
    let mut wrong = Vec::new();
    let mut look = |name: String, text: &str| {
        wrong.extend(
            spaced_spans(text)
                .iter()
                .map(|span| format!("{name}: {span}")),
        );
    };
    for path in tree(&top().join("src"), ".rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let lines: Vec<&str> = code
            .lines()
            .filter(|l| !l.trim().starts_with("//"))
            .collect();
        for literal in lines.join("\n").split('"').skip(1).step_by(2) {
            look(path.display().to_string(), literal);
        }
    }
    for page in pages() {
        let name = page.name();
        if !MEASURED.contains(&name.as_str()) {
            look(name, &page.prose);
        }
    }
    for manual in std::fs::read_dir(top().join("docs/man")).unwrap() {
        let path = manual.unwrap().path();
        look(
            path.display().to_string(),
            &std::fs::read_to_string(&path).unwrap(),
        );
    }
    nothing_wrong(&wrong);
}

/// Pages with long sentences. Take a page out once it has none.
const LONG_WINDED: [&str; 4] = [
    "SECURITY.md",
    "docs/benchmarks.md",
    "docs/tenants.md",
    "rpm/README.md",
];

/// The sentences of a text with more than 25 words; a paragraph of it is a line. A colon and a semicolon end a thought; what
/// stands between backquotes is one word, and the target of a link is none.
fn long_sentences(name: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for line in text.lines() {
        for cell in line.split('|') {
            let plain: String = cell
                .split('`')
                .enumerate()
                .map(|(at, part)| if at % 2 == 0 { part } else { "CODE" })
                .collect();
            let words = plain
                .split_whitespace()
                .filter(|word| word.chars().any(char::is_alphanumeric));
            let mut count = 0;
            for word in words {
                count += 1;
                let bare = word.trim_end_matches(['*', ')']);
                if bare.ends_with(['.', ':', ';', '?', '!']) {
                    count = 0;
                }
                if count == 26 {
                    wrong.push(format!("{name}: {}", cell.trim()));
                }
            }
        }
    }
    wrong
}

#[test]
fn sentences_of_pages_are_short() {
    let mut wrong = Vec::new();
    for page in pages() {
        let name = page.name();
        let long = long_sentences(&name, &page.prose);
        if LONG_WINDED.contains(&name.as_str()) {
            assert!(!long.is_empty(), "{name} has no long sentence any more");
        } else {
            wrong.extend(long);
        }
    }
    nothing_wrong(&wrong);
}

/// A manual page as text, a paragraph on each line, as far as sentences need it.
fn prose_of_manual(roff: &str) -> String {
    let mut prose = String::new();
    for line in roff.lines().filter(|line| !line.starts_with(".\\\"")) {
        let (request, rest) = line.split_once(' ').unwrap_or((line, ""));
        match request.strip_prefix('.') {
            Some("B" | "I" | "BR" | "IR" | "RB" | "RI" | "BI" | "IB") => {
                prose.push_str(rest);
                prose.push(' ');
            }
            Some(_) => prose.push('\n'),
            None => {
                prose.push_str(line);
                prose.push(' ');
            }
        }
    }
    // A mark behind a word in bold stands apart from it.
    prose.replace(" .", ".").replace('"', "")
}

#[test]
fn sentences_of_messages_help_and_manual_pages_are_short() {
    let mut wrong = Vec::new();
    for path in tree(&top().join("src"), ".rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let lines = code.lines().map(str::trim);
        let code: Vec<&str> = lines.filter(|line| !line.starts_with("//")).collect();
        let code = code.join("\n").replace("\\\n", "").replace("\\\"", "'");
        let name = path.strip_prefix(top()).unwrap().display().to_string();
        for literal in code.split('"').skip(1).step_by(2) {
            wrong.extend(long_sentences(&name, &literal.replace("\\n", "\n")));
        }
    }
    for name in [
        "hermes-install",
        "hermes-install.toml",
        "hermes-gateway@.service",
    ] {
        let done = program().args(["generate", "man", name]).output().unwrap();
        let roff = String::from_utf8_lossy(&done.stdout);
        wrong.extend(long_sentences(name, &prose_of_manual(&roff)));
    }
    // Texts of options are comments of the types that parse them.
    for command in crate::cli::commands() {
        let done = program()
            .args([command.as_str(), "--help"])
            .output()
            .unwrap();
        let help = String::from_utf8_lossy(&done.stdout);
        let mut prose = String::new();
        for line in help.lines() {
            let begins = line.is_empty() || line.trim_start().starts_with('-');
            prose += if begins { "\n" } else { " " };
            prose += line;
        }
        wrong.extend(long_sentences(&command, &prose));
    }
    nothing_wrong(&wrong);
}

#[test]
fn the_readme_comes_to_its_links_within_two_screens() {
    let page = read("README.md");
    let (before, _) = page.split_once("\n## More\n").expect("links at the end");
    let lines = before.lines().count();
    assert!(lines <= 100, "{lines} lines before the links");
    let mut is_block = false;
    for line in page.lines() {
        is_block ^= line.starts_with("```");
        let is_short = line.chars().count() <= 100 || is_block || line.starts_with('|');
        assert!(is_short, "more than 100 columns: {line}");
    }
    // .ci/run takes the second line of this block for the command that tests everything.
    let block = page
        .split("```sh\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    assert_eq!(block.lines().count(), 2, "{block}");
    assert!(read("docs/style.md").lines().count() < 110);
}
