"""A day in a user's own manager, with the hermes of its own installer: a second bot that the first one's gateway serves, and is then
parked, a planned restart, a takeover and the way back, each with what `why` says of it, and the first half of a move."""

import pwd
import re
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import Profile
from installer import Run, hermes_install
from store import Store
from systemd import Unit, as_user

HERMES = ["0.22.2-store"]
SECONDS = 130


def run() -> None:
    store = Store("alice").place()
    default = Profile("default", "alice", str(store.root)).make()
    unit = Unit(default.unit, user="alice")
    first = typed("--profile", "default")
    equal("install ends with", first.code, 0)
    contains("where its shell does not look yet", first.out, "\n    PATH=~/.local/bin:$PATH\n")
    contains("why, before any end", told("why"), "runs now, and the journal shows no end before")
    second_bot(default, unit)
    taken_over(default, unit, str(store.hermes))
    gone(default)


def typed(*words: str) -> Run:
    return hermes_install(*words, user="alice")


def told(*words: str) -> str:
    """What a command prints that ends well."""
    done = typed(*words)
    equal(f"{' '.join(words)} ends with", done.code, 0)
    return done.out


def second_bot(default: Profile, unit: Unit) -> None:
    """It has no unit: every command that is about one says whose gateway it is, and that is what to type."""
    first = unit.pid
    made = typed("--profile", "coder", "--create")
    equal("install of a second bot ends with", made.code, 0)
    contains("its setup", made.out, "hermes-install run --user coder -- gateway setup")
    check("the gateway is another one, and counts as never restarted by itself", (unit.pid != first, unit.restarts) == (True, 0))
    contains("why of a planned restart", told("why"), "default: runs now; before that ended", "a planned restart")
    for verb in ("restart", "stop", "start", "logs", "why"):
        refused = typed(verb, "coder")
        equal(f"{verb} of it ends with", refused.code, 3)
        contains(f"what {verb} says", refused.err, "the gateway of `default` serves it", f"`hermes-install {verb} --user default`")
    contains("what show says", typed("show", "--profile", "coder").err, "`hermes-install show --user --profile default`")
    # It ends at once, without a terminal.
    setup = typed("run", "coder", "--", "gateway", "setup")
    contains("what setup of it ends with", setup.err, "`hermes-install restart --user default`")

    equal("its own stop ends with", typed("run", "coder", "gateway", "stop").code, 0)
    refused = typed("start", "coder")
    equal("start of a parked one ends with", refused.code, 3)
    way = re.findall("`hermes-install (run --user coder gateway start)`", refused.err)
    equal("what it names", len(way), 1)
    equal("that ends with", typed(*way[0].split()).code, 0)
    wait.until("it to be served again", lambda: "coder" in (default.state().get("served_profiles") or []), 60)


def taken_over(default: Profile, unit: Unit, hermes: str) -> None:
    """By hand, as the account itself; then the unit has it back."""
    hand = default.by_hand("gateway", "run", "--replace", hermes=hermes)
    check("the one by hand runs", hand.until_up(), hand.said())
    wait.until("the unit to be at rest", lambda: unit.states[0] in ("inactive", "failed"), 120)
    contains("why it is down", told("why", "default"), "default: ended", f"pid {hand.pid} of `alice`", "runs the gateway instead")
    equal("adopt ends with", typed("adopt", "--profile", "default", "--yes").code, 0)
    equal("gateways", default.gateways(), [unit.pid])
    told("doctor")


def gone(default: Profile) -> None:
    """What docs/moving.md has for the old host, as it is typed there."""
    home = Path(pwd.getpwnam("alice").pw_dir)
    stopped = typed("stop", "--all")
    equal("stop ends with", stopped.code, 0)
    contains("who else is down", stopped.err, "nobody serves `coder` any more")
    equal("uninstall ends with", typed("uninstall", "--yes").code, 0)
    equal("gateways at last", default.gateways(), [])
    equal("what is left in her manager", [str(path) for path in (home / ".config").rglob("*hermes*")], [])
    check("lingering is off again", not Path("/var/lib/systemd/linger/alice").exists())
    (pack,) = re.findall(r"`(tar -C ~ .* -czf .*)`", Path("/vmcheck/pages/docs/moving.md").read_text())
    packed = as_user("alice", "bash", "-c", f"{pack} && tar -tzf bots.tar.gz").stdout.split()
    wanted = {".hermes/config.yaml", ".hermes/.env", ".hermes/profiles/coder/.env"}
    equal("what is missing of what is packed", sorted(wanted - set(packed)), [])
    equal("of the installation", [path for path in packed if path.startswith((".hermes/hermes-agent", ".hermes/tools"))], [])
