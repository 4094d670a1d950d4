//! One version, in Cargo.toml; whatever else carries one agrees.

use std::collections::BTreeSet;
use std::path::Path;

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

#[test]
fn the_changelog_has_an_unreleased_head_and_this_version() {
    let text = read("CHANGELOG.md").unwrap();
    assert!(text.contains("## [Unreleased]"));
    let version = env!("CARGO_PKG_VERSION");
    // Before the first release it has no heading yet.
    let is_first =
        !text.contains("\n## [0.") && text.contains(&format!("first release will be {version}"));
    assert!(is_first || text.contains(&format!("## [{version}]")));
}

#[test]
fn the_debian_changelog_begins_with_this_version() {
    let text = read("debian/changelog").unwrap();
    let head = format!("hermes-install ({}) ", env!("CARGO_PKG_VERSION"));
    assert!(text.starts_with(&head), "{:?}", text.lines().next());
}

#[test]
fn the_spec_has_this_version_and_its_changelog_begins_with_it() {
    let text = read("rpm/hermes-gateway.spec").unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(text.contains(&format!("\nVersion:        {version}\n")));
    let (_, log) = text.split_once("%changelog\n").unwrap();
    let head = log.lines().next().unwrap();
    assert!(head.contains(&format!(" - {version}-")), "{head}");
}

/// The owners in all addresses of the project that a text has: of its repository, its flake and its pages.
fn owners(text: &str) -> Vec<&str> {
    let heads = text
        .match_indices("/hermes-install")
        .map(|(at, _)| &text[..at]);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    heads
        .filter_map(|head| {
            let page = head.strip_suffix(".github.io");
            let head = page.unwrap_or(head);
            let before = head.trim_end_matches(is_name);
            let is_address = match page {
                Some(_) => before.ends_with("https://"),
                None => before.ends_with("github.com/") || before.ends_with("github:"),
            };
            is_address.then(|| &head[before.len()..])
        })
        .collect()
}

#[test]
fn addresses_are_told_from_other_paths() {
    let text = "https://github.com/a/hermes-install.git github:b/hermes-install https://c.github.io/hermes-install/deb \
                github:NousResearch/hermes-agent /usr/local/lib/hermes-install";
    assert_eq!(owners(text), ["a", "b", "c"]);
}

#[test]
fn every_address_is_that_of_cargo_toml() {
    let address = env!("CARGO_PKG_REPOSITORY");
    let owner = owners(address);
    assert_eq!(owner.len(), 1, "{address}");
    for path in [
        "README.md",
        "debian/control",
        "debian/copyright",
        "docs/nixos.md",
        "nix/template/flake.nix",
        "rpm/hermes-gateway.spec",
    ] {
        let text = read(path).unwrap();
        let found = owners(&text);
        assert!(!found.is_empty(), "{path} has no address");
        assert!(found.iter().all(|o| *o == owner[0]), "{path}: {found:?}");
    }
    for (path, field) in [
        ("debian/control", "Homepage:"),
        ("rpm/hermes-gateway.spec", "URL:"),
    ] {
        let text = read(path).unwrap();
        let line = text.lines().find_map(|l| l.strip_prefix(field));
        assert_eq!(line.map(str::trim), Some(address), "{path}");
    }
}

#[test]
fn the_spec_provides_the_bundled_crates() {
    let tree = std::process::Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--locked", "--offline", "--quiet", "--no-dedupe"])
        .args(["--edges", "no-build,no-dev,no-proc-macro", "--prefix=none"])
        .args(["--target=x86_64-unknown-linux-gnu", "--format={p}"])
        .output()
        .unwrap();
    assert!(tree.status.success(), "{tree:?}");
    let lines = String::from_utf8(tree.stdout).unwrap();
    let crates: BTreeSet<_> = lines
        .lines()
        .filter_map(|line| line.split_once(" v"))
        .filter(|(name, _)| *name != env!("CARGO_PKG_NAME"))
        .map(|(name, rest)| {
            // Of a version in rpm, what follows `-` is the release; `+` begins what says nothing of the order.
            let version = rest.split([' ', '+', '-']).next().unwrap();
            format!("Provides:       bundled(crate({name})) = {version}\n")
        })
        .collect();
    let text = read("rpm/hermes-gateway.spec").unwrap();
    let (head, rest) = text.split_once("# begin of crates\n").unwrap();
    let (_, tail) = rest.split_once("# end of crates\n").unwrap();
    let list: String = crates.into_iter().collect();
    let spec = format!("{head}# begin of crates\n{list}# end of crates\n{tail}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("rpm/hermes-gateway.spec");
    crate::tool::same_as_file(&file, &spec);
}

/// What all have to agree to: each part of a licence that `AND` joins, as the set of its alternatives.
fn licences(expression: &str) -> BTreeSet<BTreeSet<String>> {
    let alternatives = |part: &str| {
        let part = part.trim_matches(['(', ')']).replace('/', " OR ");
        part.split(" OR ").map(str::to_owned).collect()
    };
    expression.split(" AND ").map(alternatives).collect()
}

#[test]
fn the_spec_names_the_licences_of_all_crates_in_the_source_package() {
    let metadata = std::process::Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        // Fetches the crates that are for other systems, where nobody has yet.
        .args(["metadata", "--locked", "--format-version=1"])
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{metadata:?}");
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let crates = metadata["packages"].as_array().unwrap();
    let of_crates: BTreeSet<_> = crates
        .iter()
        .flat_map(|package| licences(package["license"].as_str().unwrap()))
        .collect();
    let spec = read("rpm/hermes-gateway.spec").unwrap();
    let line = spec.lines().find_map(|l| l.strip_prefix("SourceLicense:"));
    assert_eq!(licences(line.unwrap().trim()), of_crates);
}

#[test]
fn no_release_has_the_address_of_nobody() {
    // Not in one word, so that it outlives the command that puts an address in everywhere (docs/release.md).
    let placeholder = concat!("THE_", "OWNER");
    let place = tempfile::tempdir().unwrap();
    let done = std::process::Command::new("release/build")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg(place.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    // Whoever has put an address in is asked for what else a release must have.
    assert_eq!(done.status.code(), Some(1), "{said}");
    let is_placeholder = env!("CARGO_PKG_REPOSITORY").contains(placeholder);
    assert_eq!(said.contains(placeholder), is_placeholder, "{said}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}
