//! The command line of this run, for one that says more. Pure.

use crate::host::process::shell_quote;

/// See the module.
#[derive(Debug)]
pub(crate) struct Typed {
    /// The command, if one was named.
    pub(crate) verb: Option<String>,
    /// The other words.
    pub(crate) words: Vec<String>,
}

impl Typed {
    /// The same to adopt instead.
    pub(crate) fn adopt(&self) -> Self {
        Self {
            verb: Some("adopt".to_owned()),
            words: self.words.clone(),
        }
    }

    /// The same to install, where nothing is there to adopt.
    pub(crate) fn install(&self) -> Self {
        let is_adopt = self.verb.as_deref() == Some("adopt");
        Self {
            verb: self.verb.clone().filter(|_| !is_adopt),
            words: self.words.clone(),
        }
    }

    /// The same with further words.
    pub(crate) fn with(&self, further: &[&str]) -> String {
        let words = self.verb.iter().chain(&self.words).map(String::as_str);
        let all = ["hermes-install"].into_iter().chain(words);
        shell_quote(&all.chain(further.iter().copied()).collect::<Vec<_>>())
    }
}
