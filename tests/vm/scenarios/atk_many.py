"""One account makes root's commands look at much: a hundred homes whose locks it holds, ten thousand profiles that its gateway says it
serves. And it moves a private file of root to where an admin writes a bot's variables: nobody tells root to give it away."""

import os
import subprocess
import time
from pathlib import Path

import wait
from check import check, equal
from gateway import HERMES as PROGRAM
from gateway import Profile
from installer import hermes_install, install, program
from mallory import STAND_IN, Account, mallory
from systemd import Unit

SECONDS = 120
MANY = 100
# Far below a second for each of them, also beside other scenarios.
LIMIT = 40

HOLDER = """
import fcntl, signal, sys
kept = [open(f"{sys.argv[2]}/{number}/gateway.lock", "a+") for number in range(int(sys.argv[1]))]
for file in kept:
    fcntl.flock(file, fcntl.LOCK_EX)
print("ready", flush=True)
signal.pause()
"""
NAMES = '["p" + str(number) for number in range(10000)]'


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    her = mallory()
    homes, units = her.home / "homes", ".config/systemd/user"
    for number in range(MANY):
        her.write(f"homes/{number}/config.yaml", "", 0o600)
        home = f"Environment=HERMES_HOME={homes}/{number}\nExecStart={her.home}/bin/hermes gateway run\n"
        her.write(f"{units}/bot{number}.service", f"[Service]\n{home}[Install]\nWantedBy=default.target\n", 0o644)
    her.run(f"mkdir {units}/default.target.wants; for n in {units}/bot*; do ln -s ../$(basename $n) {units}/default.target.wants/; done")
    holder = her.serve(HOLDER, str(MANY), str(homes))
    in_time("a hundred locks", "doctor")
    holder.kill()
    her.run("rm -r .config homes")

    platforms = ("discord", "matrix", "mattermost", "slack", "telegram", "weixin")
    her.write(".hermes/config.yaml", "".join(f"{name}: {{enabled: true}}\n" for name in platforms), 0o600)
    her.write(".hermes/profiles/x/.env", "A=b\n" * 262_000, 0o600)
    her.run(f"cd .hermes/profiles && python3 -c 'import os\nfor name in {NAMES}: os.symlink(\"x\", name)'")
    says = STAND_IN.replace('{"gateway_state": "running"}', f'{{"gateway_state": "running", "served_profiles": {NAMES}}}')
    check("the stand-in says whom it serves", says != STAND_IN)
    gateway = her.start(str(her.write("bin/hermes", says)), "gateway", "run", env={"HERMES_HOME": str(her.home / ".hermes"), "HOME": str(her.home)})
    state = her.home / ".hermes/gateway_state.json"
    wait.until("it to run", lambda: state.exists() and "p9999" in state.read_text(), 30)
    in_time("ten thousand profiles", "doctor")
    gateway.kill()
    her.run("rm -r .hermes")
    moved(her)


def in_time(what: str, *command: str) -> None:
    begin = time.monotonic()
    done = subprocess.run([program(), *command], capture_output=True, text=True, timeout=600)
    took = time.monotonic() - begin
    check(f"{what}: {command[0]} ends in time", done.returncode in (0, 1) and took < LIMIT, f"{done.returncode} after {took:.1f} s")


def moved(her: Account) -> None:
    home = her.write(".hermes/profiles/coder/config.yaml", "", 0o600).parent
    command = ("--profile", "coder", "--run-as", "mallory", "--hermes", PROGRAM)
    equal("install of hers ends with", hermes_install(*command).code, 0)
    team = Path("/srv/team")
    team.mkdir()
    os.chown(team, 0, her.gid)
    team.chmod(0o775)
    key = team / "key"
    key.write_text("-----BEGIN PRIVATE KEY-----\nMIIEvQ==\n")
    key.chmod(0o600)
    her.run(f"mv {key} {home}/.env")
    told = [hermes_install(*words).text for words in (("restart", "coder"), command, ("doctor",), ("status",))]
    unit = Unit("hermes-gateway@coder.service")
    unit.systemctl("restart", check=False)
    wait.until("its journal to tell", lambda: "/.env` belongs to `root`" in unit.journal(), 30)
    told += [unit.journal(), hermes_install("why", "coder").text]
    check("each tells of it", all("/.env" in text for text in told[:2]), told)
    for text in told:
        check("root is told to give nothing away", "chown" not in text, text)
