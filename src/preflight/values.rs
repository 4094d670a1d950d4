//! Values of settings that would not mean what they say: systemd ignores them with a line in the journal, or nobody expands
//! them. Pure.

use crate::settings::Settings;

/// What is wrong with each, and what to write.
pub(super) fn problems(settings: &Settings) -> Vec<String> {
    let limits = [
        ("memory-high", &settings.memory_high),
        ("memory-max", &settings.memory_max),
    ];
    let limits = limits.into_iter().filter_map(|(setting, value)| {
        let value = value.as_ref().filter(|value| !is_limit(value))?;
        Some(format!(
            "`{setting}` is `{value}`, which systemd ignores; write bytes such as `512M` or `2G`, or a share such as `20%`"
        ))
    });
    let path = settings.environment.as_ref().and_then(|e| e.get("PATH"));
    let entries = path.into_iter().flat_map(|path| path.split(':'));
    let literal = entries.filter(|entry| entry.starts_with('~') || entry.contains('$'));
    let literal = literal.map(|entry| {
        format!(
            "`PATH` in `environment` has `{entry}`, and nothing is expanded there; write the directory out, such as \
             `/home/alice/bin`, and the system's own `/usr/local/bin:/usr/bin:/bin`"
        )
    });
    limits.chain(literal).collect()
}

/// Whether systemd reads this as a limit of memory (MemoryMax= of systemd.resource-control(5)): `infinity`, a share of what
/// there is, or bytes with one suffix of base 1024.
fn is_limit(text: &str) -> bool {
    let is_number = |text: &str| {
        let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        is_digits(whole) && is_digits(rest)
    };
    let number = text.strip_suffix(['%', 'B', 'K', 'M', 'G', 'T', 'P', 'E']);
    text == "infinity" || is_number(number.unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_would_ignore_is_no_limit() {
        for text in ["infinity", "4096", "2G", "1.5G", "512M", "20%", "12.5%"] {
            assert!(is_limit(text), "{text}");
        }
        for text in [
            "", "1.5GB", "3 Gigs", "2g", "G", "1.G", "much", "-1G", "50 %",
        ] {
            assert!(!is_limit(text), "{text}");
        }
    }

    #[test]
    fn what_nobody_expands_is_told() {
        let environment = |path: &str| Settings {
            environment: Some([("PATH".to_owned(), path.to_owned())].into()),
            memory_max: Some("1GB".to_owned()),
            ..Settings::default()
        };
        let told = problems(&environment("$HOME/.nvm/bin:/usr/bin:~/bin")).join("\n");
        for part in ["`1GB`", "`$HOME/.nvm/bin`", "`~/bin`"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(problems(&environment("/home/a~b/bin:/usr/bin")).len(), 1);
    }
}
