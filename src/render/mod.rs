//! Model to tree. Pure: the bytes depend on the model alone, not on date, host, version or this program's path.

pub(crate) mod addition;
mod drop_in;
mod environment;
pub(crate) mod escape;
pub(crate) mod instance;
pub(crate) mod invalid;
pub(crate) mod model;
pub(crate) mod tree;

use std::path::Path;

use minijinja::{Environment, Value, context};

use crate::layout::{
    ACCOUNT, DROP_IN, GUARD, GUARDED, Layout, Places, SYSTEM_ROOT, Scope, TARGET, TEMPLATE,
};
use crate::profile::{ProfileName, TENANTS};
use crate::render::drop_in::DropIn;
use crate::render::environment::environment;
use crate::render::instance::Instance;
use crate::render::invalid::Invalid;
use crate::render::model::{Model, Shield};
use crate::render::tree::{Entry, Tree};

/// Why a model was not rendered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    /// The model breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A template is wrong: a defect of hermes-install.
    #[error("a built-in template failed: {0:#}")]
    Template(#[from] minijinja::Error),
}

/// Every file that the model asks for.
pub(crate) fn render(model: &Model) -> Result<Tree, RenderError> {
    model.validate()?;
    let places = model.layout.places(model.scope, model.prefix.as_deref());
    let env = environment_of(model, &places)?;
    let mut tree = Tree::new();
    if model.shared_units {
        tree.extend(shared_files(&env, &places, model.scope)?);
    }
    tree.extend(drop_ins(&env, &places, model)?);
    for instance in model.instances.iter().filter(|i| i.is_tenant()) {
        tree.extend(tenant(&env, &places, instance)?);
    }
    tree.extend(shields(&env, &places, &model.shields)?);
    if model.guard {
        tree.extend(guards(&env, model)?);
    }
    Ok(tree)
}

/// The templates, with what all units of a model share.
fn environment_of(
    model: &Model,
    places: &Places,
) -> Result<Environment<'static>, minijinja::Error> {
    let mut env = environment()?;
    let launcher = model
        .launcher
        .clone()
        .unwrap_or_else(|| places.launcher.clone());
    // The layout's own `%h` is meant as a specifier; a prefix was validated to need no escaping.
    env.add_global("launcher", Value::from_safe_string(launcher));
    env.add_global("systemd", model.systemd);
    env.add_global("instance", Value::from_safe_string("%i".to_owned()));
    env.add_global("whose", Value::from_safe_string("--profile %i".to_owned()));
    env.add_global("keeps_unit", false);
    env.add_global("guards", false);
    env.add_global("declines_quietly", model.layout.declines_quietly());
    Ok(env)
}

/// The template unit and the target, and what declares the account that profiles share.
fn shared_files(
    env: &Environment,
    places: &Places,
    scope: Scope,
) -> Result<Tree, minijinja::Error> {
    let shared = context! {
        account => ACCOUNT,
        root => SYSTEM_ROOT,
        boot_target => scope.boot_target(),
    };
    let template = format!("{}/hermes-gateway@.service.j2", scope.name());
    let declared = [
        (places.sysusers, "system/sysusers.conf.j2"),
        (places.tmpfiles, "system/tmpfiles.conf.j2"),
    ];
    let units = [
        (format!("{}/{TEMPLATE}", places.units), template.as_str()),
        (
            format!("{}/{TARGET}", places.units),
            "hermes-gateway.target.j2",
        ),
    ];
    let declared = declared
        .into_iter()
        .filter_map(|(path, template)| Some((path?.to_owned(), template)));
    units
        .into_iter()
        .chain(declared)
        .map(|(path, template)| {
            let text = env.get_template(template)?.render(&shared)?;
            Ok((path, Entry::text(text)))
        })
        .collect()
}

/// A drop-in for each instance whose settings differ from the template unit's.
fn drop_ins(env: &Environment, places: &Places, model: &Model) -> Result<Tree, minijinja::Error> {
    let template = env.get_template("50-hermes-install.conf.j2")?;
    let mut tree = Tree::new();
    for instance in &model.instances {
        let settings = DropIn::new(instance, model.scope);
        if settings != DropIn::plain(&instance.profile) {
            let path = format!("{}/{}.d/{DROP_IN}", places.units, instance.profile.unit());
            tree.insert(path, Entry::text(template.render(&settings)?));
        }
    }
    Ok(tree)
}

/// A drop-in for each unit of somebody else that stays and is made safe.
fn shields(
    env: &Environment,
    places: &Places,
    shields: &[Shield],
) -> Result<Tree, minijinja::Error> {
    let template = env.get_template("50-hermes-install-shield.conf.j2")?;
    let mut tree = Tree::new();
    for shield in shields {
        let settings = context! {
            unit => shield.unit,
            instance => shield.profile.as_str(),
            whose => Value::from_safe_string(format!("--profile {}", shield.profile)),
            keeps_unit => true,
            ..Value::from_serialize(DropIn::of_shield(shield))
        };
        let path = format!("{}/{}", places.units, shield.drop_in());
        tree.insert(path, Entry::text(template.render(&settings)?));
    }
    Ok(tree)
}

/// The drop-ins that wait for units which hermes itself writes.
fn guards(env: &Environment, model: &Model) -> Result<Tree, minijinja::Error> {
    let template = env.get_template("50-hermes-install-guard.conf.j2")?;
    let mut tree = Tree::new();
    for (scope, path) in guard_places(model.layout, model.scope) {
        let whose = match scope {
            Scope::System => "--guarded %n",
            Scope::User => "--guarded %n --user",
        };
        let settings = context! {
            whose => Value::from_safe_string(whose.to_owned()),
            keeps_unit => true,
            guards => true,
        };
        tree.insert(path, Entry::text(template.render(&settings)?));
    }
    Ok(tree)
}

/// The account of a tenant and its directories, where the scope has accounts.
fn tenant(
    env: &Environment,
    places: &Places,
    instance: &Instance,
) -> Result<Tree, minijinja::Error> {
    let profile = &instance.profile;
    let account = instance.account.clone().unwrap_or_default();
    let declared = context! {
        profile => profile.as_str(),
        account => account.user,
        group => account.group,
        tenants => TENANTS,
        home => profile.tenant_home().display().to_string(),
        root => profile.tenant_root().display().to_string(),
    };
    let kinds = [("sysusers", places.sysusers), ("tmpfiles", places.tmpfiles)];
    let mut tree = Tree::new();
    for (kind, shared) in kinds {
        let Some(directory) = shared.and_then(|path| Some(Path::new(path).parent()?.display()))
        else {
            continue;
        };
        // Another account than the tenant's own is there already.
        if kind == "sysusers" && account.user != profile.tenant_account() {
            continue;
        }
        let text = env.get_template(&format!("system/tenant-{kind}.conf.j2"))?;
        tree.insert(
            format!("{directory}/{}", tenant_file(profile)),
            Entry::text(text.render(&declared)?),
        );
    }
    Ok(tree)
}

/// The name of the files of sysusers.d and tmpfiles.d that declare a tenant.
pub(crate) fn tenant_file(profile: &ProfileName) -> String {
    format!("hermes-tenant-{profile}.conf")
}

/// Where the guard's drop-ins are, each with the scope of the units that it waits for.
pub(crate) fn guard_places(layout: Layout, scope: Scope) -> Vec<(Scope, String)> {
    let places = layout.guards(scope).into_iter();
    places
        .flat_map(|(scope, units)| GUARDED.map(|unit| (scope, format!("{units}/{unit}.d/{GUARD}"))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_waits_where_hermes_puts_its_units_and_has_the_whole_contract() {
        let rendered = |guard, systemd| {
            let tree = render(&Model {
                layout: Layout::Host,
                scope: Scope::System,
                systemd,
                prefix: None,
                shared_units: false,
                launcher: None,
                instances: Vec::new(),
                shields: Vec::new(),
                guard,
            });
            tree.expect("renders")
        };
        assert!(rendered(false, 252).is_empty());
        let tree = rendered(true, 257);
        let places = [
            "etc/systemd/system/hermes-gateway-.service.d",
            "etc/systemd/system/hermes-gateway.service.d",
            "etc/systemd/user/hermes-gateway-.service.d",
            "etc/systemd/user/hermes-gateway.service.d",
        ]
        .map(|place| format!("{place}/{GUARD}"));
        assert_eq!(tree.keys().cloned().collect::<Vec<_>>(), places);
        let text = tree[&places[0]].as_text().expect("text");
        let has = |line: &str| text.lines().any(|l| l == line);
        for line in [
            "ExecStart=/usr/local/lib/hermes-install/hermes-install exec --guarded %n",
            "ExecStopPost=/usr/local/lib/hermes-install/hermes-install post-stop --guarded %n",
            "RestartPreventExitStatus=2 69 78 200 203",
            "SyslogIdentifier=%N",
            "RestartSteps=0",
        ] {
            assert!(has(line), "{line}\n{text}");
        }
        // The unit's own stay: what hermes wrote for its drain, and no other mask than it had.
        assert!(
            !text.contains("TimeoutStopSec=") && !text.contains("UMask="),
            "{text}"
        );
        let user = tree[&places[2]].as_text().expect("text");
        assert!(user.contains("exec --guarded %n --user\n"), "{user}");
        let old = rendered(true, 252);
        assert!(
            !old[&places[0]]
                .as_text()
                .expect("text")
                .contains("RestartSteps")
        );
    }

    #[test]
    fn a_shield_empties_every_list_before_it_fills_it_and_leaves_the_type_alone() {
        let tree = render(&Model {
            layout: crate::layout::Layout::Host,
            scope: Scope::System,
            systemd: 252,
            prefix: None,
            shared_units: false,
            launcher: Some("/usr/bin/hermes-install".to_owned()),
            instances: Vec::new(),
            shields: vec![Shield {
                unit: "hermes-gateway-coder.service".to_owned(),
                profile: "coder".parse().expect("a name"),
                root: "/srv/a b".into(),
                hermes: "/opt/h$/bin/hermes".into(),
                gateway_drain: 300,
                hermes_version: Some("0.16.0".to_owned()),
            }],
            guard: false,
        })
        .expect("renders");
        let path =
            "etc/systemd/system/hermes-gateway-coder.service.d/50-hermes-install-shield.conf";
        assert_eq!(tree.keys().collect::<Vec<_>>(), [path]);
        let text = tree[path].as_text().expect("text");
        let lines: Vec<&str> = text.lines().collect();
        let at = |line: &str| lines.iter().position(|l| *l == line);
        for (empty, full) in [
            (
                "ExecStart=",
                "ExecStart=/usr/bin/hermes-install exec --profile coder",
            ),
            (
                "ExecStop=",
                "ExecStop=-/usr/bin/hermes-install planned-stop --profile coder",
            ),
            (
                "RestartPreventExitStatus=",
                "RestartPreventExitStatus=2 69 78 203",
            ),
            ("TimeoutStopSec=210", "TimeoutStopSec=330"),
        ] {
            assert!(
                at(empty).is_some() && at(empty) < at(full),
                "{full}\n{text}"
            );
        }
        for line in [
            r#"Environment="HERMES_HOME=/srv/a b""#,
            r#"Environment="HERMES_INSTALL_HERMES=/opt/h$/bin/hermes""#,
            "ExecStopPost=/usr/bin/hermes-install post-stop --profile coder",
        ] {
            assert!(at(line).is_some(), "{line}\n{text}");
        }
        assert!(!text.contains("Type="), "{text}");
    }
}
