//! `--prometheus`: what `status` sees as metrics, in the text format that node_exporter's textfile collector reads.
//!
//! Names of platforms and versions are a gateway's own words. One of them must not spoil the file, as the collector drops
//! a file with a wrong line or with two equal series whole: it would be blind for every other gateway.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::commands::json::{Profile, State, Status};
use crate::output::is_hidden;

/// Most platforms of one profile. hermes knows fewer; a record can name any number.
const PLATFORMS: usize = 50;

/// One metric: its name without the prefix, its type, its meaning, and its series of one profile.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    series: fn(&Seen<'_>) -> Vec<Series>,
}

/// A profile, and whether `status` finds nothing wrong with it.
struct Seen<'a> {
    profile: &'a Profile,
    is_healthy: bool,
}

/// Labels beside profile and scope, and a value.
type Series = (Vec<(&'static str, String)>, u64);

const METRICS: [Metric; 12] = [
    Metric {
        name: "info",
        kind: "gauge",
        help: "Unit, account and version of hermes of a profile; always 1.",
        series: info,
    },
    Metric {
        name: "installed",
        kind: "gauge",
        help: "Whether hermes-install has installed the profile in this scope.",
        series: |seen| plain(seen.profile.installed.into()),
    },
    Metric {
        name: "enabled",
        kind: "gauge",
        help: "Whether the unit of the profile starts at boot.",
        series: |seen| plain(seen.profile.enabled.into()),
    },
    Metric {
        name: "up",
        kind: "gauge",
        help: "Whether the profile's unit, or the gateway that serves it, is up.",
        series: |seen| plain(is_up(seen.profile.state).into()),
    },
    Metric {
        name: "healthy",
        kind: "gauge",
        help: "Whether hermes-install status finds nothing wrong with the profile; 1 also when somebody stopped it.",
        series: |seen| plain(seen.is_healthy.into()),
    },
    Metric {
        name: "state",
        kind: "gauge",
        help: "State of the profile: 1 for the one that it is in, 0 for the others.",
        series: states,
    },
    Metric {
        name: "restarts_total",
        kind: "counter",
        help: "How often systemd restarted the unit by itself since somebody started it.",
        series: |seen| if_installed(seen, seen.profile.restarts.into()),
    },
    Metric {
        name: "restart_needed",
        kind: "gauge",
        help: "Whether the files of hermes are newer than the gateway that runs.",
        series: |seen| {
            let hermes = seen.profile.hermes.as_ref();
            hermes.map_or_else(Vec::new, |h| plain(h.needs_restart.into()))
        },
    },
    Metric {
        name: "differences",
        kind: "gauge",
        help: "How many things differ from what was installed.",
        series: |seen| if_installed(seen, seen.profile.drift.len() as u64),
    },
    Metric {
        name: "other_owners",
        kind: "gauge",
        help: "How many other units run the profile, or would.",
        series: |seen| plain(seen.profile.other_owners.len() as u64),
    },
    Metric {
        name: "last_end_timestamp_seconds",
        kind: "gauge",
        help: "When the unit's main process ended last, where it does not run.",
        series: |seen| {
            let ended = seen.profile.last_end.as_ref().and_then(|end| end.at);
            ended.map_or_else(Vec::new, plain)
        },
    },
    Metric {
        name: "platform_connected",
        kind: "gauge",
        help: "Whether a messaging platform of the gateway is connected, as it says itself.",
        series: platforms,
    },
];

/// The metrics of a host.
pub(super) fn text(status: &Status, is_healthy: impl Fn(&Profile) -> bool) -> String {
    let seen = |profile| Seen {
        profile,
        is_healthy: is_healthy(profile),
    };
    let profiles: Vec<Seen<'_>> = status.profiles.iter().map(seen).collect();
    let mut out = String::new();
    for metric in &METRICS {
        let mut family = BTreeMap::new();
        for seen in &profiles {
            for (more, value) in (metric.series)(seen) {
                family.entry(labels(seen.profile, &more)).or_insert(value);
            }
        }
        write_family(&mut out, metric, &family);
    }
    out
}

fn write_family(out: &mut String, metric: &Metric, family: &BTreeMap<String, u64>) {
    if family.is_empty() {
        return;
    }
    let Metric {
        name, kind, help, ..
    } = metric;
    let _ = writeln!(out, "# HELP hermes_gateway_{name} {help}");
    let _ = writeln!(out, "# TYPE hermes_gateway_{name} {kind}");
    for (labels, value) in family {
        let _ = writeln!(out, "hermes_gateway_{name}{{{labels}}} {value}");
    }
}

/// `profile="coder",scope="system"`, and more of them.
fn labels(profile: &Profile, more: &[(&str, String)]) -> String {
    let mut out = format!(
        "profile=\"{}\",scope=\"{}\"",
        escaped(profile.profile.as_str()),
        profile.scope.name()
    );
    for (name, value) in more {
        let _ = write!(out, ",{name}=\"{}\"", escaped(value));
    }
    out
}

/// The value of a label: quotes and backslashes are escaped, and there is nothing in it that a terminal would obey.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' | '"' => out.extend(['\\', c]),
            c if is_hidden(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn plain(value: u64) -> Vec<Series> {
    vec![(Vec::new(), value)]
}

fn if_installed(seen: &Seen<'_>, value: u64) -> Vec<Series> {
    if seen.profile.installed {
        plain(value)
    } else {
        Vec::new()
    }
}

/// Whether a gateway is there for the profile, be it with a platform that does not work.
fn is_up(state: State) -> bool {
    use State::{Degraded, Draining, Running, Served};
    matches!(state, Running | Degraded | Draining | Served)
}

fn info(seen: &Seen<'_>) -> Vec<Series> {
    let profile = seen.profile;
    let version = profile.hermes.as_ref().map(|h| h.version.clone());
    let labels = vec![
        ("unit", profile.unit.clone()),
        ("account", profile.account.clone()),
        ("version", version.unwrap_or_default()),
    ];
    vec![(labels, 1)]
}

fn states(seen: &Seen<'_>) -> Vec<Series> {
    let series = |state: State| {
        let is_so = seen.profile.state == state;
        (vec![("state", state.name().to_owned())], is_so.into())
    };
    State::ALL.into_iter().map(series).collect()
}

fn platforms(seen: &Seen<'_>) -> Vec<Series> {
    let platforms = seen.profile.platforms.iter().take(PLATFORMS);
    let series = platforms.map(|platform| {
        let is_connected = platform.state == super::table::CONNECTED;
        (
            vec![("platform", platform.name.clone())],
            is_connected.into(),
        )
    });
    series.collect()
}

/// A profile for tests.
#[cfg(test)]
pub(super) fn sample(name: &str, state: State) -> Profile {
    Profile {
        profile: name.parse().expect("a name"),
        served_by: None,
        scope: crate::layout::Scope::System,
        unit: format!("hermes-gateway@{name}.service"),
        home: "/var/lib/hermes".into(),
        account: "hermes".into(),
        installed: true,
        enabled: true,
        state,
        active_state: "active".into(),
        sub_state: "running".into(),
        result: "success".into(),
        main_pid: 7,
        restarts: 3,
        hermes: None,
        platforms: Vec::new(),
        last_end: None,
        owner: None,
        unknown: None,
        hint: None,
        other_owners: Vec::new(),
        shield: None,
        next_start: None,
        guarded: None,
        left_stopped: false,
        never_started: false,
        drift: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::commands::json::{Hermes, LastEnd, Platform};

    fn platform(name: &str, state: &str) -> Platform {
        Platform {
            name: name.into(),
            state: state.into(),
            error: None,
            since: None,
        }
    }

    /// What no gateway of hermes writes, and the owner of one can.
    const HOSTILE: &str = "a\\b\"} 1\nhermes_gateway_up{c=\u{1b}[2J\u{202e}ü";

    fn hostile() -> String {
        let mut degraded = sample("coder", State::Degraded);
        degraded.hermes = Some(Hermes {
            version: HOSTILE.into(),
            on_disk: None,
            needs_restart: true,
        });
        degraded.platforms = vec![
            platform("slack", "connected"),
            platform(HOSTILE, "retrying"),
            // The same name, once it is written.
            platform(&HOSTILE.replace('\n', "\r"), "connected"),
        ];
        let many = (0..1000).map(|n| platform(&n.to_string(), "connected"));
        degraded.platforms.extend(many);
        let mut failed = sample("default", State::Failed);
        failed.last_end = Some(LastEnd {
            at: Some(1_795_653_000),
            why: "exit status 78".into(),
            exit_status: Some(78),
        });
        failed.drift = vec!["a".into(), "b".into()];
        let status = Status {
            unfinished: None,
            profiles: vec![degraded, failed],
            elsewhere: Vec::new(),
        };
        text(&status, |p| p.state == State::Degraded)
    }

    #[test]
    fn a_gateway_s_words_make_no_line_and_no_equal_series() {
        let text = hostile();
        let of_coder =
            "hermes_gateway_platform_connected{profile=\"coder\",scope=\"system\",platform=";
        let lines: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix(of_coder))
            .collect();
        let written = r#""a\\b\"} 1�hermes_gateway_up{c=�[2J�ü"} 0"#;
        assert!(
            lines.contains(&"\"slack\"} 1") && lines.contains(&written),
            "{lines:#?}"
        );
        assert_eq!(lines.len(), PLATFORMS - 1);
        for line in [
            "hermes_gateway_up{profile=\"coder\",scope=\"system\"} 1",
            "hermes_gateway_up{profile=\"default\",scope=\"system\"} 0",
            "hermes_gateway_healthy{profile=\"default\",scope=\"system\"} 0",
            "hermes_gateway_state{profile=\"default\",scope=\"system\",state=\"failed\"} 1",
            "hermes_gateway_restarts_total{profile=\"coder\",scope=\"system\"} 3",
            "hermes_gateway_differences{profile=\"default\",scope=\"system\"} 2",
            "hermes_gateway_last_end_timestamp_seconds{profile=\"default\",scope=\"system\"} 1795653000",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        let heads = text.lines().filter(|line| line.starts_with('#')).count();
        assert_eq!(heads, 2 * METRICS.len());
    }

    #[test]
    fn no_profile_makes_no_metric_and_an_unknown_value_no_series() {
        let none = Status {
            unfinished: None,
            profiles: Vec::new(),
            elsewhere: Vec::new(),
        };
        assert_eq!(text(&none, |_| true), "");
        let mut other = sample("coder", State::Unknown);
        other.installed = false;
        let one = Status {
            unfinished: None,
            profiles: vec![other],
            elsewhere: Vec::new(),
        };
        let text = text(&one, |_| true);
        for name in ["restarts_total", "restart_needed", "last_end"] {
            assert!(!text.contains(name), "{text}");
        }
    }

    /// Prometheus' own reader of the format, for Python.
    const READER: &str = "
import sys
from prometheus_client.parser import text_fd_to_metric_families
families = {family.name: family for family in text_fd_to_metric_families(sys.stdin)}
for family in families.values():
    assert family.documentation and family.type in ('gauge', 'counter'), family
    series = [tuple(sorted(s.labels.items())) for s in family.samples]
    assert len(series) == len(set(series)), family
for sample in families['hermes_gateway_info'].samples:
    print(sample.labels['profile'], sample.labels['version'])
print(len(families), families['hermes_gateway_restarts'].type)
";

    #[test]
    #[ignore = "needs python3-prometheus-client, which .ci/packages installs; .ci/run calls it"]
    fn the_reader_of_prometheus_reads_the_metrics() {
        let mut reader = Command::new("/usr/bin/python3")
            .args(["-c", READER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut to = reader.stdin.take().expect("a pipe");
        to.write_all(hostile().as_bytes()).expect("it reads");
        drop(to);
        let done = reader.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{said}");
        let back = HOSTILE.replace(['\n', '\u{1b}', '\u{202e}'], "\u{fffd}");
        let families = METRICS.len();
        assert_eq!(
            said,
            format!("coder {back}\ndefault \n{families} counter\n")
        );
    }
}
