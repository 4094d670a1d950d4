"""The Ansible role, played on three hosts: one with the package as a file, one with the repository, one with the program."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hosts import HERMES, TOP, Check, Given, Host, booted, host, key, only, roots

EXAMPLE = TOP / "docs/examples/ansible"

# Its collections are not asked for: the role is to need nothing else.
ANSIBLE = "ansible-core==2.19.14"

# A value in which every character counts that systemd or a shell could take for its own.
TOKEN = "a\"b\\c$d`e #f'g, and sixteen letters at least"
SECRETS = {"coder": {"API_SERVER_ENABLED": "true", "API_SERVER_KEY": TOKEN, "API_SERVER_PORT": "8642"}}
SECRETS["poet"] = {**SECRETS["coder"], "API_SERVER_PORT": "8643"}



def tools(cache: Path) -> Path:
    """Ansible, as a directory for PYTHONPATH."""

    def build(place: Path) -> None:
        roots.run(sys.executable, "-m", "pip", "install", "--quiet", f"--target={place}", ANSIBLE)

    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return roots.cached(cache, f"fleet-ansible-{python}", [ANSIBLE, sys.version], build)


@dataclass
class Ran:
    """A run of the playbook: how it ended, what it said, and the numbers of its recap by host."""

    code: int
    text: str

    def counts(self, name: str) -> dict[str, int]:
        """`ok`, `changed`, `failed` and so on of a host; empty for one that had no turn."""
        recap = re.search(rf"^{name} +: (.*)$", self.text.split("PLAY RECAP")[-1], re.M)
        return {word: int(number) for word, number in (pair.split("=") for pair in recap[1].split())} if recap else {}


@dataclass
class Control:
    """Where Ansible runs."""

    given: Given
    place: Path
    environment: dict[str, str]

    def ansible(self, *words: str) -> subprocess.CompletedProcess:
        """One of Ansible's programs."""
        command = [sys.executable, "-m", "ansible", *words]
        return subprocess.run(command, cwd=self.place, env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def play(self, *options: str, **variables: object) -> Ran:
        """The playbook, with these variables on top."""
        extra = ["--extra-vars", json.dumps(variables)] if variables else []
        done = self.ansible("playbook", "--inventory=inventory.yml", "-v", *options, *extra, "playbook.yml")
        return Ran(done.returncode, done.stdout + done.stderr)


def control(given: Given, fleet: list[Host]) -> Control:
    """The example with this fleet as its inventory, and the tokens in a vault."""
    place = given.work / "ansible"
    shutil.copytree(EXAMPLE, place)
    package = only(given.packages, given.work / "old", is_before=True)
    ways = [{"source": "package", "package": str(package)}, {"source": "repository", "apt_sources": str(given.site / "first/hermes-gateway.sources")}]
    ways.append({"source": "binary", "binary": str(given.binary)})
    found = {}
    for one, way in zip(fleet, ways, strict=True):
        found[one.name] = {"ansible_host": one.address, **{f"hermes_gateway_{name}": value for name, value in way.items()}}
    for one in fleet[1:]:
        found[one.name]["hermes_gateway_venv"] = f"/opt/hermes/{HERMES}"
    (place / "inventory.yml").write_text(json.dumps({"bots": {"hosts": found}}))
    home = given.work / "home"
    home.mkdir()
    (home / "password").write_text("of the vault\n")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "PYTHONPATH": str(given.tools),
        "LC_ALL": "C.UTF-8",
        "HOME": str(home),
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_VAULT_PASSWORD_FILE": str(home / "password"),
        "ANSIBLE_REMOTE_USER": "root",
        # The hosts have no sudo.
        "ANSIBLE_BECOME_METHOD": "su",
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_PRIVATE_KEY_FILE": str(given.work / "key"),
        "ANSIBLE_HOST_KEY_CHECKING": "false",
        "ANSIBLE_SSH_ARGS": f"-o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile={home}/known",
    }
    made = Control(given, place, environment)
    secret = place / "group_vars/bots/vault.yml"
    secret.write_text(json.dumps({"vault_hermes_gateway_secrets": SECRETS}))
    done = made.ansible("vault", "encrypt", str(secret))
    Check.that("the vault is encrypted", done.returncode == 0 and TOKEN not in secret.read_text(), done.stdout + done.stderr)
    return made


def play(given: Given) -> None:
    """Three hosts, from nothing to an upgrade that stops."""
    public = key(given.work / "key")
    files = {"root/.ssh/authorized_keys": public, "etc/cloud/cloud-init.disabled": ""}
    with contextlib.ExitStack() as stack:
        # pip works for minutes where others do, too. One host shows what it does; on the others it finds all there.
        there = f"--bind-ro={given.hermes}:/opt/hermes/{HERMES}"
        fleet = [stack.enter_context(host(given.lower, number, files, *binds)) for number, binds in ((1, ()), (2, (there,)), (3, (there,)))]
        for one in fleet:
            booted.until(f"sshd of {one.name}", lambda one=one: one.guest.ask("systemctl", "is-active", "ssh") == "active")
        made = control(given, fleet)
        fresh(made, fleet)
        settings(made, fleet)
        tokens(made, fleet)
        stops(made, fleet, upgrade(made, fleet))


def fresh(made: Control, fleet: list[Host]) -> None:
    """Check mode writes nothing; a run installs; a second one changes nothing."""
    before = [one.written() for one in fleet]
    ran = made.play("--check")
    Check.equal("check mode on fresh hosts ends with", ran.code, 0, ran.text)
    for one, files in zip(fleet, before, strict=True):
        Check.that(f"{one.name}: it says that something would change", ran.counts(one.name).get("changed", 0) > 0, ran.text)
        Check.equal(f"{one.name}: files that it wrote", sorted(differing(files, one.written())), [])
    ran = made.play()
    Check.equal("the first run ends with", ran.code, 0, ran.text)
    Check.that("no token is in what Ansible says", TOKEN not in ran.text and json.dumps(TOKEN)[1:-1] not in ran.text)
    for one in fleet:
        pids = one.pids()
        Check.equal(f"{one.name}: gateways that run", sorted(pids), ["coder", "poet"], json.dumps(one.status(), indent=1))
        for name, pid in pids.items():
            variables = one.environment(pid)
            Check.equal(f"{one.name}: the token of {name}", variables.get("API_SERVER_KEY"), TOKEN)
            account = one.guest.ask("stat", "--format=%U", f"/proc/{pid}")
            Check.equal(f"{one.name}: the account of {name}", account, f"hermes-{name}")
            mode = one.guest.ask("stat", "--format=%a %U", f"/etc/hermes-install/{name}.env")
            Check.equal(f"{one.name}: who reads its file", mode, "600 root")
    signed = fleet[1].guest.ask("cat", "/etc/apt/sources.list.d/hermes-gateway.sources")
    Check.that("apt of the second host believes the repository's own key", "Signed-By:\n -----BEGIN PGP" in signed, signed)
    owners = [one.pids() for one in fleet]
    ran = made.play()
    for one, pids in zip(fleet, owners, strict=True):
        Check.equal(f"{one.name}: a second run changes", ran.counts(one.name).get("changed"), 0, ran.text)
        Check.equal(f"{one.name}: gateways after it", one.pids(), pids)


def settings(made: Control, fleet: list[Host]) -> None:
    """A setting of one profile: the plan names it, and a run restarts that profile alone."""
    changed = profiles(coder={"memory-high": "3G"})
    before = [(one.written(), one.pids()) for one in fleet]
    ran = made.play("--check", **changed)
    Check.equal("check mode with another setting ends with", ran.code, 0, ran.text)
    for one, (files, pids) in zip(fleet, before, strict=True):
        Check.that(f"{one.name}: check mode says so", ran.counts(one.name).get("changed", 0) > 1, ran.text)
        Check.equal(f"{one.name}: files that it wrote", sorted(differing(files, one.written())), [])
        Check.equal(f"{one.name}: gateways after it", one.pids(), pids)
    planned = '"restarts": [\n            "hermes-gateway@coder.service"\n        ]'
    Check.equal("plans that restart coder alone", ran.text.count(planned), len(fleet), ran.text)
    ran = made.play(**changed)
    Check.equal("the run ends with", ran.code, 0, ran.text)
    for one, (_, pids) in zip(fleet, before, strict=True):
        Check.equal(f"{one.name}: profiles that were restarted", restarted(pids, one.pids()), ["coder"])


def tokens(made: Control, fleet: list[Host]) -> None:
    """Another token restarts its profile alone."""
    one = fleet[0]
    secrets = {**SECRETS, "poet": {**SECRETS["poet"], "API_SERVER_KEY": "another one that is long enough"}}
    before = one.pids()
    ran = made.play(f"--limit={one.name}", **profiles(coder={"memory-high": "3G"}), hermes_gateway_secrets=secrets)
    Check.equal("a run with another token ends with", ran.code, 0, ran.text)
    after = one.pids()
    Check.equal("profiles that were restarted", restarted(before, after), ["poet"])
    Check.equal("its token", one.environment(after["poet"]).get("API_SERVER_KEY"), "another one that is long enough")


def upgrade(made: Control, fleet: list[Host]) -> dict[str, str]:
    """The packages of the two hosts that have one, one host after the other; the variables that say so."""
    was = [version(one) for one in fleet[:2]]
    package = only(made.given.packages, made.given.work / "new", is_before=False)
    sources = made.given.site / "next/hermes-gateway.sources"
    newer = {"hermes_gateway_package": str(package), "hermes_gateway_apt_sources": str(sources), "hermes_gateway_package_state": "latest"}
    before = [one.pids() for one in fleet]
    ran = made.play(**newer, **profiles(coder={"memory-high": "3G"}))
    Check.equal("the upgrade ends with", ran.code, 0, ran.text)
    for one, old, pids in zip(fleet[:2], was, before, strict=False):
        Check.that(f"{one.name}: {old} is upgraded", old.endswith("~before") and version(one) == old.removesuffix("~before"), version(one))
        Check.equal(f"{one.name}: profiles that were restarted", restarted(pids, one.pids()), ["coder", "poet"])
    return newer


def stops(made: Control, fleet: list[Host], newer: dict[str, str]) -> None:
    """A gateway of the second host does not come up: the third one has no turn."""
    broken = fleet[1]
    # Its only platform cannot have its port: such a gateway ends with 78.
    broken.guest.ask("systemctl", "stop", "hermes-gateway@coder.service")
    broken.guest.ask("systemd-run", "--quiet", "python3", "-m", "http.server", SECRETS["coder"]["API_SERVER_PORT"])
    port = f"sport = :{SECRETS['coder']['API_SERVER_PORT']}"
    booted.until("somebody else's server", lambda: "LISTEN" in broken.guest.ask("ss", "-ltn", port))
    before = [one.pids() for one in fleet]
    # apt refuses the package that was there before.
    ran = made.play(**newer, **profiles(coder={"memory-high": "3G"}, poet={"memory-high": "1G"}))
    Check.that("a run in which a gateway does not come up fails", ran.code != 0, ran.text)
    Check.equal("the first host is done", restarted(before[0], fleet[0].pids()), ["poet"])
    Check.equal("the second one fails", ran.counts(broken.name).get("failed"), 1, ran.text)
    Check.that("Ansible shows why", "everything is as it was before" in ran.text, ran.text)
    Check.equal("the third one has no turn", (ran.counts(fleet[2].name), fleet[2].pids()), ({}, before[2]), ran.text)


def profiles(**others: dict[str, str]) -> dict:
    """The example's profiles, with other settings."""
    return {"hermes_gateway_profiles": [{"name": name, "settings": others.get(name, {})} for name in ("coder", "poet")]}


def restarted(before: dict[str, int], after: dict[str, int]) -> list[str]:
    """Profiles that run, and whose gateway is another one."""
    return sorted(name for name, pid in after.items() if before.get(name) != pid)


def differing(before: dict[str, tuple], after: dict[str, tuple]) -> set[str]:
    """Files that are not as they were."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def version(one: Host) -> str:
    """The installed package's."""
    return one.guest.ask("dpkg-query", "--show", "--showformat=${Version}", "hermes-gateway")
