//! `render`: configuration to files, nothing else.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::cli::RenderArgs;
use crate::config::Config;
use crate::deploy::writer::Writer;
use crate::error::Exit;
use crate::host::rootfs::RootFs;
use crate::layout::{Scope, hidden_by_protect_home};
use crate::output;
use crate::preflight::tenant::derived;
use crate::profile::ProfileName;
use crate::render::instance::Instance;
use crate::render::model::{Account, Model};
use crate::render::render as render_model;
use crate::render::tree::{Entry, Tree};
use crate::settings::Settings;

/// Render to a directory or to standard output.
pub(crate) fn render(args: &RenderArgs) -> Result<Exit> {
    let config = args.settings.config.as_deref();
    let config = config.map(Config::read).transpose()?.unwrap_or_default();
    let flags = Settings::from_args(&args.settings)?;
    let mut profiles = args.settings.profiles.clone();
    if profiles.is_empty() {
        profiles.extend(config.profiles.keys().cloned());
    }
    let scopes = args
        .scope
        .map_or(vec![Scope::System, Scope::User], |scope| vec![scope]);
    let mut tree = Tree::new();
    for scope in scopes {
        let instances = profiles
            .iter()
            .map(|p| Instance {
                hermes_version: args.hermes_version.clone(),
                ..instance(p, scope, config.settings(p, &flags))
            })
            .collect();
        tree.extend(render_model(&Model {
            layout: args.layout,
            scope,
            systemd: args.systemd,
            prefix: args.prefix.clone(),
            shared_units: true,
            launcher: None,
            instances,
            shields: Vec::new(),
            guard: config.guard.unwrap_or(true),
        })?);
    }
    match &args.output {
        Some(directory) => write(directory, &tree)?,
        None => output::bytes(text(&tree).as_bytes()),
    }
    Ok(Exit::Done)
}

/// Settings as they are, without a host to look at.
pub(crate) fn instance(profile: &ProfileName, scope: Scope, settings: Settings) -> Instance {
    let settings = match scope {
        Scope::System => derived(profile, settings),
        Scope::User => settings,
    };
    let mut instance = Instance::plain(profile.clone(), scope);
    settings.apply(&mut instance);
    instance.account = instance.account.map(|usual| {
        let user = settings.run_as.unwrap_or(usual.user);
        let group = settings.group.unwrap_or_else(|| user.clone());
        Account { user, group }
    });
    instance.root = settings.home;
    instance.hermes = settings.hermes;
    instance.home_access = (instance.root.iter())
        .chain(&instance.hermes)
        .chain(&instance.read_write_paths)
        .any(|path| hidden_by_protect_home(path));
    instance
}

/// All files one after the other, each under its name, as `systemctl cat` prints them.
fn text(tree: &Tree) -> String {
    let mut out = String::new();
    for (path, entry) in tree {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!(
            "# {path}\n{}",
            entry.as_text().unwrap_or_default()
        ));
    }
    out
}

fn write(directory: &Path, tree: &Tree) -> Result<()> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("`{}` cannot be created", directory.display()))?;
    let mut writer = Writer::new(&RootFs::new(directory)?);
    for (path, entry) in tree {
        let entry: &Entry = entry;
        writer.put(path, entry)?;
    }
    Ok(())
}
