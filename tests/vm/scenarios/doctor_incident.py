"""Upstream's system and user units fight for a profile; `doctor --fix` leaves one owner, and nothing is lost."""

import json
import subprocess
import time
from pathlib import Path

import gateway
import wait
from check import check, contains, equal, measured
from gateway import Profile
from installer import difference, hermes_install, snapshot
from systemd import Unit, as_user, systemctl
from watch import Watch

HERMES = ["0.15.2"]
SECONDS = 190

USER = "alice"
# Longer than every restart delay of the units.
OBSERVED = 90


def upstream_units() -> tuple[Unit, Unit]:
    """Both of upstream's units for alice's default profile, as its own commands write them."""
    subprocess.run(["loginctl", "enable-linger", USER], check=True)
    wait.until("alice's manager", lambda: systemctl("is-system-running", user=USER, check=False))
    for who, scope in ((USER, ()), ("root", ("--system", "--run-as-user", USER))):
        # Whether to start it now and at boot.
        done = as_user(who, gateway.HERMES, "-p", "default", "gateway", "install", *scope, answers="n\nn\n")
        print(done.stdout, done.stderr, flush=True)
    system, user = Unit("hermes-gateway.service"), Unit("hermes-gateway.service", user=USER)
    for unit in (system, user):
        unit.systemctl("enable")
        shown = Path(unit.show()["FragmentPath"]).read_text()
        contains(f"upstream's unit of {unit.user or 'the system'}", shown, "--replace", "Restart=always")
        contains(f"its home ({unit.user or 'system'})", shown, f"HERMES_HOME=/home/{USER}/.hermes\"")
    return system, user


def doctor(*args: str) -> tuple[int, dict]:
    done = hermes_install("doctor", "--json", *args)
    return done.code, json.loads(done.out)


def rules(report: dict) -> set[str]:
    return {finding["rule"] for finding in report["findings"]}


def run() -> None:
    profile = Profile("default", USER, f"/home/{USER}/.hermes").make()
    system, user = upstream_units()
    system.systemctl("start")
    profile.until_up()
    user.systemctl("start")
    begin = system.starts() + user.starts()
    wait.until("each to kill the other twice", lambda: system.starts() > 2 and user.starts() > 2, 90)
    measured("starts while they fought", system.starts() + user.starts() - begin)

    before = snapshot("var/lib/hermes-install")
    code, report = doctor()
    equal("doctor ends with", code, 1)
    causes = {"duplicate-owners", "restart-always-replace"}
    check("it names the duplicate and the loop's cause", causes <= rules(report), rules(report))
    place = next(f["place"] for f in report["findings"] if f["rule"] == "restart-always-replace")
    contains("the finding's file", place["file"], "hermes-gateway.service")
    equal("the directive", place["directive"], "Restart=always")
    text = hermes_install("doctor")
    contains("doctor's text", text.out, "error\n", "hermes-gateway.service:", "Restart=always", "disable --now")
    asked = hermes_install("doctor", "--fix")
    equal("--fix without an answer ends with", asked.code, 3)
    contains("it shows a plan", asked.err, "plan  keep `hermes-gateway.service` (systemctl)", "--yes")
    data = (".hermes",)
    changed = difference(before, snapshot("var/lib/hermes-install"))
    unchanged = [d for d in changed if not any(x in d for x in data)]
    equal("what doctor changed by looking", unchanged, [])

    begin_fix = time.monotonic()
    fixed = hermes_install("doctor", "--fix", "--yes")
    measured("seconds that the fix took", round(time.monotonic() - begin_fix, 1))
    contains("what --fix says", fixed.err, "keep `hermes-gateway.service` (systemctl)", "is recorded in")
    check("the duplicate is gone", "duplicate-owners" not in fixed.out, fixed.out)
    way_out = "hermes-install --profile default --system"
    contains("the rest has a command to type", fixed.out, "restart-always-replace", way_out)

    starts = system.starts(), user.starts()
    pid = profile.until_up()
    with Watch(profile) as watch:
        time.sleep(OBSERVED)
    equal("starts in 90 s", (system.starts(), user.starts()), starts)
    equal("owners in 90 s", watch.owners, [pid])
    equal("gateways that ever were", sorted(watch.pids), [pid])
    equal("the owner is the system unit's", system.pid, pid)
    equal("the system unit is", system.show()["UnitFileState"], "enabled")
    shown = user.show()
    equal("the user unit is", (shown["ActiveState"], shown["UnitFileState"]), ("inactive", "disabled"))
    file = f"home/{USER}/.config/systemd/user/hermes-gateway.service"
    check("the user unit's file is still there", Path("/", file).exists())
    check("no hold is left", not list(Path("/run").glob("**/zzz-hermes-install-doctor.conf")))

    after = snapshot("var/lib/hermes-install")
    gone = [p for p in before if p not in after]
    links = [p for p in gone if "default.target.wants" in p]
    # A gateway's own files come and go with it.
    own = ("gateway.pid", ".lock", ".gateway-", ".clean_shutdown", "-wal", "-shm", ".tmp", "__pycache__")
    equal("what is lost", [p for p in gone if p not in links and not any(o in p for o in own)], [])
    backups = list(Path("/var/lib/hermes-install/backup").glob("*"))
    equal("backups", len(backups), 1)
    check("the unit that was stopped is in it", (backups[0] / file).exists())
    kept = json.loads((backups[0] / "before.json").read_text())
    equal("what it was before", kept["units"][0]["unit_file_state"], "enabled")

    again, report = doctor("--fix", "--yes")
    check("a second --fix has nothing to do", report["plan"] == [] and again == 1, report["plan"])
