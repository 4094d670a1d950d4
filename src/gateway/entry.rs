//! How hermes is entered on a command line: by its executable, a module, a script, or a source that an interpreter is given.

use crate::gateway::inline_source::{Inline, MAIN};
use std::path::{Path, PathBuf};

/// hermes on a command line.
pub(super) struct Entry {
    /// What follows the program.
    pub(super) arguments: Vec<String>,
    /// The program is the gateway's own entry point and needs no `gateway` word.
    pub(super) is_runner: bool,
    /// Where the hermes executable may be, best first.
    pub(super) executables: Vec<PathBuf>,
}

impl Entry {
    /// The profile that the arguments name, and the other ones.
    pub(super) fn words(&self) -> (Option<String>, Vec<&str>) {
        let mut profile = None;
        let mut words = Vec::new();
        let mut args = self.arguments.iter();
        while let Some(arg) = args.next() {
            if matches!(arg.as_str(), "-p" | "--profile") {
                profile = profile.or(args.next().cloned());
            } else if let Some(name) = arg.strip_prefix("--profile=").or(arg.strip_prefix("-p=")) {
                profile = profile.or(Some(name.to_owned()));
            } else {
                words.push(arg.as_str());
            }
        }
        (profile, words)
    }

    pub(super) fn find(argv: &[&str]) -> Option<Self> {
        let program = Path::new(*argv.first()?);
        if is_hermes(argv[0]) {
            return Some(Self {
                arguments: owned(&argv[1..]),
                is_runner: false,
                executables: vec![program.to_owned()],
            });
        }
        let beside = || vec![program.with_file_name("hermes")];
        match interpreted(argv)? {
            Interpreted::Module(module, arguments) => {
                Self::module(module, owned(arguments), beside())
            }
            Interpreted::Source(source, arguments) => {
                let inline = Inline::parse(source)?;
                let places = inline.executables(program);
                let (module, arguments) = module_of(inline, arguments);
                Self::module(&module, arguments, places)
            }
            Interpreted::Script(script, arguments) => {
                let is_runner = script.ends_with("gateway/run.py");
                let is_known =
                    is_runner || is_hermes(script) || script.ends_with("hermes_cli/main.py");
                let mut executables = beside();
                if is_hermes(script) {
                    executables.insert(0, PathBuf::from(script));
                }
                is_known.then(|| Self {
                    arguments: owned(arguments),
                    is_runner,
                    executables,
                })
            }
        }
    }

    fn module(module: &str, arguments: Vec<String>, executables: Vec<PathBuf>) -> Option<Self> {
        let is_runner = module == "gateway.run";
        (is_runner || module == MAIN || module == "hermes_cli").then_some(Self {
            arguments,
            is_runner,
            executables,
        })
    }
}

/// The launcher's own switch, for the other programs of an installation.
const RUN_MODULE: &str = "--run-module";

/// The module that a source of hermes' runs, and the arguments of that.
fn module_of(inline: Inline, arguments: &[&str]) -> (String, Vec<String>) {
    let arguments = inline.arguments.unwrap_or_else(|| owned(arguments));
    match arguments.as_slice() {
        [switch, module, rest @ ..] if switch == RUN_MODULE => (module.clone(), rest.to_vec()),
        _ => (inline.module, arguments),
    }
}

/// The Python module that a command line runs: by `-m`, by a source that hermes wrote, or by its launcher.
pub(crate) fn module<S: AsRef<str>>(argv: &[S]) -> Option<String> {
    let argv: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
    if let [program, RUN_MODULE, module, ..] = argv[..] {
        return is_hermes(program).then(|| module.to_owned());
    }
    match interpreted(&argv)? {
        Interpreted::Module(module, _) => Some(module.to_owned()),
        Interpreted::Source(source, arguments) => {
            Some(module_of(Inline::parse(source)?, arguments).0)
        }
        Interpreted::Script(..) => None,
    }
}

fn is_hermes(word: &str) -> bool {
    matches!(word.rsplit('/').next(), Some("hermes" | ".hermes-wrapped"))
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

/// What a Python interpreter is told to run, and the arguments of that.
enum Interpreted<'a> {
    Module(&'a str, &'a [&'a str]),
    Source(&'a str, &'a [&'a str]),
    Script(&'a str, &'a [&'a str]),
}

/// The options of an interpreter end with `-m MODULE`, `-c SOURCE` or a script (python(1)).
fn interpreted<'a>(argv: &'a [&'a str]) -> Option<Interpreted<'a>> {
    let name = argv.first()?.rsplit('/').next()?;
    if !name.starts_with("python") && !name.starts_with("pypy") {
        return None;
    }
    let mut at = 1;
    while let Some(arg) = argv.get(at) {
        let Some(options) = arg.strip_prefix('-') else {
            return Some(Interpreted::Script(arg, &argv[at + 1..]));
        };
        at += 1;
        if options.starts_with('-') {
            continue;
        }
        let Some((letter, attached)) = with_operand(options) else {
            continue;
        };
        let operand = match attached {
            "" => argv.get(at).copied()?,
            attached => attached,
        };
        at += usize::from(attached.is_empty());
        match letter {
            'm' => return Some(Interpreted::Module(operand, &argv[at..])),
            'c' => return Some(Interpreted::Source(operand, &argv[at..])),
            _ => {}
        }
    }
    None
}

/// The first option of a cluster such as `Ic` that takes an operand, and the operand's text if it is attached.
fn with_operand(cluster: &str) -> Option<(char, &str)> {
    let at = cluster.find(['m', 'c', 'X', 'W'])?;
    Some((cluster[at..].chars().next()?, &cluster[at + 1..]))
}

/// Whether an interpreter runs a source from its command line: what follows that is no command line of its own.
pub(crate) fn runs_source<S: AsRef<str>>(argv: &[S]) -> bool {
    let argv: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
    matches!(interpreted(&argv), Some(Interpreted::Source(..)))
}
