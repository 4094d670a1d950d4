//! `show`: the settings of installed profiles, and where each comes from. Changes nothing.

use anyhow::{Result, bail};
use serde_json::Value;

use super::target::refuse_served;
use crate::cli::ShowArgs;
use crate::commands::json::{Setting, Shown, ShownProfile};
use crate::commands::page::entry;
use crate::config::Config;
use crate::deploy::chosen::{Chosen, by_name};
use crate::deploy::receipt::{Receipt, read_receipt};
use crate::error::Exit;
use crate::host::Host;
use crate::host::span::{self, Span};
use crate::output;
use crate::profile::ProfileName;
use crate::render::instance::Instance;
use crate::settings::SETTINGS;
use crate::settings::Settings;

/// Show settings.
pub(crate) fn show(args: &ShowArgs) -> Result<Exit> {
    let host = Host::observer(args.scope.scope(), args.scope.root.as_deref())?;
    let receipt = read_receipt(&host)?;
    let config = Config::load(None, &host)?;
    let is_installed =
        |wanted: &&ProfileName| receipt.instances.iter().any(|i| i.profile == **wanted);
    if let Some(unknown) = args.profiles.iter().find(|wanted| !is_installed(wanted)) {
        let scope = host.scope.flag();
        let show = format!("hermes-install show{scope} --profile");
        refuse_served(&host, unknown, Some(&show))?;
        bail!(
            "profile `{unknown}` is not installed in the {} scope; see `hermes-install status{scope}`",
            host.scope.name()
        );
    }
    let profiles = receipt
        .instances
        .iter()
        .filter(|i| args.profiles.is_empty() || args.profiles.contains(&i.profile))
        .map(|instance| of_instance(&host, &receipt, &config, instance));
    let shown = Shown {
        profiles: profiles.collect(),
    };
    if args.output.json {
        output::json(&shown);
    } else if !args.output.quiet {
        output::print(text(&host, &shown.profiles));
    }
    Ok(Exit::Done)
}

fn of_instance(
    host: &Host,
    receipt: &Receipt,
    config: &Config,
    instance: &Instance,
) -> ShownProfile {
    let none = Chosen::default();
    let chosen = receipt.settings.get(&instance.profile).unwrap_or(&none);
    let configured = by_name(&config.settings(&instance.profile, &Settings::default()));
    let defaults = by_name(&defaults(host, instance));
    let settings = SETTINGS
        .iter()
        .map(crate::settings::Setting::key)
        .filter(|name| name != "start")
        .map(|name| {
            let setting = match (configured.get(&name), chosen.get(&name)) {
                (Some(value), _) => Setting {
                    value: value.clone(),
                    from: "configuration".to_owned(),
                },
                (None, Some(choice)) => Setting {
                    value: choice.value.clone(),
                    from: choice.from.clone(),
                },
                (None, None) => Setting {
                    value: defaults.get(&name).cloned().unwrap_or_default(),
                    from: "default".to_owned(),
                },
            };
            (name, setting)
        });
    ShownProfile {
        unit: instance.profile.unit(),
        settings: settings.collect(),
        profile: instance.profile.clone(),
    }
}

/// What counts where nothing was said.
fn defaults(host: &Host, instance: &Instance) -> Settings {
    let account = instance.account.as_ref();
    Settings {
        home: Some(instance.root.clone().unwrap_or_else(|| host.default_root())),
        tenant: instance
            .root
            .as_deref()
            .map(|root| instance.profile.is_tenant(root)),
        run_as: Some(account.map_or_else(|| host.own.name.clone(), |a| a.user.clone())),
        group: account.map(|a| a.group.clone()),
        hermes: instance.hermes.clone(),
        drain_timeout: Some(Span(instance.gateway_drain)),
        enable: Some(true),
        restart: Some(instance.restart),
        hardening: Some(instance.hardening),
        ..Settings::default()
    }
}

/// A time span, as systemd reads it back.
fn time(seconds: Option<u64>) -> String {
    let seconds = seconds.unwrap_or_default();
    let written = span::written(seconds);
    match written.parse() {
        Ok(Span(read)) if u64::from(read) == seconds => written,
        // Its two largest units are not all of it.
        _ => format!("{seconds}s"),
    }
}

fn text(host: &Host, shown: &[ShownProfile]) -> String {
    if shown.is_empty() {
        return format!(
            "no profile is installed in the {} scope\n",
            host.scope.name()
        );
    }
    let mut out = String::new();
    for profile in shown {
        out += &format!("{} ({})\n", profile.profile, profile.unit);
        for name in SETTINGS.iter().map(crate::settings::Setting::key) {
            let Some(setting) = profile.settings.get(&name) else {
                continue;
            };
            let value = match &setting.value {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                Value::Number(seconds) if name == "drain-timeout" => time(seconds.as_u64()),
                value => value.to_string(),
            };
            out += &format!("  {name:17} {value}  [{}]\n", setting.from);
        }
    }
    let recorded = format!(
        "what was chosen or inherited is recorded in `/{}`",
        host.receipt()
    );
    out += &entry("", &recorded);
    out += "to forget it: hermes-install --profile NAME --reset SETTING\n";
    out
}
