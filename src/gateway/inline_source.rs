//! `python -c SOURCE …`: which sources run hermes in this very process, and with which arguments. Pure.
//!
//! hermes 0.22 starts itself like this: the launcher that its installer publishes, the command lines of its own units,
//! and an older installation that was updated in place (`_launchers.py`, `venv_sync.py` and `status_inline_source.py` of
//! 0.22.2). What follows any other source is that program's business: hermes' own restart watcher carries the command
//! line of the gateway that it will start later.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What a source of hermes runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inline {
    /// The module that is run as the program.
    pub(super) module: String,
    /// The arguments, when the source sets them itself: `sys.argv` without its first word.
    pub(super) arguments: Option<Vec<String>>,
    /// The script that the source names as its program.
    script: Option<PathBuf>,
    /// The directory that hermes is imported from: a checkout, or `site-packages`.
    library: Option<PathBuf>,
}

impl Inline {
    /// Read a source; `None` when it is not one of hermes' own.
    pub(super) fn parse(source: &str) -> Option<Self> {
        let source = source.trim();
        let library = literal_after(source, "sys.path.insert(0, ");
        let (argv, _) = match after(source, "sys.argv = [") {
            Some(list) if source.starts_with("import sys, runpy;") => literals(list)?,
            _ => (Vec::new(), ""),
        };
        let module = if source.starts_with("import os, re, sys") {
            // The published launcher.
            source
                .ends_with("sys.exit(main())")
                .then(|| imported(source))??
        } else if source.starts_with("import os, sys, runpy;") {
            run_module(source)?
        } else if source.starts_with("import sys, runpy;") {
            // Updated in place: the old entry point again, under the new interpreter.
            run_module(source)
                .or_else(|| {
                    let path = after(source, "runpy.run_path(").and_then(literal)?;
                    let name = path.rsplit('/').next()?;
                    (name == "hermes").then(|| MAIN.to_owned())
                })
                .or_else(|| imported(source.split_once("; exec(")?.1))?
        } else {
            return plain(source);
        };
        let script = argv.first().map(PathBuf::from);
        Some(Self {
            module,
            arguments: (!argv.is_empty()).then(|| argv[1..].to_vec()),
            script,
            library: library.map(PathBuf::from),
        })
    }

    /// Where the hermes executable of this installation may be, best first.
    pub(super) fn executables(&self, interpreter: &Path) -> Vec<PathBuf> {
        let script = self.script.iter().filter(|path| path.is_absolute());
        let checkout = self.library.iter().filter(|library| {
            let name = library.file_name().unwrap_or_default();
            name != "site-packages" && name != "dist-packages"
        });
        let mut places: Vec<PathBuf> = script.cloned().collect();
        places.extend(checkout.map(|root| root.join(".hermes/bin/hermes")));
        places.push(interpreter.with_file_name("hermes"));
        places
    }
}

/// What somebody's own source runs: statements that import, set `sys.argv` or paths, and call an entry point of hermes.
/// With any other statement it is a program of its own.
fn plain(source: &str) -> Option<Inline> {
    let mut names = HashMap::new();
    let (mut arguments, mut module) = (None, None);
    for statement in statements(source) {
        if let Some(rest) = statement.strip_prefix("import ") {
            for one in rest.split(',') {
                let (name, own) = renamed(one);
                names.insert(own, name.to_owned());
            }
        } else if let Some(rest) = statement.strip_prefix("from ") {
            let (from, imported) = rest.split_once(" import ")?;
            for one in imported.split(',') {
                let (name, own) = renamed(one);
                names.insert(own, format!("{from}.{name}"));
            }
        } else if let Some(value) = statement.strip_prefix("sys.argv") {
            if let Some(list) = value.trim_start().strip_prefix('=') {
                let (words, _) = literals(list.trim_start().strip_prefix('[')?)?;
                arguments = Some(words.get(1..).unwrap_or_default().to_vec());
            }
        } else if !statement.starts_with("sys.path.") && !statement.starts_with("os.chdir(") {
            module = module.or(Some(called(statement, &names)?));
        }
    }
    Some(Inline {
        module: module?,
        arguments,
        script: None,
        library: None,
    })
}

/// The statements of a source that has no blocks.
fn statements(source: &str) -> impl Iterator<Item = &str> {
    let mut quote = None;
    let all = source.split(move |c: char| {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(q)) if c == q => quote = None,
            _ => {}
        }
        quote.is_none() && matches!(c, ';' | '\n')
    });
    let all = all.map(str::trim);
    all.filter(|s| !s.is_empty() && !s.starts_with('#'))
}

/// `NAME`, or `NAME as OWN`.
fn renamed(import: &str) -> (&str, &str) {
    let import = import.trim();
    import.split_once(" as ").unwrap_or((import, import))
}

/// The module whose entry point a statement calls, perhaps as an exit status.
fn called(statement: &str, names: &HashMap<&str, String>) -> Option<String> {
    let around = ["raise SystemExit(", "sys.exit(", "exit(", "asyncio.run("];
    let call = around
        .iter()
        .find_map(|start| statement.strip_prefix(start)?.strip_suffix(')'))
        .unwrap_or(statement);
    if let Some(module) = call.strip_prefix("runpy.run_module(") {
        return call.contains("__main__").then(|| literal(module))?;
    }
    let (called, _) = call.split_once('(').filter(|_| call.ends_with(')'))?;
    let path = match called.rsplit_once('.') {
        Some((module, name)) => format!("{}.{name}", names.get(module)?),
        None => names.get(called)?.clone(),
    };
    match path.as_str() {
        "hermes_cli.main.main" => Some(MAIN.to_owned()),
        "gateway.run.main" | "gateway.run.start_gateway" => Some("gateway.run".to_owned()),
        _ => None,
    }
}

/// The module behind hermes' console script.
pub(super) const MAIN: &str = "hermes_cli.main";

fn after<'a>(source: &'a str, words: &str) -> Option<&'a str> {
    source.split_once(words).map(|(_, rest)| rest)
}

/// The module whose `main` a launcher imports.
fn imported(source: &str) -> Option<String> {
    source
        .contains("from hermes_cli.main import main")
        .then(|| MAIN.to_owned())
}

/// The module of a closing `runpy.run_module('MODULE', run_name='__main__', …)`.
fn run_module(source: &str) -> Option<String> {
    let (_, call) = source.rsplit_once("runpy.run_module(")?;
    (call.contains("run_name='__main__'") && call.ends_with(')')).then(|| literal(call))?
}

/// The Python string literal behind the first occurrence of these words.
pub(super) fn literal_after(source: &str, words: &str) -> Option<String> {
    after(source, words).and_then(literal)
}

/// The Python string literal that a text starts with, as `repr` writes it.
fn literal(text: &str) -> Option<String> {
    Some(quoted(text)?.0)
}

/// A literal and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut out = String::new();
    let mut chars = text[1..].char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next()?.1 {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                other => out.push(other),
            },
            c if c == quote => return Some((out, &text[1 + at + 1..])),
            c => out.push(c),
        }
    }
    None
}

/// The literals of a list, up to its closing bracket, and what follows that.
fn literals(mut text: &str) -> Option<(Vec<String>, &str)> {
    let mut found = Vec::new();
    loop {
        text = text.trim_start_matches([' ', ',']);
        if let Some(rest) = text.strip_prefix(']') {
            return Some((found, rest));
        }
        let (word, rest) = quoted(text)?;
        found.push(word);
        text = rest;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The ends of what 0.22.2's `_launcher_script` and `runtime_command` make.
    pub(in crate::gateway) const LAUNCHER: &str = "import os, re, sys\nimport contextlib\nsys.path.insert(0, '/home/a/.hermes/hermes-agent')\nimport hermes_bootstrap\nfrom hermes_cli.main import main\nsys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\nsys.exit(main())\n";
    pub(in crate::gateway) const RUNTIME: &str = "import os, sys, runpy; sys.path.insert(0, '/opt/h/lib/python3.14/site-packages'); import hermes_bootstrap; runpy.run_module('hermes_cli.main', run_name='__main__', alter_sys=True)";
    pub(in crate::gateway) const IN_PLACE: &str = "import sys, runpy; sys.path.insert(0, '/home/a/.hermes/hermes-agent'); sys.argv = ['/home/a/.hermes/hermes-agent/venv/bin/hermes', '--profile', 'coder', 'gateway', 'run']; runpy.run_path('/home/a/.hermes/hermes-agent/venv/bin/hermes', run_name='__main__')";

    #[test]
    fn literals_are_read_as_python_writes_them() {
        assert_eq!(literal(r"'a\\b\'c', 1").as_deref(), Some(r"a\b'c"));
        assert_eq!(literal("\"it's\")").as_deref(), Some("it's"));
        assert_eq!(literal("'never ends"), None);
        assert_eq!(
            literals("'a', \"b\"]; x").map(|(words, rest)| (words.join("+"), rest)),
            Some(("a+b".to_owned(), "; x"))
        );
    }

    #[test]
    fn the_sources_of_hermes_are_told_from_others() {
        for source in [LAUNCHER, RUNTIME, IN_PLACE] {
            assert!(
                Inline::parse(source).is_some_and(|i| i.module == MAIN),
                "{source}"
            );
        }
        for (source, module) in [
            ("from hermes_cli.main import main; main()", MAIN),
            (
                "import sys\nfrom hermes_cli.main import main as m\nsys.exit(m())\n",
                MAIN,
            ),
            ("import hermes_cli.main; hermes_cli.main.main()", MAIN),
            (
                "import sys; sys.path.insert(0, '/x;y'); from hermes_cli.main import main; raise SystemExit(main())",
                MAIN,
            ),
            (
                "import asyncio; from gateway.run import start_gateway; asyncio.run(start_gateway())",
                "gateway.run",
            ),
            (
                "import runpy; runpy.run_module('hermes_cli.main', run_name='__main__')",
                MAIN,
            ),
        ] {
            let inline = Inline::parse(source).unwrap_or_else(|| panic!("{source}"));
            assert_eq!(inline.module, module, "{source}");
        }
        let told = "import sys; sys.argv = ['hermes', 'gateway', 'run']; from hermes_cli.main import main; main()";
        let told = Inline::parse(told).expect("arguments of its own");
        assert_eq!(told.arguments, Some(vec!["gateway".into(), "run".into()]));
        let again = format!(
            "import sys, runpy; sys.path.insert(0, '/x'); sys.argv = ['-c', 'gateway', 'run']; exec('{}')",
            LAUNCHER.replace('\n', "\\n").replace('\'', "\\'")
        );
        let again = Inline::parse(&again).expect("the launcher, entered again");
        assert_eq!(again.arguments, Some(vec!["gateway".into(), "run".into()]));
        for source in [
            "import os, sys, time; time.sleep(5)",
            "import hermes_bootstrap",
            "from hermes_cli.main import main",
            "from hermes_cli.main import main; print(main)",
            "from hermes_cli.main import main; time.sleep(5); main()",
            "from other import main; main()",
            "print('from hermes_cli.main import main; main()')",
            "main()",
            "import sys, runpy; runpy.run_path('/x/other', run_name='__main__')",
            "import os, re, sys\nprint('from hermes_cli.main import main')",
            "",
        ] {
            assert_eq!(Inline::parse(source), None, "{source}");
        }
        let stop = RUNTIME.replace("hermes_cli.main", "gateway.systemd_stop_mark");
        assert!(Inline::parse(&stop).is_some_and(|i| i.module != MAIN));
    }

    #[test]
    fn the_executable_is_the_script_the_launcher_or_beside_the_interpreter() {
        let first = |source: &str| {
            let inline = Inline::parse(source).expect("one of hermes'");
            let places = inline.executables(Path::new("/opt/h/bin/python3"));
            places[0].display().to_string()
        };
        assert_eq!(
            first(LAUNCHER),
            "/home/a/.hermes/hermes-agent/.hermes/bin/hermes"
        );
        assert_eq!(first(RUNTIME), "/opt/h/bin/hermes");
        assert_eq!(
            first(IN_PLACE),
            "/home/a/.hermes/hermes-agent/venv/bin/hermes"
        );
    }
}
