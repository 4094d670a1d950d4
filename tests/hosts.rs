//! Plan cases: each directory below `hosts/` has a `before` tree, the arguments, and what is said and planned.

use std::path::Path;

use crate::tool::{program, same_as_file, told};

#[test]
fn every_host_gets_the_plan_that_is_written_beside_it() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts");
    let mut cases: Vec<_> = std::fs::read_dir(&top)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 10, "cases are missing in {}", top.display());
    for case in cases {
        let root = tempfile::tempdir().unwrap();
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .arg(case.join("before/."))
            .arg(root.path())
            .status()
            .unwrap();
        assert!(copied.success());
        let before = crate::tool::tree(root.path());
        let args = std::fs::read_to_string(case.join("args")).unwrap();
        let output = program()
            .args(
                args.split_whitespace()
                    .map(|a| a.replace("BEFORE", root.path().to_str().unwrap())),
            )
            .arg("--system")
            .arg("--root")
            .arg(root.path())
            .output()
            .unwrap();
        let text = told(&output).replace(root.path().to_str().unwrap(), "");
        assert_eq!(
            before,
            crate::tool::tree(root.path()),
            "{}: plan wrote something",
            case.display()
        );
        same_as_file(&case.join("expected"), &text);
    }
}
