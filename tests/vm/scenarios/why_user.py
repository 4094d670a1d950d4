"""A user's gateway: `why` says how it ended, and each refusal of its launcher is in its journal, in `logs` and in `why`, once."""

import os
import pwd
import signal
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import HERMES as PROGRAM
from gateway import Profile
from installer import hermes_install, install, program
from systemd import Unit, as_user
from watch import until_settled

HERMES = ["0.22.2"]
SECONDS = 140

# journald looks at /proc for the unit of a line; a launcher that has ended has none there, most of the time.
TIMES = 20
SENTENCE = "profile `coder` does not exist: there is no "


def run() -> None:
    coder = Profile("coder", "alice", f"{pwd.getpwnam('alice').pw_dir}/.hermes").make()
    unit = Unit(coder.unit, user="alice")
    equal("install ends with", install(coder, "--user", user="alice").code, 0)
    beside_a_file_of_hermes(coder, unit)
    ends(coder, unit)
    taken_over(coder, unit)
    refusals(coder, unit)


def beside_a_file_of_hermes(coder: Profile, unit: Unit) -> None:
    """hermes' own unit file of the same profile, under the guard, which nothing starts: there is one bot all the same."""
    directory = Path(pwd.getpwnam("alice").pw_dir) / ".config/systemd/user"
    file = directory / "hermes-gateway-coder.service"
    text = f"[Service]\nEnvironment=HERMES_HOME={coder.home}\nExecStart={PROGRAM} gateway run --replace\n"
    file.write_text(f"{text}[Install]\nWantedBy=default.target\n")
    as_user("alice", "systemctl", "--user", "daemon-reload")
    for command in ("why", "logs"):
        shown = hermes_install(command, "--user", user="alice")
        check(f"{command} without a name", shown.code == 0 and "which profile" not in shown.text, shown.text)
    other = Unit(file.name, user="alice")
    other.systemctl("enable")
    contains("once it is enabled, says status", hermes_install("status", user="alice").out, "(enabled, stopped) would run the gateway")
    unit.systemctl("stop")
    other.systemctl("start")
    coder.until_up()
    told = hermes_install("status", user="alice").out
    contains("once it runs, says status", told, f"running under {file.name}", "hermes-install --user --profile coder --migrate\n")
    other.systemctl("stop")
    other.systemctl("disable")
    unit.systemctl("start")
    coder.until_up()
    file.unlink()
    as_user("alice", "systemctl", "--user", "daemon-reload")


def ends(coder: Profile, unit: Unit) -> None:
    """Killed, and stopped."""
    contains("why, before it is killed", why(), "coder: runs now")
    pid = unit.pid
    os.kill(pid, signal.SIGKILL)
    coder.until_up(after=pid)
    contains("why it was killed", why(), "coder: runs now; before that ended", "SIGKILL", f"{coder.unit}: Main process exited")
    unit.systemctl("stop")
    contains("why it is down", why(), "coder: ended", "after systemd was asked to stop it")


def taken_over(coder: Profile, unit: Unit) -> None:
    """By somebody at a shell. hermes 0.22 kills a gateway that takes its time; its unit then starts one, which declines."""
    unit.systemctl("start")
    coder.until_up()
    until_settled(unit.pid)
    hand = coder.by_hand("--profile", "coder", "gateway", "run", "--replace")
    equal("it runs", hand.until_up(), True)
    wait.until("the unit to be at rest", lambda: unit.states[0] in ("inactive", "failed"), 180)
    told = " ".join(why().split())
    instead = f"pid {hand.pid} of `alice`", "runs the gateway instead", "hermes-install status --user --profile coder"
    contains("why it is down", told, "coder: ended", *instead)
    hand.end()


def refusals(coder: Profile, unit: Unit) -> None:
    """Its home is gone, and so is each launcher before anybody asks who it was."""
    coder.home.rename(f"{coder.home}.away")
    heard = []
    for _ in range(TIMES):
        unit.systemctl("start", check=False)
        unit.until_active_state("failed")
        said = as_user("alice", program(), "why", "coder")
        heard.append(said.stdout.count(SENTENCE))
    print(said.stdout)
    equal("how often `why` shows each refusal", heard, [1] * TIMES)
    contains("how it ended", said.stdout, "exit status 78")
    journal = as_user("alice", "journalctl", "--user", "-q", "--no-pager", "-u", coder.unit).stdout
    equal("refusals in its journal", journal.count(SENTENCE), TIMES)
    logs = hermes_install("logs", "coder", user="alice").out
    equal("refusals in logs", logs.count(SENTENCE), TIMES)
    lines = [line for line in logs.splitlines() if SENTENCE in line]
    check("they have the name of the unit", all(" hermes-gateway@coder[" in line for line in lines), lines)


def why() -> str:
    done = hermes_install("why", "coder", user="alice")
    equal("why ends with", done.code, 0)
    return done.out
