//! The specifiers of systemd (systemd.unit(5)) in what a unit file says.

use std::path::Path;

/// What specifiers mean in a unit (systemd.unit(5), SPECIFIERS).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Specifiers<'a> {
    /// The unit's name, with its type.
    pub(crate) unit: &'a str,
    /// Name, ID and home directory of the account that the manager runs as, whatever `User=` says.
    pub(crate) account: (&'a str, u32, &'a Path),
    /// Whether it is a user manager.
    pub(crate) is_user: bool,
}

impl Specifiers<'_> {
    /// The value with its specifiers expanded; those that no path of a gateway can hold stay as they are.
    pub(crate) fn expand(&self, text: &str) -> String {
        if !text.contains('%') {
            return text.to_owned();
        }
        let mut out = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            match chars.next() {
                None => out.push('%'),
                Some(s) => match self.one(s) {
                    Some(value) => out.push_str(&value),
                    None => out.extend(['%', s]),
                },
            }
        }
        out
    }

    fn one(&self, specifier: char) -> Option<String> {
        let stem = self.unit.rsplit_once('.').map_or(self.unit, |(s, _)| s);
        let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
        let last = prefix.rsplit('-').next().unwrap_or(prefix);
        let (name, uid, home) = self.account;
        let place = |system: &str, user: &str| {
            if self.is_user {
                home.join(user).display().to_string()
            } else {
                system.to_owned()
            }
        };
        Some(match specifier {
            '%' => "%".to_owned(),
            'i' => instance.to_owned(),
            'I' => unescaped(instance),
            'n' => self.unit.to_owned(),
            'N' => stem.to_owned(),
            'p' => prefix.to_owned(),
            'P' => unescaped(prefix),
            'j' => last.to_owned(),
            'J' => unescaped(last),
            'f' if instance.is_empty() => format!("/{}", unescaped(prefix)),
            'f' => format!("/{}", unescaped(instance)),
            'h' => home.display().to_string(),
            'u' => name.to_owned(),
            'U' => uid.to_string(),
            't' if self.is_user => format!("/run/user/{uid}"),
            't' => "/run".to_owned(),
            'S' => place("/var/lib", ".local/state"),
            'C' => place("/var/cache", ".cache"),
            'L' => place("/var/log", ".local/state/log"),
            'E' => place("/etc", ".config"),
            'T' => "/tmp".to_owned(),
            'V' => "/var/tmp".to_owned(),
            _ => return None,
        })
    }
}

/// A part of a unit's name as systemd-escape(1) was given it: `-` was a slash, and `\xHH` is any other byte.
fn unescaped(name: &str) -> String {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, more @ ..] = rest {
        let byte = match more {
            [b'x', high, low, ..] if *first == b'\\' => hexadecimal(*high, *low),
            _ => None,
        };
        rest = if byte.is_some() { &more[3..] } else { more };
        out.push(match (byte, first) {
            (Some(byte), _) => byte,
            (None, b'-') => b'/',
            (None, other) => *other,
        });
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_name_the_manager_s_account() {
        let specifiers = Specifiers {
            unit: "hermes-gateway@a-b.service",
            account: ("root", 0, Path::new("/root")),
            is_user: false,
        };
        assert_eq!(
            specifiers.expand("%h/%i/%I %p %% %Z%"),
            "/root/a-b/a/b hermes-gateway % %Z%"
        );
    }

    #[test]
    fn names_that_systemd_escape_wrote_are_read_back() {
        let expand = |unit| {
            let specifiers = Specifiers {
                unit,
                account: ("root", 0, Path::new("/root")),
                is_user: false,
            };
            specifiers.expand("%i %I %f %p %P %J")
        };
        assert_eq!(
            expand("hermes\\x2dbot@srv-my\\x2dbot.service"),
            "srv-my\\x2dbot srv/my-bot /srv/my-bot hermes\\x2dbot hermes-bot hermes-bot"
        );
        assert_eq!(
            expand("srv-b\\xc3\\xa4r.service"),
            "  /srv/b\u{e4}r srv-b\\xc3\\xa4r srv/b\u{e4}r b\u{e4}r"
        );
        let odd = expand("bot@\\x2-\\xff\\.service");
        assert!(odd.starts_with("\\x2-\\xff\\ \\x2/"), "{odd}");
    }
}
