"""What an old unit gave to its gateway is there after the migration, or was named before it; all of it is in the plan. A unit whose
account does not stay is refused with commands that work.
"""

import grp
import os
import pwd
import subprocess
import urllib.request
from pathlib import Path

import gateway
import wait
from check import check, contains, equal
from gateway import CONFIG, Profile
from installer import hermes_install, program
from systemd import Unit, systemctl

SECONDS = 90
PORT = 8642
FILE = f"API_SERVER_ENABLED=true\nAPI_SERVER_KEY={'0123456789abcdef' * 2}\nAPI_SERVER_HOST=127.0.0.1\nAPI_SERVER_PORT={PORT}\n"
ROUTER = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"
BOT = f"""[Unit]
Requires=router.service
After=router.service
[Service]
User=alice
WorkingDirectory=/srv/hub
EnvironmentFile=/etc/bot/env
Environment=HTTPS_PROXY=http://127.0.0.1:7890 HERMES_HOME=/home/alice/.hermes
SupplementaryGroups=video
ExecStartPre=+/bin/touch /run/fetched
ExecStart={gateway.HERMES} -p default gateway run
Restart=on-failure
MemoryMax=2G
[Install]
WantedBy=multi-user.target
"""
PASSING = f"""[Service]
DynamicUser=yes
StateDirectory=passing
Environment=HOME=%S/passing HERMES_HOME=%S/passing
ExecStart={gateway.HERMES} -p default gateway run
[Install]
WantedBy=multi-user.target
"""


def run() -> None:
    settings()
    hermes_install("uninstall", "--yes")
    account_that_passes()


def account_that_passes() -> None:
    """Its data are where nobody else comes: each command that is printed is typed."""
    data = Path("/var/lib/private/passing")
    data.mkdir(parents=True)
    data.parent.chmod(0o700)
    (data / "config.yaml").write_text(gateway.IDLE)
    unit = Unit("passing.service")
    (Path("/etc/systemd/system") / unit.name).write_text(PASSING)
    systemctl("daemon-reload")
    unit.systemctl("enable")
    unit.systemctl("start")
    state = data / "gateway_state.json"
    wait.until("the gateway to run", lambda: state.exists() and '"running"' in state.read_text(), 90)
    for words in (["--migrate"], ["--home", "/var/lib/passing", "--migrate"]):
        refused = hermes_install("--profile", "default", *words)
        equal(f"passing: {words} ends with", refused.code, 3)
        contains("passing: the refusal", refused.err, "`DynamicUser=`")
    for line in (line for line in refused.err.splitlines() if line.startswith("hint: ")):
        command = line.split(": `", 1)[1].rstrip("`").replace("hermes-install", program())
        subprocess.run(["sh", "-c", command], check=True)
    default = Profile("default", "passing", "/var/lib/passing")
    new = Unit(default.unit)
    equal("passing: gateways", default.gateways(), [new.pid])
    equal("passing: whose", Path(f"/proc/{new.pid}").stat().st_uid, pwd.getpwnam("passing").pw_uid)
    check("passing: the old unit does not start at boot", systemctl("is-enabled", unit.name, check=False) == "disabled")


def settings() -> None:
    alice, hub = pwd.getpwnam("alice"), Path("/srv/hub")
    hub.mkdir()
    os.chown(hub, alice.pw_uid, alice.pw_gid)
    default = Profile("default", "alice", "/home/alice/.hermes").make(CONFIG + "terminal:\n  cwd: /srv/hub\n")
    Path("/etc/bot").mkdir()
    env = Path("/etc/bot/env")
    env.write_text(FILE)
    env.chmod(0o600)
    Path("/etc/systemd/system/router.service").write_text(ROUTER)
    Path("/etc/systemd/system/bot.service").write_text(BOT)
    Path("/etc/systemd/system/board.service").write_text("[Unit]\nBindsTo=bot.service\nAfter=bot.service\n" + ROUTER)
    systemctl("daemon-reload")
    systemctl("enable", "--now", "bot.service")
    systemctl("start", "board.service")
    before = default.until_up()
    wait.until("the API server", answers, 60)

    planned = hermes_install("plan", "--profile", "default", "--migrate")
    carried = [
        "Requires=router.service",
        "After=router.service",
        "EnvironmentFile=/etc/bot/env",
        "Environment=HTTPS_PROXY=http://127.0.0.1:7890",
        "SupplementaryGroups=video",
        "MemoryMax=2G",
        "WorkingDirectory=/srv/hub",
    ]
    contains("the plan", planned.out, *(f"carry     {line} (" for line in carried), "leave     ExecStartPre=+/bin/touch /run/fetched: ")
    way_out = "`systemctl edit --full board.service`"
    contains("the plan", planned.out, "`board.service`, which needs `bot.service`", way_out)
    equal("the plan changes nothing", default.until_up(), before)

    done = hermes_install("--profile", "default", "--migrate")
    equal("migration ends with", done.code, 0)
    contains("what is said", done.err, *carried, "ExecStartPre=+/bin/touch /run/fetched", way_out)
    stop = done.err.find("wrote /")
    check("it is said before anything is changed", done.err.find("ExecStartPre=") < stop, done.err)
    pid = default.until_up(after=before)
    wait.until("the API server of the new unit", answers, 60)
    environment = Path(f"/proc/{pid}/environ").read_text()
    check("the proxy is in force", "HTTPS_PROXY=http://127.0.0.1:7890" in environment, environment)
    groups = Path(f"/proc/{pid}/status").read_text()
    check("the group is", str(video()) in groups.split("Groups:")[1].split("\n")[0].split(), groups)
    mounts = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    hubs = [fields[5] for fields in mounts if fields[4] == "/srv/hub"]
    check("the work directory can be written", any(options.startswith("rw") for options in hubs), mounts)
    shown = Unit(default.unit).show()
    equal("the limit", shown["MemoryMax"], str(2 << 30))
    check("the dependency", "router.service" in shown["Requires"].split(), shown["Requires"])


def video() -> int:
    return grp.getgrnam("video").gr_gid


def answers() -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=2)
    except OSError:
        return False
    return True
