"""What an admin does to the unit of one profile with systemctl: `disable`, `mask`, `edit --full`, `revert`. Nothing is forgotten without a
word, and each printed way out leads out."""

import json
from pathlib import Path

from check import check, contains, equal
from gateway import HERMES as PROGRAM
from gateway import Profile
from installer import hermes_install, install, status
from systemd import Unit, systemctl

HERMES = ["0.22.2"]
SECONDS = 120
UNITS = Path("/etc/systemd/system")


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    unit = Unit(default.unit)
    disabled(default, unit)
    masked(default, unit)
    copied(default, unit)
    reverted()


def disabled(default: Profile, unit: Unit) -> None:
    unit.systemctl("disable")
    found = findings()
    equal("doctor finds", {finding["rule"] for finding in found}, {"drifted"})
    hints = {finding["hint"] for finding in found}
    equal("its way out", hints, {"hermes-install --system --profile default"})
    upgraded = hermes_install("upgrade", "--yes")
    equal("upgrade ends with", upgraded.code, 0)
    contains("it says", upgraded.err, "`default` does not start at boot any more", "`hermes-install --profile default`")
    # What the run had begun is over.
    unit.systemctl("enable")
    unit.systemctl("disable")
    equal("install ends with", hermes_install("--profile", "default").code, 0)
    row = status(default)
    check("it starts at boot again", row["enabled"], row)
    seen = hermes_install("status")
    check("no run was cut short", seen.code == 0 and "cut short" not in seen.text, seen.text)
    equal("doctor finds nothing", findings(), [])


def masked(default: Profile, unit: Unit) -> None:
    before = unit.starts()
    unit.systemctl("stop")
    systemctl("mask", unit.name)
    way_out = f"`systemctl unmask {unit.name}`"
    for command in (("plan", "--profile", "default"), ("--profile", "default", "--yes")):
        refused = hermes_install(*command)
        equal(f"{command[0]} of a masked unit ends with", refused.code, 3)
        contains("it says", refused.err, "masked", way_out)
    started = hermes_install("start", "default")
    equal("start ends with", started.code, 1)
    contains("it says", started.err, "is masked, and cannot be started", way_out)
    check("no journal of an earlier run", "journal" not in started.err, started.err)
    equal("starts", unit.starts(), before)
    systemctl("unmask", unit.name)
    equal("start after it ends with", hermes_install("start", "default").code, 0)


def copied(default: Profile, unit: Unit) -> None:
    """`systemctl edit --full`, without an editor."""
    copy = UNITS / unit.name
    text = (UNITS / "hermes-gateway@.service").read_text()
    copy.write_text(text.replace("Restart=on-failure", "Restart=always"))
    systemctl("daemon-reload")
    upgraded = hermes_install("upgrade", "--yes")
    contains("upgrade says", upgraded.err, f"`{copy}` stands in for `hermes-gateway@.service`")
    refused = hermes_install("--profile", "default", "--yes")
    equal("install beside a copy ends with", refused.code, 3)
    contains("it says", refused.err, f"`{copy}`: it stands in for", f"{copy}.d/60-local.conf", "--force")

    # One that runs no launcher is no other owner of the profile either.
    lines = [f"ExecStart={PROGRAM} gateway run --replace" if line.startswith("ExecStart=") else line for line in text.splitlines()]
    copy.write_text("\n".join(lines).replace("Restart=on-failure", "Restart=always") + "\n")
    systemctl("daemon-reload")
    unit.systemctl("restart")
    default.until_up(unit.pid)
    found = findings()
    check("doctor finds the loop", "restart-always-replace" in {f["rule"] for f in found}, found)
    way_out = "hermes-install --profile default --force"
    check("its way out", way_out in {f["hint"] for f in found}, found)
    equal("it ends with", hermes_install(*way_out.split()[1:], "--yes").code, 0)
    check("the copy is gone", not copy.exists())
    equal("gateways", default.gateways(), [unit.pid])
    equal("what is started again", unit.show()["Restart"], "on-failure")
    equal("doctor finds nothing", findings(), [])
    gone = hermes_install("uninstall", "--yes")
    check("uninstall offers nobody an old file of its own", gone.code == 0 and "was there before" not in gone.err, gone.err)


def findings() -> list[dict]:
    return json.loads(hermes_install("doctor", "--json").out)["findings"]


def reverted() -> None:
    """`systemctl revert` takes our drop-in, too, and with it whose the bot is: no other of that name runs in its place."""
    hers = Profile("coder", user="alice", root="/home/alice/.hermes").make()
    other = Profile("coder").make()
    equal("install of hers ends with", install(hers, "--run-as", "alice").code, 0)
    unit = Unit(hers.unit)
    systemctl("revert", unit.name)
    drop_in = UNITS / f"{unit.name}.d/50-hermes-install.conf"
    check("its drop-in is gone", not drop_in.exists())
    shown = hermes_install("status", "--profile", "coder")
    contains("status says", shown.text, f"`{drop_in}` is gone; to put it back: `hermes-install upgrade --system --force`")
    unit.systemctl("restart", check=False)
    unit.until_active_state("failed")
    equal("exit status", unit.show()["ExecMainStatus"], "78")
    way_out = "hermes-install --profile coder"
    contains("the journal", unit.journal(), f"`{drop_in}` is gone", "(account `alice`)", f"`{way_out}`")
    equal("gateways", (hers.gateways(), other.gateways()), ([], []))
    equal("the way out ends with", hermes_install(*way_out.split()[1:]).code, 0)
    equal("gateways", (hers.gateways(), other.gateways()), ([unit.pid], []))
