//! A command line of a unit as systemd would execute it, word by word (systemd.service(5), COMMAND LINES). Pure.
//!
//! Where a unit's text is only read for what it does, [`exec_line`](crate::units::exec_line) is enough. This is for
//! whoever runs the command in systemd's place.

use crate::units::unit_file::spelled;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExecCommand {
    /// `-`: a failure counts as success.
    pub(crate) ignores_failure: bool,
    /// `+`, `!`: it keeps rights that the unit gives up.
    pub(crate) is_privileged: bool,
    /// What is executed.
    pub(crate) program: String,
    /// Its arguments, its own name first.
    pub(crate) argv: Vec<String>,
}

/// The commands of an Exec line. `specifiers` expands those of one word, `variable` tells the environment.
pub(crate) fn exec_commands(
    line: &str,
    specifiers: impl Fn(&str) -> String,
    variable: impl Fn(&str) -> Option<String>,
) -> Vec<ExecCommand> {
    let all: Vec<(String, bool)> = spelled(line).collect();
    all.split(|(word, is_plain)| word == ";" && *is_plain)
        .filter_map(|words| {
            let words: Vec<String> = words.iter().map(|(word, _)| specifiers(word)).collect();
            command(&words, &variable)
        })
        .collect()
}

fn command(words: &[String], variable: &dyn Fn(&str) -> Option<String>) -> Option<ExecCommand> {
    let (first, rest) = words.split_first()?;
    let program = first.trim_start_matches(['@', '-', ':', '+', '!', '|']);
    let prefix = &first[..first.len() - program.len()];
    let names_itself = prefix.contains('@');
    let mut argv = if names_itself {
        rest.to_vec()
    } else {
        [&[program.to_owned()], rest].concat()
    };
    if !prefix.contains(':') {
        argv = argv
            .iter()
            .flat_map(|word| expanded(word, variable))
            .collect();
    }
    (!program.is_empty() && !argv.is_empty()).then(|| ExecCommand {
        ignores_failure: prefix.contains('-'),
        is_privileged: prefix.contains(['+', '!']),
        program: program.to_owned(),
        argv,
    })
}

/// `$NAME` as a word of its own is the words of its value, `${NAME}` anywhere its value, `$$` a dollar sign; what is not
/// set is empty.
fn expanded(word: &str, variable: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    if let Some(name) = word.strip_prefix('$').filter(|name| is_name(name)) {
        let value = variable(name).unwrap_or_default();
        return spelled(&value).map(|(word, _)| word).collect();
    }
    let mut out = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let braced = after
            .strip_prefix('{')
            .and_then(|name| name.split_once('}'));
        rest = match braced.filter(|(name, _)| is_name(name)) {
            Some((name, after)) => {
                out.push_str(&variable(name).unwrap_or_default());
                after
            }
            None => {
                out.push('$');
                after.strip_prefix('$').unwrap_or(after)
            }
        };
    }
    out.push_str(rest);
    vec![out]
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && text.chars().all(plain) && !text.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<ExecCommand> {
        let variable = |name: &str| match name {
            "ONE" => Some("a b".to_owned()),
            "TWO" => Some("c 'd e'".to_owned()),
            _ => None,
        };
        exec_commands(line, |word| word.replace("%%", "%"), variable)
    }

    #[test]
    fn words_are_those_that_systemd_executes() {
        let [command] =
            &read(r#""python3" "-c" "print(\"50%%\", '$$5')" x${ONE}y $TWO $NONE ${NONE} $"#)[..]
        else {
            panic!("one command");
        };
        assert_eq!(command.program, "python3");
        let argv = [
            "python3",
            "-c",
            "print(\"50%\", '$5')",
            "xa by",
            "c",
            "d e",
            "",
            "$",
        ];
        assert_eq!(command.argv, argv);
        assert!(!command.ignores_failure && !command.is_privileged);
    }

    #[test]
    fn prefixes_say_how_it_is_executed() {
        let [first, second] = &read(r"-@/bin/sh name -c ${ONE} ; +:/bin/echo $ONE \;")[..] else {
            panic!("two commands");
        };
        assert_eq!(first.program, "/bin/sh");
        assert_eq!(first.argv, ["name", "-c", "a b"]);
        assert!(first.ignores_failure && !first.is_privileged);
        assert_eq!(second.argv, ["/bin/echo", "$ONE", ";"]);
        assert!(second.is_privileged);
        assert_eq!(read(" "), []);
    }
}
