//! One version, in Cargo.toml; whatever else carries one agrees.

use std::path::Path;

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

#[test]
fn the_changelog_has_an_unreleased_head_and_this_version() {
    let text = read("CHANGELOG.md").unwrap();
    assert!(text.contains("## [Unreleased]"));
    assert!(text.contains(&format!("## [{}]", env!("CARGO_PKG_VERSION"))));
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
