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
            'I' => instance.replace('-', "/"),
            'n' => self.unit.to_owned(),
            'N' => stem.to_owned(),
            'p' => prefix.to_owned(),
            'j' => prefix.rsplit('-').next().unwrap_or(prefix).to_owned(),
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
}
