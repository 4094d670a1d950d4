//! What install, adopt and plan know of each profile before there is a plan: its settings, whose they are, what leaves for
//! it, and whose gateway serves it. Reads only.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;

use super::confirm::confirm_program;
use super::layers::Layers;
use super::tenants::{refuse_move, told_of_move, told_of_older};
use super::typed::Verb;
use crate::cli::InstallArgs;
use crate::deploy::chosen::Chosen;
use crate::deploy::creation::Creation;
use crate::deploy::handover::Handover;
use crate::deploy::serving::Served;
use crate::error::refuse;
use crate::host::Host;
use crate::output::Output;
use crate::preflight::{Checked, Preflight, tenant};
use crate::profile::ProfileName;
use crate::render::instance::Instance;
use crate::settings::Settings;
use crate::takeover::detect::{Inherited, inherit};
use crate::takeover::migrate::{Allow, Migration, migrate};
use crate::takeover::namesake::{
    ask_which, refuse_other_account, refuse_second_owner, told_of_namesake,
};
use crate::takeover::server::{own_unit, refuse_served, refuse_unserved};
use crate::takeover::typed::Typed;
use crate::units::inventory::Inventory;

/// What was found, profile by profile.
#[derive(Default)]
pub(super) struct Found {
    /// Profiles that get a unit.
    pub(super) checked: Vec<Checked>,
    /// Profiles that hermes is to create.
    pub(super) creations: Vec<Creation>,
    /// Profiles that the default profile's gateway is to serve.
    pub(super) served: Vec<Served>,
    /// Units of hermes-install that end, because their profiles are served.
    pub(super) leaving: Vec<Handover>,
    /// Old owners that leave for a unit.
    pub(super) migrations: Vec<Migration>,
    /// What is recorded of each profile's settings.
    pub(super) chosen: BTreeMap<ProfileName, Chosen>,
    /// What profiles take over from old owners.
    pub(super) inherited: BTreeMap<ProfileName, Inherited>,
    /// Sentences for people.
    pub(super) notes: Vec<String>,
    /// The unit and home of an installed gateway that is to serve others, and has to run for that.
    pub(super) by_default: Option<(String, PathBuf)>,
}

/// How one profile after the other is looked at.
pub(super) struct Survey<'a> {
    /// The host.
    pub(super) host: &'a Host,
    /// What was asked for.
    pub(super) args: &'a InstallArgs,
    /// By which command.
    pub(super) verb: Verb,
    /// Where progress is told.
    pub(super) output: &'a Output,
    /// Who runs gateways.
    pub(super) inventory: &'a Inventory,
    /// The command line, to be given back in hints.
    pub(super) typed: &'a Typed,
    /// The settings.
    pub(super) layers: Layers<'a>,
    /// What answers once for all profiles.
    pub(super) preflight: Preflight<'a>,
    /// The profiles that have a unit.
    pub(super) installed: BTreeMap<&'a ProfileName, &'a Instance>,
    /// Which owners may leave.
    pub(super) allow: Allow,
    /// The settings of the served ones, in the order of `found.served`.
    pub(super) settings_of_served: Vec<Settings>,
    /// What came of it.
    pub(super) found: Found,
}

impl Survey<'_> {
    /// Look at a profile that was asked for.
    pub(super) fn profile(&mut self, profile: &ProfileName) -> Result<()> {
        let host = self.host;
        let before = self.installed.get(profile).copied();
        self.layers.refuse_elsewhere(host, profile, self.typed)?;
        let settings = self.settings(profile)?;
        if self.takes_over() {
            refuse_other_account(host, self.inventory, before, &settings)?;
        }
        let place = |key: &str| self.layers.place(profile, key);
        let checked = self
            .preflight
            .check(profile, &settings, &place, self.args.create)?;
        if self.verb != Verb::Split {
            refuse_move(host, before, &checked)?;
            let moves = told_of_move(host, before, &checked);
            self.found.notes.extend(moves);
        }
        let older = told_of_older(host, before, &checked);
        self.found.notes.extend(older);
        let theirs = self.found.inherited.get(profile);
        if let Some(unit) = theirs.and_then(|theirs| theirs.of_unknown_hermes.as_ref()) {
            self.found.notes.push(format!(
                "which hermes {unit} runs cannot be told; the new unit runs `{}`, and `--hermes PATH` names another one",
                checked.hermes.display()
            ));
        }
        refuse_second_owner(host, self.inventory, before, &checked, self.allow)?;
        let leaves = self.found.migrations.len();
        self.migrate(&checked)?;
        if self.allow.units && before.is_some() && self.found.migrations.len() == leaves {
            let stays = told_of_namesake(host, self.inventory, &checked);
            self.found.notes.extend(stays);
        }
        let standalone = self.args.standalone;
        if checked.creates {
            self.found
                .creations
                .push(Creation::new(&checked, standalone));
        }
        if standalone || !checked.is_served(host) {
            if !standalone {
                refuse_served(host, self.inventory, &checked)?;
            }
            self.found.checked.push(checked);
            return Ok(());
        }
        let own = own_unit(host, before, &checked, self.allow)?;
        self.found.leaving.extend(own);
        self.found.chosen.remove(profile);
        self.found.served.push(Served::new(host, &checked)?);
        self.settings_of_served.push(settings);
        Ok(())
    }

    /// Whether owners leave, and their settings are taken over.
    fn takes_over(&self) -> bool {
        self.allow.by_hand || self.allow.units
    }

    /// A profile's settings, those of an old owner included; they are recorded.
    fn settings(&mut self, profile: &ProfileName) -> Result<Settings> {
        let (host, args) = (self.host, self.args);
        let place = |key: &str| self.layers.place(profile, key);
        let mut settings = tenant::settle(host, profile, self.layers.settings(profile)?, &place)?;
        let mut choices = self.layers.choices(profile);
        if self.takes_over() {
            let before = settings.clone();
            let theirs = inherit(
                host,
                self.inventory,
                profile,
                settings,
                self.allow,
                self.output,
            )?;
            let from = theirs.from.as_ref();
            let from = from.map_or_else(String::new, |from| format!("inherited from {from}"));
            settings = theirs.settings.clone();
            choices.record_new(&before, &settings, &from);
            self.found.inherited.insert(profile.clone(), theirs);
            let is_found = before.hermes.is_none() && self.verb == Verb::Adopt;
            if let Some(hermes) = settings.hermes.as_deref().filter(|_| is_found) {
                confirm_program(hermes, profile, args.yes)?;
            }
        }
        if !self.installed.contains_key(profile) {
            let (inventory, typed, output) = (self.inventory, self.typed, self.output);
            let is_run = ask_which(host, inventory, profile, &settings, typed, output)?;
            if !is_run && self.verb != Verb::Adopt && tenant::by_default(host, profile, &settings)?
            {
                let tenant = Settings {
                    tenant: Some(true),
                    ..Settings::default()
                };
                choices.record(&Chosen::of(&tenant, |_| {
                    "the default of new profiles".to_owned()
                }));
                settings = tenant::settle(host, profile, tenant.over(&settings), &place)?;
            }
            let shared = self.shared(&settings)?;
            choices.record_new(&settings, &shared, "profile `default`");
            settings = settings.over(&shared);
        }
        self.found.chosen.insert(profile.clone(), choices);
        Ok(settings)
    }

    /// What a new profile has of the default profile where they share a root, the hermes that was named: two versions on one
    /// root get in each other's way.
    fn shared(&self, settings: &Settings) -> Result<Settings> {
        let name: ProfileName = DEFAULT.parse()?;
        let is_reset = self.args.reset.iter().any(|setting| setting == "hermes");
        if is_reset || !self.installed.contains_key(&name) {
            return Ok(Settings::default());
        }
        let default = self.layers.settings(&name)?;
        let root = |settings: &Settings| {
            let root = settings.home.clone();
            self.host
                .directory(&root.unwrap_or_else(|| self.host.default_root()))
        };
        let is_shared = root(&default) == root(settings) && default.run_as == settings.run_as;
        Ok(Settings {
            hermes: default.hermes.filter(|_| is_shared),
            ..Settings::default()
        })
    }

    /// Whose gateways serve the served ones: somebody has to, and it is the default profile of their root.
    pub(super) fn servers(&mut self) -> Result<()> {
        refuse_unserved(self.host, &self.found.served)?;
        for at in 0..self.found.served.len() {
            let served = &self.found.served[at];
            let root = &served.root;
            let is_known = |c: &Checked| c.instance.profile.is_default() && c.root == *root;
            if served.server(self.host)?.is_some() || self.found.checked.iter().any(is_known) {
                continue;
            }
            if let Some(other) = self.root_of_default()?.filter(|other| other != root) {
                refuse!(
                    "profile `{}` is in `{}`, and the gateway of `default` that is installed here has `{}`: it cannot serve it",
                    served.profile, root.display(), other.display();
                    "for a gateway of its own: `{}`", self.typed.with(&["--standalone"])
                );
            }
            let settings = self.settings_of_served[at].clone();
            self.server(settings)?;
        }
        Ok(())
    }

    /// The root of the one default profile that a manager can have a unit for, where it has one.
    fn root_of_default(&self) -> Result<Option<PathBuf>> {
        let name: ProfileName = DEFAULT.parse()?;
        let mut new = self.found.checked.iter();
        if let Some(new) = new.find(|c| c.instance.profile == name) {
            return Ok(Some(new.root.clone()));
        }
        let installed = self.installed.get(&name);
        let root = |i: &&Instance| i.root.clone();
        Ok(installed.map(|i| root(i).unwrap_or_else(|| self.host.default_root())))
    }

    /// Look at the default profile, which is to serve a profile with these settings.
    fn server(&mut self, settings: Settings) -> Result<()> {
        let name: ProfileName = DEFAULT.parse()?;
        let mut own = self.layers.settings(&name)?;
        // It serves others, and a tenant serves nobody.
        own.tenant = None;
        own.home = own.home.or(settings.home);
        own.run_as = own.run_as.or(settings.run_as);
        let place = |key: &str| self.layers.place(&name, key);
        let default = self.preflight.check(&name, &own, &place, false)?;
        if self.installed.contains_key(&name) {
            self.found.by_default = Some((name.unit(), default.home));
            return Ok(());
        }
        self.migrate(&default)?;
        let choices = self.layers.choices(&name);
        self.found.chosen.insert(name, choices);
        self.found.checked.push(default);
        Ok(())
    }

    /// Note which old owners leave for a profile's unit.
    fn migrate(&mut self, checked: &Checked) -> Result<()> {
        let leaves = migrate(self.host, self.inventory, checked, self.allow, self.typed)?;
        self.found.migrations.extend(leaves);
        Ok(())
    }
}

/// The profile whose gateway serves the others.
const DEFAULT: &str = "default";
