//! `why`: how the gateway of a profile ended last, who asked for it, and what it said. It asks systemctl and journalctl, and
//! prints the calls.

use std::time::Duration;

use anyhow::Result;

use super::target::{Target, live, looked_at};
use crate::cli::WhyArgs;
use crate::commands::json;
use crate::commands::page::{several, width};
use crate::error::Exit;
use crate::gateway::owner::owner;
use crate::host::Host;
use crate::host::journal::{Event, Kind, asked_by, events};
use crate::host::process_text::{ago, name};
use crate::host::service_state::{Exit as Exited, ServiceState, Start};
use crate::output::wrap::{sentence, way_out};
use crate::output::{self, visible};
use crate::units::paused::stopped_by_update;

/// How many events of a unit are looked at.
const EVENTS: usize = 200;
/// How long before a stop or a reload somebody may have asked for it, in seconds.
const BEFORE: u64 = 10;

/// Say why.
pub(crate) fn why(args: &WhyArgs) -> Result<Exit> {
    let host = Host::observer(args.scope.scope(), args.scope.root.as_deref())?;
    let manager = live(&host, "hermes-install why")?.manager();
    let printer = args.output.printer();
    let mut ends = Vec::new();
    for target in looked_at(&host, "hermes-install why", &args.profiles, args.all)? {
        let state = manager.show_one(&target.unit)?;
        printer.command(format!(
            "{} show {}",
            host.manager().command_prefix(),
            target.unit
        ));
        let current = state.main_pid.map(|_| state.invocation.as_str());
        let events = events(&host.manager(), &target.unit, EVENTS);
        let end = story(&events, current);
        let unrecorded = unrecorded(&state, &events, end.as_ref());
        let end = end.filter(|_| unrecorded.is_none());
        let asked = end.as_ref().and_then(|end| {
            let asked = end.asked?;
            asked_by(asked.saturating_sub(BEFORE), asked)
        });
        let most = args.lines as usize;
        let words_of = |start: &Start| {
            let id = &start.invocation;
            printer.command(format!("journalctl _SYSTEMD_INVOCATION_ID={id}"));
            manager.last_words(&target.unit, start, most, Duration::ZERO)
        };
        let said = match (&end, &unrecorded) {
            (Some(end), _) => {
                let start = if state.invocation == end.invocation {
                    state.start()
                } else {
                    Start {
                        invocation: end.invocation.clone(),
                        pid: None,
                    }
                };
                let mut said = words_of(&start);
                said.extend(manager.late_words(&target.unit, &start, end.since, end.until));
                said.split_off(said.len().saturating_sub(most))
            }
            // The words of a start that goes on tell nothing of the end before.
            (None, Some(_)) if current.is_none() => words_of(&state.start()),
            (None, _) => Vec::new(),
        };
        let told = end.map(|end| (Some(end.at), end.why)).or(unrecorded);
        let (at, why) = told.unzip();
        ends.push(json::Why {
            runs: current.is_some(),
            at: at.flatten(),
            why,
            asked_by: asked,
            hint: hint(&host, &state, &target),
            profile: target.profile,
            unit: target.unit,
            said,
        });
    }
    let ends = json::Ends { profiles: ends };
    if args.output.json {
        output::json(&ends);
    } else if !args.output.quiet {
        let width = width();
        let texts = ends.profiles.iter().map(|end| text(end, width));
        output::styled(texts.collect::<String>());
    }
    Ok(Exit::Done)
}

/// What the end of a unit that does not run led to, and what to do next: an update stopped it, or another gateway took the
/// profile, which systemd records as an end without an error.
fn hint(host: &Host, state: &ServiceState, target: &Target) -> Option<String> {
    let paused = stopped_by_update(&host.manager(), state, &target.home);
    paused.map(|paused| paused.what).or_else(|| {
        let other = (state.main_pid.is_none())
            .then(|| owner(&target.home).ok().flatten()?.process)
            .flatten()?;
        let (scope, profile) = (host.scope.flag(), &target.profile);
        Some(format!(
            "{} runs the gateway instead; what to do: `hermes-install status{scope} --profile {profile}`",
            name(&other)
        ))
    })
}

/// The last end, when and how, where systemd knows of a later one than the journal: no journal may be kept
/// (journald.conf(5), `Storage=none`).
fn unrecorded(
    state: &ServiceState,
    events: &[Event],
    end: Option<&End>,
) -> Option<(Option<u64>, String)> {
    let is_last = |invocation: &str| invocation == state.invocation;
    if state.main_pid.is_none() {
        let exit = state.exit.filter(|_| !state.invocation.is_empty())?;
        let is_told = end.is_some_and(|end| is_last(&end.invocation));
        let why = format!("{exit}, as systemd knows; the journal has no entry of it");
        return (!is_told).then_some((state.exit_time, why));
    }
    // A start that is over has an entry, where one is kept.
    let is_up = state.active_state == "active" && state.restarts > 0;
    let is_told = events.iter().any(|event| is_last(&event.invocation));
    let times = several(state.restarts as usize, "time");
    let why = format!(
        "how is not known: systemd has started it again by itself, {times}, and the journal has no entry of that"
    );
    (is_up && !is_told).then_some((None, why))
}

/// The end of one start of a unit.
#[derive(Debug, PartialEq, Eq)]
struct End {
    invocation: String,
    /// Seconds since 1970.
    at: u64,
    why: String,
    /// When systemd began to stop or to reload it, if it did.
    asked: Option<u64>,
    /// The first that is known of this start.
    since: u64,
    /// When the unit was started again.
    until: Option<u64>,
}

/// The newest end among these events, the oldest of which is first; `current` is the start that still runs.
fn story(events: &[Event], current: Option<&str>) -> Option<End> {
    let ends = |event: &&Event| {
        Some(event.invocation.as_str()) != current
            // What is not the one that runs has ended, whatever was written of it.
            && (current.is_some() || !matches!(event.kind, Kind::Started | Kind::Reloading))
    };
    let last = events.iter().rev().find(ends)?;
    let own: Vec<&Event> = events
        .iter()
        .filter(|event| event.invocation == last.invocation)
        .collect();
    let find = |kind: fn(&Kind) -> bool| own.iter().rev().find(|event| kind(&event.kind));
    let stopping = find(|kind| matches!(kind, Kind::Stopping)).map(|event| event.at);
    let reloading = find(|kind| matches!(kind, Kind::Reloading)).map(|event| event.at);
    let exit = find(|kind| matches!(kind, Kind::Exited { .. }));
    let is_oom = find(|kind| matches!(kind, Kind::OomKill)).is_some();
    let mut why = match exit.map(|event| &event.kind) {
        _ if is_oom => "the OOM killer took a process of it".to_owned(),
        Some(Kind::Exited { code, status }) => match status.parse() {
            Ok(number) if code == "exited" => Exited::Status(number).to_string(),
            // Managers record the number of a signal.
            Ok(number) => Exited::Signal(number).to_string(),
            Err(_) => format!("signal {status}"),
        },
        // Without a process: a file of variables or the program itself is missing, or a limit was reached.
        _ if find(|kind| matches!(kind, Kind::Failed)).is_some() => {
            "systemd could not run it".to_owned()
        }
        _ => "without an error".to_owned(),
    };
    if stopping.is_some() {
        why += ", after systemd was asked to stop it";
    } else if reloading.is_some() {
        why += ", after systemd was asked to reload it, which is a planned restart";
    }
    let until = (events.iter().rev())
        .take_while(|event| event.invocation != last.invocation)
        .last()
        .map(|event| event.at);
    let is_of_end = !matches!(last.kind, Kind::Started | Kind::Reloading);
    Some(End {
        invocation: last.invocation.clone(),
        at: until.filter(|_| !is_of_end).unwrap_or(last.at),
        why,
        asked: stopping.or(reloading),
        since: own.first().map_or(last.at, |event| event.at),
        until,
    })
}

fn text(end: &json::Why, width: usize) -> String {
    let now = if end.runs {
        "runs now; before that "
    } else {
        ""
    };
    let ago = end.at.and_then(ago).unwrap_or_default();
    let what = match &end.why {
        Some(why) => format!("{now}ended{ago}: {why}"),
        None if end.runs => "runs now, and the journal shows no end before".to_owned(),
        None => "the journal shows no start of it".to_owned(),
    };
    let name = format!("{}: ", end.profile);
    let mut out = sentence("", &(name + &what), 2, width);
    if let Some(line) = &end.asked_by {
        out += &format!("  asked by  {line}\n");
    }
    if let Some(hint) = &end.hint {
        out += &way_out("hint    ", hint, 2, width);
    }
    for line in &end.said {
        out += &format!("  | {}\n", visible(&line.replace('\t', "    ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(invocation: &str, at: u64, kind: Kind) -> Event {
        Event {
            invocation: invocation.to_owned(),
            at,
            kind,
        }
    }

    fn exited(code: &str, status: &str) -> Kind {
        Kind::Exited {
            code: code.to_owned(),
            status: status.to_owned(),
        }
    }

    #[test]
    fn the_newest_end_counts_and_what_runs_has_none() {
        let events = [
            event("a", 1, Kind::Started),
            event("a", 5, exited("killed", "9")),
            event("a", 6, Kind::Failed),
            event("b", 7, Kind::Started),
        ];
        let end = story(&events, Some("b")).expect("an end");
        assert_eq!((end.at, end.why.as_str(), end.asked), (6, "SIGKILL", None));
        assert_eq!((end.since, end.until), (1, Some(7)));
        assert_eq!(story(&events[..3], None).and_then(|end| end.until), None);
        assert_eq!(story(&events[3..], Some("b")), None);
        assert_eq!(story(&[], None), None);
    }

    #[test]
    fn an_end_that_systemd_knows_and_the_journal_does_not_is_no_older_one() {
        let events = [
            event("a", 1, Kind::Started),
            event("a", 3, Kind::Stopping),
            event("a", 4, Kind::Succeeded),
        ];
        let told = |text: &str| {
            let state = &ServiceState::parse_all(text)[0];
            let current = state.main_pid.map(|_| &*state.invocation);
            unrecorded(state, &events, story(&events, current).as_ref())
        };
        let killed =
            "ActiveState=failed\nExecMainCode=2\nExecMainStatus=9\nExecMainExitTimestamp=@9\n";
        let lost = "SIGKILL, as systemd knows; the journal has no entry of it".to_owned();
        assert_eq!(
            told(&format!("{killed}InvocationID=b")),
            Some((Some(9), lost))
        );
        assert_eq!(told(&format!("{killed}InvocationID=a")), None);
        assert_eq!(told("ActiveState=inactive\nInvocationID="), None);
        let up = "ActiveState=active\nMainPID=7\nInvocationID=c\n";
        let (at, why) = told(&format!("{up}NRestarts=2")).expect("an end");
        assert_eq!(at, None);
        assert!(why.contains("started it again by itself, 2 times, and the journal has no"));
        assert_eq!(told(&format!("{up}NRestarts=0")), None, "somebody did");
    }

    #[test]
    fn an_end_fits_the_terminal_and_what_it_said_is_whole() {
        let line = "a line of its journal that is longer than the terminal, \u{1b}[2J";
        let end = json::Why {
            profile: "coder".parse().expect("a name"),
            unit: "hermes-gateway.service".to_owned(),
            runs: false,
            at: None,
            why: Some("without an error, after systemd was asked to stop it".to_owned()),
            asked_by: None,
            hint: Some("to start it: `systemctl --user start hermes-gateway.service`".to_owned()),
            said: vec![line.to_owned()],
        };
        assert_eq!(
            anstream::adapter::strip_str(&text(&end, 40)).to_string(),
            "coder: ended: without an error, after\n  systemd was asked to stop it\n  hint      to start it:\n              \
             systemctl --user start hermes-gateway.service\n  | a line of its journal that is longer than the terminal, \\x1b[2J\n"
        );
    }

    #[test]
    fn a_stop_that_was_asked_for_and_the_oom_killer_are_told() {
        let stopped = [
            event("a", 1, Kind::Started),
            event("a", 3, Kind::Stopping),
            event("a", 4, Kind::Succeeded),
        ];
        let end = story(&stopped, None).expect("an end");
        assert_eq!(end.asked, Some(3));
        assert_eq!(
            end.why,
            "without an error, after systemd was asked to stop it"
        );
        let reloaded = [
            event("a", 1, Kind::Started),
            event("a", 3, Kind::Reloading),
            event("a", 4, Kind::Succeeded),
            event("b", 5, Kind::Started),
            event("b", 6, Kind::Reloading),
        ];
        let end = story(&reloaded, Some("b")).expect("an end");
        assert_eq!((end.at, end.asked), (4, Some(3)));
        let planned =
            "without an error, after systemd was asked to reload it, which is a planned restart";
        assert_eq!(end.why, planned);
        // A user's manager does not say that it ended well.
        let [start, reload, _, next, _] = reloaded;
        let of_a_user = [start, reload, event("a", 4, Kind::Ended), next];
        assert_eq!(story(&of_a_user, Some("b")), Some(end));
        // One that has used little, of systemd 257: nothing is written of its end.
        let of_little = [
            event("a", 1, Kind::Started),
            event("a", 3, Kind::Reloading),
            event("b", 5, Kind::Started),
        ];
        let end = story(&of_little, Some("b")).expect("an end");
        assert_eq!((end.at, end.asked, &*end.why), (5, Some(3), planned));
        let replaced = [event("a", 1, Kind::Started), event("a", 3, Kind::Ended)];
        let why = story(&replaced, None).expect("an end").why;
        assert_eq!(why, "without an error");
        let unready = [event("a", 2, Kind::Failed)];
        let why = story(&unready, None).expect("an end").why;
        assert_eq!(why, "systemd could not run it");
        let killed = [
            event("a", 2, Kind::OomKill),
            event("a", 2, exited("killed", "KILL")),
        ];
        let why = story(&killed, None).expect("an end").why;
        assert!(why.contains("OOM"), "{why}");
    }
}
