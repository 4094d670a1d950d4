//! The file that hermes reads variables from, as python-dotenv reads it. Pure.

/// Its name in a profile home.
pub(crate) const ENV: &str = ".env";

/// The names and values that its lines set, in their order; a name twice counts as set last.
pub(crate) fn assignments(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let line = line.trim_start();
        let exported = line
            .strip_prefix("export")
            .filter(|rest| rest.starts_with([' ', '\t']));
        let line = exported.unwrap_or(line);
        let (name, value) = line.split_once('=')?;
        Some((name.trim(), unquoted(value.trim())))
    })
}

/// Whether each of its lines sets a variable, or says nothing: no dump, key or list of accounts does.
pub(crate) fn is_assignments(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
    };
    let lines = text.lines().map(str::trim);
    let mut said = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    said.all(|line| {
        assignments(line)
            .next()
            .is_some_and(|(name, _)| is_name(name))
    })
}

/// A value without its quotes, or without the comment behind it.
fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some((inside, _)) = value
            .strip_prefix(quote)
            .and_then(|rest| rest.split_once(quote))
        {
            return inside;
        }
    }
    let end = [" #", "\t#"]
        .iter()
        .filter_map(|mark| value.find(mark))
        .min();
    let end = end.unwrap_or(value.len());
    value[..end].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_without_the_word_export() {
        let text = "# A=1\nexport B_TOKEN=x\nC = y\n";
        let names: Vec<&str> = assignments(text).map(|(name, _)| name).collect();
        assert_eq!(names, ["# A", "B_TOKEN", "C"]);
    }

    #[test]
    fn a_file_of_variables_is_told_from_others() {
        for (text, is) in [
            ("", true),
            ("# keys\n\nexport A_TOKEN='x y'\n  B=\n", true),
            ("-----BEGIN PRIVATE KEY-----\nMIIEvQ==\n", false),
            ("root:$6$x==:20000:0:99999:7:::\n", false),
            ("INSERT INTO t VALUES ('a=b');\n", false),
        ] {
            assert_eq!(is_assignments(text), is, "{text}");
        }
    }
}
