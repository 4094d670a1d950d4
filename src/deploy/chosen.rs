//! What was chosen for a profile, or inherited from its old owner: a layer of settings below flags and configuration. The
//! receipt records it, and it holds until it is reset. Pure.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::host::span::Span;
use crate::render::instance::Instance;
use crate::render::model::Account;
use crate::settings::Settings;

/// See the module. By the names that settings have in the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Chosen(BTreeMap<String, Choice>);

/// One setting that was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choice {
    /// Its value, as in the configuration.
    pub(crate) value: Value,
    /// Where it comes from, for a person: a flag, or the old owner.
    pub(crate) from: String,
}

/// Settings that are there, by name.
pub(crate) fn by_name(settings: &Settings) -> BTreeMap<String, Value> {
    let all = serde_json::to_value(settings).unwrap_or_default();
    let Value::Object(all) = all else {
        return BTreeMap::new();
    };
    all.into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect()
}

impl Chosen {
    /// Whether nothing was chosen.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Settings that come from somewhere, as `from` says by name. `start` is about one run and is not among them.
    pub(crate) fn of(settings: &Settings, from: impl Fn(&str) -> String) -> Self {
        let all = by_name(settings).into_iter();
        let lasting = all.filter(|(name, _)| name != "start");
        let choices = lasting.map(|(name, value)| {
            let from = from(&name);
            (name, Choice { value, from })
        });
        Self(choices.collect())
    }

    /// What an older receipt, which records no choices, tells of them: what a flag may have set.
    pub(crate) fn of_instance(instance: &Instance) -> Self {
        let mut settings = Settings {
            hermes: instance.hermes.clone(),
            home: instance.root.clone(),
            environment_files: Some(instance.environment_files.clone()).filter(|f| !f.is_empty()),
            drain_timeout: instance.drain_timeout.map(Span),
            ..Settings::default()
        };
        let account = instance.account.clone();
        if let Some(Account { user, group }) = account.filter(|a| *a != Account::default()) {
            settings.group = Some(group).filter(|group| *group != user);
            settings.run_as = Some(user);
        }
        Self::of(&settings, |_| "an earlier installation".to_owned())
    }

    /// Record further choices.
    pub(crate) fn record(&mut self, further: &Self) {
        self.0.extend(further.0.clone());
    }

    /// Record those settings that `before` does not have.
    pub(crate) fn record_new(&mut self, before: &Settings, after: &Settings, from: &str) {
        let known = by_name(before);
        let mut new = Self::of(after, |_| from.to_owned());
        new.0.retain(|name, _| !known.contains_key(name));
        self.0.extend(new.0);
    }

    /// Forget a setting, so that its default counts again.
    pub(crate) fn reset(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// One setting.
    pub(crate) fn get(&self, name: &str) -> Option<&Choice> {
        self.0.get(name)
    }

    /// As settings. Fails when somebody has edited them into what is none.
    pub(crate) fn settings(&self) -> Result<Settings> {
        let values = self
            .0
            .iter()
            .map(|(name, c)| (name.clone(), c.value.clone()));
        serde_json::from_value(Value::Object(values.collect())).with_context(|| {
            let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
            format!("the receipt's settings {} cannot be read", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Scope;

    fn settings() -> Settings {
        Settings {
            home: Some("/srv/h".into()),
            run_as: Some("bob".into()),
            start: Some(false),
            ..Settings::default()
        }
    }

    #[test]
    fn what_is_recorded_comes_back_apart_from_start() {
        let chosen = Chosen::of(&settings(), |name| format!("--{name}"));
        let text = serde_json::to_string(&chosen).expect("serialises");
        let read: Chosen = serde_json::from_str(&text).expect("reads");
        let expected = Settings {
            start: None,
            ..settings()
        };
        assert_eq!(read.settings().expect("settings"), expected);
        assert_eq!(read.get("home").map(|c| c.from.as_str()), Some("--home"));
        let mut read = read;
        read.reset("home");
        assert_eq!(read.settings().expect("settings").home, None);
    }

    #[test]
    fn only_what_is_new_is_recorded_as_inherited() {
        let before = Settings {
            home: Some("/srv/h".into()),
            ..Settings::default()
        };
        let mut chosen = Chosen::default();
        chosen.record_new(&before, &settings(), "a unit");
        assert_eq!(chosen.get("home"), None);
        assert_eq!(
            chosen.get("run-as").map(|c| c.from.as_str()),
            Some("a unit")
        );
    }

    #[test]
    fn an_older_receipt_tells_what_its_flags_were() {
        let mut instance = Instance::plain("coder".parse().expect("a name"), Scope::System);
        assert!(Chosen::of_instance(&instance).is_empty());
        instance.root = Some("/srv/h".into());
        instance.account = Some(Account {
            user: "bob".into(),
            group: "bots".into(),
        });
        let settings = Chosen::of_instance(&instance).settings().expect("settings");
        assert_eq!(settings.home.as_deref(), Some("/srv/h".as_ref()));
        assert_eq!(settings.run_as.as_deref(), Some("bob"));
        assert_eq!(settings.group.as_deref(), Some("bots"));
    }

    #[test]
    fn a_value_that_was_edited_into_nonsense_is_refused_by_name() {
        let text = r#"{"drain-timeout": {"value": "soon", "from": "me"}}"#;
        let chosen: Chosen = serde_json::from_str(text).expect("a record");
        let error = chosen.settings().expect_err("no number").to_string();
        assert!(error.contains("drain-timeout"), "{error}");
    }
}
