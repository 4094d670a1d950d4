//! What of an old unit the shipped one replaces, so that nobody misses it. Pure.

use crate::gateway::command_line::{SUPERVISED_VARIABLES, is_hermes_line};
use crate::gateway::entry::module;
use crate::launcher::exec::HERMES_VARIABLE;
use crate::units::unit_file::{Directive, command, words};

/// Of hermes' variables those that a unit of this project, or the launcher, sets.
pub(super) const OWN: [&str; 5] = [
    "HERMES_HOME",
    "HERMES_GATEWAY_MAX_STARTS",
    SUPERVISED_VARIABLES[0],
    SUPERVISED_VARIABLES[1],
    HERMES_VARIABLE,
];

/// Variables that the new unit, its launcher or systemd itself sets.
pub(super) fn is_own_variable(name: &str) -> bool {
    let systemd = ["HOME", "USER", "LOGNAME", "SHELL", "VIRTUAL_ENV"];
    OWN.contains(&name) || systemd.contains(&name)
}

/// Of `[Unit]` and `[Service]`: what the shipped unit decides by itself, better or alike, whatever the value was.
const REPLACED: [&str; 46] = [
    "Description",
    "Documentation",
    "SourcePath",
    "StartLimitAction",
    "StartLimitBurst",
    "StartLimitInterval",
    "StartLimitIntervalSec",
    "Type",
    "User",
    "ExecStart",
    "Restart",
    "RestartForceExitStatus",
    "RestartMaxDelaySec",
    "RestartMode",
    "RestartPreventExitStatus",
    "RestartSec",
    "RestartSteps",
    "SuccessExitStatus",
    "RemainAfterExit",
    "GuessMainPID",
    "PIDFile",
    "NotifyAccess",
    "WatchdogSec",
    "WatchdogSignal",
    "RuntimeMaxSec",
    "TimeoutSec",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "TimeoutAbortSec",
    "KillMode",
    "KillSignal",
    "RestartKillSignal",
    "FinalKillSignal",
    "SendSIGHUP",
    "SendSIGKILL",
    "OOMPolicy",
    "UMask",
    "SyslogIdentifier",
    "SyslogLevel",
    "SyslogFacility",
    "CPUAccounting",
    "MemoryAccounting",
    "TasksAccounting",
    "IOAccounting",
    "CapabilityBoundingSet",
    "SystemCallFilter",
];

/// Protections that the system's unit has itself; one that the old unit switched off is a loss.
const PROTECTIONS: [&str; 19] = [
    "LockPersonality",
    "NoNewPrivileges",
    "PrivateDevices",
    "PrivateMounts",
    "PrivateTmp",
    "ProtectClock",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "ProtectSystem",
    "RemoveIPC",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "SystemCallArchitectures",
    "SystemCallErrorNumber",
];

/// Address families that the shipped unit leaves.
const FAMILIES: [&str; 4] = ["AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"];

/// Targets that the shipped unit is after, and those that every service is.
const TARGETS: [&str; 9] = [
    "network.target",
    "network-online.target",
    "nss-lookup.target",
    "nss-user-lookup.target",
    "sysinit.target",
    "basic.target",
    "local-fs.target",
    "syslog.target",
    "default.target",
];

/// Whether the shipped unit replaces a directive.
pub(super) fn is_replaced(is_system: bool, line: &Directive) -> bool {
    let value = line.value.as_str();
    let all = |known: &[&str]| {
        words(value)
            .iter()
            .all(|word| known.contains(&word.as_str()))
    };
    match (line.section.as_str(), line.key.as_str()) {
        ("Unit", "After" | "Wants" | "Requires") => all(&TARGETS),
        ("Install", "WantedBy" | "RequiredBy") => {
            all(&["multi-user.target", "default.target", "graphical.target"])
        }
        ("Install", _) => false,
        ("Service", "StandardInput") => value == "null",
        ("Service", "StandardOutput" | "StandardError") => {
            ["journal", "syslog", "inherit", "journal+console"].contains(&value)
        }
        ("Service", "ExecReload" | "ExecStop") => is_stop(value),
        ("Service", "ExecStopPost") => runs_module(&command(value), "gateway.cgroup_cleanup"),
        ("Service", "RestrictAddressFamilies") => all(&FAMILIES),
        ("Service", key) if PROTECTIONS.contains(&key) => {
            !is_system || !["no", "false", "off", "0"].contains(&value)
        }
        (_, key) => REPLACED.contains(&key),
    }
}

/// Whether a command only signals the gateway, asks hermes to, or marks a stop as planned, as units of hermes 0.21.5 and
/// later do: the shipped unit has its own.
fn is_stop(line: &str) -> bool {
    let argv = command(line);
    let program = argv.first().and_then(|word| word.rsplit('/').next());
    program == Some("kill")
        || is_hermes_line(&argv)
        || runs_module(&argv, "gateway.systemd_stop_mark")
}

fn runs_module(argv: &[String], name: &str) -> bool {
    module(argv).is_some_and(|module| module == name)
}
