//! The command that stands on a command line of nix(1). Pure.

use crate::units::exec_line::wrappers::{Inner, base};

/// `nix develop … -c COMMAND`, `nix shell … --command COMMAND`.
pub(super) fn in_nix_shell(argv: &[String]) -> Option<Inner<'_>> {
    let at = argv
        .iter()
        .position(|w| matches!(w.as_str(), "-c" | "--command"))?;
    let enters = |w: &String| matches!(w.as_str(), "develop" | "shell" | "env");
    argv[1..at].iter().any(enters).then(|| Inner {
        words: &argv[at + 1..],
        becoming: None,
        set: Vec::new(),
    })
}

/// Options of `nix run` that take words, and how many.
const NIX: [(&str, usize); 11] = [
    ("--option", 2),
    ("--override-input", 2),
    ("--override-flake", 2),
    ("--arg", 2),
    ("--argstr", 2),
    ("--inputs-from", 1),
    ("--extra-experimental-features", 1),
    ("--experimental-features", 1),
    ("--log-format", 1),
    ("-f", 1),
    ("--file", 1),
];

/// `nix run FLAKE#PACKAGE -- WORDS`, where the package is hermes by its name: the command line of hermes.
pub(super) fn packaged(argv: &[String]) -> Option<Vec<String>> {
    let (_, mut rest) = argv.split_first().filter(|(nix, _)| base(nix) == "nix")?;
    let mut operands = Vec::new();
    while let [word, more @ ..] = rest {
        rest = more;
        if word == "--" {
            break;
        }
        if word.starts_with('-') {
            let words = NIX.iter().find(|(name, _)| name == word);
            rest = rest.get(words.map_or(0, |(_, n)| *n)..).unwrap_or_default();
            continue;
        }
        operands.push(word.as_str());
        if operands.len() > 2 {
            return None;
        }
    }
    let ["run", flake] = operands[..] else {
        return None;
    };
    let package = flake.split('?').next()?.rsplit(['#', '/', '.']).next()?;
    let is_hermes = matches!(package, "hermes" | "hermes-agent" | "hermes-cli");
    is_hermes.then(|| [&["hermes".to_owned()], rest].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_hermes_by_its_name() {
        let of = |line: &str| {
            let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
            packaged(&argv).map(|words| words.join(" "))
        };
        for line in [
            "/usr/bin/nix run github:x/y#hermes -- gateway run",
            "nix --option sandbox false run github:NousResearch/hermes-agent -- gateway run",
            "nix run --extra-experimental-features nix-command .#packages.x86_64-linux.hermes-agent -- gateway run",
            "nix run /srv/hermes?ref=main -- gateway run",
        ] {
            assert_eq!(of(line).as_deref(), Some("hermes gateway run"), "{line}");
        }
        for line in [
            "nix run nixpkgs#vim -- hermes gateway run",
            "nix build .#hermes",
            "hermes",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
