//! The templates, and how their values are printed: undefined values are errors, and a value that a template prints
//! without naming a grammar is escaped as [`escape::word`].

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};

use crate::render::escape;

/// The templates, by the names they include each other with.
const TEMPLATES: [(&str, &str); 14] = [
    ("_contract.j2", include_str!("../../templates/_contract.j2")),
    ("_settings.j2", include_str!("../../templates/_settings.j2")),
    (
        "_start-limit.j2",
        include_str!("../../templates/_start-limit.j2"),
    ),
    (
        "_system-calls.j2",
        include_str!("../../templates/_system-calls.j2"),
    ),
    (
        "system/hermes-gateway@.service.j2",
        include_str!("../../templates/system/hermes-gateway@.service.j2"),
    ),
    (
        "user/hermes-gateway@.service.j2",
        include_str!("../../templates/user/hermes-gateway@.service.j2"),
    ),
    (
        "hermes-gateway.target.j2",
        include_str!("../../templates/hermes-gateway.target.j2"),
    ),
    (
        "50-hermes-install.conf.j2",
        include_str!("../../templates/50-hermes-install.conf.j2"),
    ),
    (
        "50-hermes-install-shield.conf.j2",
        include_str!("../../templates/50-hermes-install-shield.conf.j2"),
    ),
    (
        "50-hermes-install-guard.conf.j2",
        include_str!("../../templates/50-hermes-install-guard.conf.j2"),
    ),
    (
        "system/sysusers.conf.j2",
        include_str!("../../templates/system/sysusers.conf.j2"),
    ),
    (
        "system/tmpfiles.conf.j2",
        include_str!("../../templates/system/tmpfiles.conf.j2"),
    ),
    (
        "system/tenant-sysusers.conf.j2",
        include_str!("../../templates/system/tenant-sysusers.conf.j2"),
    ),
    (
        "system/tenant-tmpfiles.conf.j2",
        include_str!("../../templates/system/tenant-tmpfiles.conf.j2"),
    ),
];

/// All templates, ready to be rendered.
pub(super) fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_keep_trailing_newline(true);
    env.set_auto_escape_callback(|_| AutoEscape::Custom("systemd"));
    env.set_formatter(|out, state, value| {
        if value.is_undefined() {
            return Err(ErrorKind::UndefinedError.into());
        }
        if value.is_safe() || value.is_number() {
            write!(out, "{value}")?;
        } else if let (AutoEscape::Custom(_), Some(text)) = (state.auto_escape(), value.as_str()) {
            out.write_str(&escape::word(text))?;
        } else {
            return Err(minijinja::Error::new(
                ErrorKind::BadEscape,
                format!("a template prints {value:?}, which is neither text nor number"),
            ));
        }
        Ok(())
    });
    for (name, filter) in [
        ("line", escape::line as fn(&str) -> String),
        ("word", escape::word),
        ("exec", escape::exec),
        ("path", escape::path),
        ("glob", escape::glob),
        // For what is in a unit's own words already.
        ("verbatim", str::to_owned),
    ] {
        env.add_filter(name, move |value: &str| {
            Value::from_safe_string(filter(value))
        });
    }
    for (name, source) in TEMPLATES {
        env.add_template(name, source)?;
    }
    Ok(env)
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    fn print(template: &str, value: Value) -> Result<String, minijinja::Error> {
        environment()
            .expect("the built-in templates parse")
            .render_str(template, context! { value })
    }

    #[test]
    fn a_value_is_escaped_when_the_template_says_nothing() {
        let out = print("X={{ value }}", Value::from("a %n \"b\"")).expect("renders");
        assert_eq!(out, "X=\"a %%n \\\"b\\\"\"");
    }

    #[test]
    fn an_undefined_value_is_an_error() {
        assert!(print("X={{ nothing }}", Value::from("")).is_err());
        assert!(print("X={{ value.nothing }}", Value::from("")).is_err());
        assert!(print("X={{ value }}", Value::from(())).is_err());
    }
}
