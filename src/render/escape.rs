//! How a value is written so that systemd reads back exactly that value. Pure.
//!
//! Each function is one grammar of systemd.syntax(7) and systemd.unit(5); a template picks it with the filter
//! of the same name and gets [`word`] when it names none. Newlines and NUL cannot be written in any of them and are
//! refused by [`check`] where the name of the setting is known.

use std::fmt::Write as _;

/// A value that no unit file can hold, with the setting it was given for.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{setting}` is {value:?}: {reason}")]
pub(crate) struct Unwritable {
    /// The setting as its user knows it.
    pub(crate) setting: String,
    /// The offending value.
    pub(crate) value: String,
    /// What is wrong and what would be accepted.
    pub(crate) reason: &'static str,
}

/// Refuse what no unit file can hold: control characters anywhere, white space or a backslash at the end.
///
/// systemd strips white space around a value and takes a backslash at the end of a line as a continuation
/// (systemd.syntax(7)); a newline would start another directive.
pub(crate) fn check(setting: &str, value: &str) -> Result<(), Unwritable> {
    let reason = if value.chars().any(is_noncharacter) {
        "a Unicode noncharacter (U+FDD0 to U+FDEF, U+FFFE, U+FFFF and their like) is not UTF-8 for systemd, which drops its \
         line and all that follows; give a value without"
    } else if value.chars().any(char::is_control) {
        "a newline, NUL or other control character cannot be written to a unit; give a value without"
    } else if value.ends_with('\\') {
        "a unit line cannot end in a backslash; give a value without"
    } else if value.trim() != value {
        "systemd drops white space around a value; give a value without"
    } else if value.is_empty() {
        "it is empty; leave the setting out or give a value"
    } else {
        return Ok(());
    };
    Err(Unwritable {
        setting: setting.to_owned(),
        value: value.to_owned(),
        reason,
    })
}

/// Code points that Unicode keeps out of texts; systemd's UTF-8 check refuses them (`unichar_is_valid`).
fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

fn plain(c: char) -> bool {
    c.is_alphanumeric() || "_@:./+,=-".contains(c)
}

/// `%` starts a specifier in nearly every directive (systemd.unit(5), SPECIFIERS).
pub(crate) fn line(value: &str) -> String {
    value.replace('%', "%%")
}

/// One item of a list whose quotes and C escapes are read, such as `Environment=`.
pub(crate) fn word(value: &str) -> String {
    quoted(value, false)
}

/// One argument of an Exec line: as [`word`], and `$` would be a variable (systemd.service(5), COMMAND LINES).
pub(crate) fn exec(value: &str) -> String {
    quoted(value, true)
}

fn quoted(value: &str, dollar: bool) -> String {
    if !value.is_empty() && value.chars().all(|c| plain(c) || c == '%') {
        return line(value);
    }
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '%' => out.push_str("%%"),
            '$' if dollar => out.push_str("$$"),
            c if c.is_control() => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// One item of a path list, such as `ReadWritePaths=`: quotes are read there, and inside them a backslash escapes what
/// follows (`extract_first_word` with EXTRACT_UNQUOTE; 252 was seen to lose a single one).
pub(crate) fn path(value: &str) -> String {
    if value.chars().all(|c| plain(c) || c == '%') {
        return line(value);
    }
    // A quote inside the other kind of quotes; the pieces join into one word.
    let mut out = String::with_capacity(value.len() + 2);
    for piece in line(value).replace('\\', r"\\").split_inclusive('"') {
        let (text, quote) = match piece.strip_suffix('"') {
            Some(text) => (text, true),
            None => (piece, false),
        };
        if !text.is_empty() {
            let _ = write!(out, "\"{text}\"");
        }
        if quote {
            out.push_str("'\"'");
        }
    }
    out
}

/// A path that systemd expands with glob(7): `EnvironmentFile=`.
pub(crate) fn glob(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in line(value).chars() {
        if "*?[]\\".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_stay_as_they_are() {
        for f in [line, word, exec, path, glob] {
            assert_eq!(f("/var/lib/hermes-1.0_x"), "/var/lib/hermes-1.0_x");
        }
    }

    #[test]
    fn percent_is_doubled_in_every_grammar() {
        for f in [line, word, exec, path, glob] {
            assert_eq!(f("/a%n"), "/a%%n");
        }
    }

    #[test]
    fn dollar_is_doubled_on_exec_lines_only() {
        assert_eq!(exec("a$b"), "\"a$$b\"");
        assert_eq!(word("a$b"), "\"a$b\"");
    }

    #[test]
    fn quotes_and_backslashes_survive() {
        assert_eq!(word(r#"a "b" \c"#), r#""a \"b\" \\c""#);
        assert_eq!(path(r#"/a "b" \c"#), r#""/a "'"'"b"'"'" \\c""#);
        assert_eq!(glob(r"/a*[b]\c"), r"/a\*\[b\]\\c");
    }

    #[test]
    fn a_newline_is_refused_with_the_name_of_the_setting() {
        for bad in [
            "a\nb",
            "a\0",
            "a\\",
            " a",
            "",
            "/a\u{fdd0}",
            "/\u{ffff}",
            "\u{1fffe}b",
        ] {
            let error = check("environment-file", bad).expect_err(bad);
            assert!(error.to_string().contains("`environment-file`"), "{error}");
        }
        assert_eq!(check("home", "/srv/a b"), Ok(()));
    }
}
