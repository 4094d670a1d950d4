"""What every Nix can check of this project's files: syntax, format, assertions, and units built and booted."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from root import TOP, Failed, Nix, roots
from tree import link

GOLDEN = TOP / "tests/golden/nix"
PREFIX = "/nix/store/00000000000000000000000000000000-hermes-install"
# What nixpkgs has as nixfmt-rs and deadnix.
TOOLS = {"nixfmt": "nixfmt_rs@0.5.3", "deadnix": "deadnix@1.3.1"}


def say(text: str) -> None:
    print(text, flush=True)


def command(*words: str | Path, **options: Any) -> str:
    """A command on the host; an error with its output when it fails."""
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)
    if done.returncode != 0:
        raise Failed(f"{words[0]} failed ({done.returncode}):\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise Failed(f"{what} is {found!r}, not {expected!r}")


def texts(top: Path) -> dict[str, str]:
    """Every file below a directory, by its name there."""
    return {str(path.relative_to(top)): path.read_text() for path in top.rglob("*") if path.is_file()}


def tools(cache: Path) -> Path:
    """The formatter and the linter, from crates."""

    def build(place: Path) -> None:
        # The gate has the tree compiled with the oldest Rust that can; these want a newer one.
        newer = {name: value for name, value in os.environ.items() if name != "RUSTUP_TOOLCHAIN"}
        for crate in TOOLS.values():
            # They read thirty files once: to optimise them takes longer.
            command("cargo", "install", "--quiet", "--locked", "--debug", f"--root={place}", crate, env=newer)

    return roots.cached(cache, "nix-tools", list(TOOLS.values()), build) / "bin"


class Checks:
    """The checks, each a method that raises when it does not hold."""

    def __init__(self, nix: Nix, scratch: Path, cache: Path) -> None:
        self.nix = nix
        self.scratch = scratch
        self.cache = cache
        nixpkgs = nix.mounts.get("/nixpkgs")
        # Of a nixpkgs, its lib alone.
        self.lib_alone = nixpkgs is not None and not (nixpkgs / "pkgs").exists()
        self.good = 0
        self.bad = 0

    def check(self, what: str, how: Callable[[], str | None]) -> None:
        """Say whether a check holds."""
        begin = time.monotonic()
        try:
            remark = how()
        except Failed as e:
            self.bad += 1
            say(f"FAILED {what}\n{e}")
            return
        self.good += 1
        say(f"ok     {what} ({time.monotonic() - begin:.0f} s){f': {remark}' if remark else ''}")

    def syntax(self) -> str:
        files = sorted(p.relative_to(self.nix.top) for p in (self.nix.top / "src").rglob("*.nix"))
        self.nix.run("nix-instantiate", "--parse", *(f"/{f}" for f in files))
        return f"{len(files)} files"

    def pages(self) -> str:
        """Each block of Nix on a page is an expression, or what stands between the braces of a set."""
        found = 0
        for page in [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]:
            for text in re.findall(r"^ *```nix\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL):
                found += 1
                says = []
                for body in (text, f"{{\n{text}}}"):
                    try:
                        self.nix.run("nix-instantiate", "--parse", "--expr", f"{{ inputs, config, pkgs, lib, ... }}:\n{body}")
                        break
                    except Failed as why:
                        says.append(str(why))
                else:
                    raise Failed(f"{page.relative_to(TOP)}: {says[1]}\n{says[0]}")
        if not found:
            raise Failed("no page has a block of Nix")
        return f"{found} blocks"

    def format(self) -> None:
        command(tools(self.cache) / "nixfmt", "--check", *(self.nix.top / "src").rglob("*.nix"))

    def dead_code(self) -> None:
        command(tools(self.cache) / "deadnix", "--fail", self.nix.top / "src")

    def assertions(self) -> str:
        cases = json.loads(self.nix.json("(import /src/tests/nix/plain.nix).cases"))
        for case in cases:
            failed, says = case["failed"], case["says"]
            if any(says in f for f in failed) if says else failed == []:
                continue
            raise Failed(f"case {case['name']} of nix/cases.nix: expected {says!r}, got {failed}")
        return f"{len(cases)} cases"

    def homes(self) -> str:
        """The command that makes a person's directory is the one that a booted gateway has shown to work."""
        booted = TOP / "tests/vm/guest/nixos.py"
        command = json.loads(self.nix.json('(import /src/nix/settings.nix).makeHome "/usr" "%h/.hermes"'))
        if f"MAKE_HOME = {command!r}" not in booted.read_text():
            raise Failed(f"{command} is not what {booted.relative_to(TOP)} has booted")
        odd = '(import /src/nix/settings.nix).makeHome "/usr" ((import /src/nix/settings.nix).literally "/a b/$c%d")'
        same("an odd home", json.loads(self.nix.json(odd)), '/usr/bin/mkdir --parents "/a b/$$c%%d"')
        return command

    def guard(self) -> None:
        """Without the guard the rendered units have no drop-ins for hermes' own."""
        text = "(import /src/nix/settings.nix).file { guard = false; } null { }"
        settings = self.scratch / "no-guard.toml"
        settings.write_text(json.loads(self.nix.json(text)))
        program = self.nix.mounts["/program"] / "bin/hermes-install"
        found = command(program, "render", "--layout=nix", f"--config={settings}")
        same("the guard in the units", "hermes-install-guard" in found, False)
        same("the guard by default", "hermes-install-guard" in command(program, "render", "--layout=nix"), True)

    def tenants(self) -> str:
        """A tenant's unit, directories and account are those that it has on every other host."""
        settings = '{ hermesExecutable = "/opt/hermes/bin/hermes"; profiles.coder.tenant = true; }'
        plain = "(import /src/tests/nix/plain.nix)"
        config = self.scratch / "tenant.toml"
        config.write_text(json.loads(self.nix.json(f"{plain}.toml {settings}")))
        program = self.nix.mounts["/program"] / "bin/hermes-install"
        found = command(program, "render", "--layout=nix", "--scope=system", f"--config={config}").splitlines()
        for line in ("User=hermes-coder", "Environment=HERMES_HOME=/var/lib/hermes-tenants/coder/.hermes", "ProtectProc=invisible"):
            same(f"{line} in the unit", line in found, True)
        declared = [line.replace(" :", " ").split() for line in found if line.startswith("d /var/lib/hermes-tenants")]
        directories = json.loads(self.nix.json(f"{plain}.directories {settings}"))["coder"]
        module = [["d", path, d["mode"], d["user"], d["group"], "-"] for path, d in directories.items()]
        same("its directories", sorted(module), sorted(declared))
        declared = [shlex.split(line) for line in found if line.startswith("u hermes-coder ")]
        account = json.loads(self.nix.json(f"{plain}.accounts {settings}"))["coder"]
        module = [["u", name, "-", "Hermes gateway of coder", user["home"], "-"] for name, user in account["users"].items()]
        same("its account", module, declared)
        groups = [user["group"] for user in account["users"].values()]
        same("the account's group, and which there are", (groups, list(account["groups"])), (["hermes-coder"], ["hermes-coder"]))
        return f"an account, {len(directories)} directories"

    def examples(self) -> str:
        """nix/examples evaluate, and the program renders what comes of them."""
        secrets = "EnvironmentFile=/run/{}/hermes.env"
        expected = {
            "agenix.nix": [secrets.format("agenix")],
            "config.nix": ["Environment=HERMES_HOME=/var/lib/hermes"],
            "sops.nix": [secrets.format("secrets")],
            "tenants.nix": [f"User=hermes-{name}" for name in ("alpha", "beta")],
        }
        found = json.loads(self.nix.json("import /src/tests/nix/examples.nix"))
        same("the examples", sorted(found), sorted(expected))
        for name, example in found.items():
            same(f"what is said to {name}", example["failed"], [])
            config = self.scratch / f"{name}.toml"
            config.write_text(example["toml"])
            program = self.nix.mounts["/program"] / "bin/hermes-install"
            lines = command(program, "render", "--layout=nix", "--scope=system", f"--config={config}").splitlines()
            for line in expected[name]:
                same(f"`{line}` in what {name} renders", line in lines, True)
        same("what config.nix places", list(found["config.nix"]["tmpfiles"]), ["/var/lib/hermes/config.yaml"])
        return f"{len(found)} of them"

    def wrappers(self) -> str:
        """nix/hermes.sh on packages as nixpkgs makes them, and the command lines that result."""
        script = "import pathlib, sys; print(pathlib.Path('/proc/self/cmdline').read_text())"
        outcomes = {"plain": "runs", "wrapped": "runs", "compiled": "compiled wrapper", "empty": "has no bin/hermes"}
        for name, outcome in outcomes.items():
            package, out = self.scratch / f"{name}.package", self.scratch / f"{name}.out"
            (package / "bin").mkdir(parents=True)
            hermes, wrapped = package / "bin/hermes", package / "bin/.hermes-wrapped"
            real = {"plain": hermes, "wrapped": wrapped, "compiled": wrapped}.get(name)
            if real:
                real.write_text(f"#!{sys.executable}\n{script}\n")
                real.chmod(0o755)
            if name == "wrapped":
                hermes.write_text(f'#! /bin/bash -e\nexport A=1\nexec -a "$0" "{wrapped}"  "$@"\n')
                hermes.chmod(0o755)
            if name == "compiled":
                shutil.copy("/bin/true", hermes)
            env = {"PATH": os.environ["PATH"], "package": str(package), "out": str(out)}
            try:
                command("sh", TOP / "nix/hermes.sh", env=env)
            except Failed as e:
                if outcome not in str(e):
                    raise
                continue
            same(f"the outcome of a {name} package", "runs", outcome)
            words = ["--profile", "coder", "gateway", "run"]
            argv = command(out / "bin/hermes", *words).strip("\0\n").split("\0")
            same(f"the command line of a {name} package", [Path(argv[1]).name, *argv[2:]], ["hermes", *words])
        return "plain and wrapped ones run as hermes, others are refused"

    def units(self) -> str:
        """With the program as the builder; the same as tests/golden but for the store path."""
        prefix = self.prefix()
        for golden in sorted(GOLDEN.iterdir()):
            scope, level = golden.name.split("-")
            built = self.nix.build("/src/tests/nix/units.nix", program="/program", scope=scope, systemd=level)
            found, expected = texts(built), texts(golden)
            found = {name: text.replace(prefix, PREFIX) for name, text in found.items()}
            for name in found.keys() | expected.keys():
                same(f"{golden.name}/{name}", found.get(name), expected.get(name))
        return f"{len(list(GOLDEN.iterdir()))} trees"

    def prefix(self) -> str:
        """The store path of the program."""
        return json.loads(self.nix.json('"${builtins.path { path = /program; name = "hermes-install"; }}"'))

    def settings(self) -> dict:
        """What the module makes of gateways.nix: genuinely, or as plain.nix sees it."""
        if "/nixpkgs" in self.nix.mounts:
            found = self.system()
            same("warnings", found["warnings"], [])
            return found
        toml = json.loads(self.nix.json("(import /src/tests/nix/plain.nix).toml (import /src/tests/nix/gateways.nix)"))
        instance = {"text": "", "wantedBy": ["multi-user.target", "hermes-gateway.target"]}
        names = [f"hermes-gateway@{profile}.service" for profile in ("default", "coder")]
        return {"toml": toml, "systemd": "257", "units": dict.fromkeys(names, instance)}

    def system(self) -> dict:
        """The same, by a nixpkgs."""
        return json.loads(self.nix.json("import /src/tests/nix/system.nix { nixpkgs = /nixpkgs; }"))

    def boot(self, stand_in: bool, *scenarios: str) -> str:
        """Boot those units with a real gateway, or the VM tests' stand-in for one, and play scenarios of tests/vm."""
        found = self.settings()
        level = {"scope": "system", "systemd": found["systemd"], "toml": found["toml"]}
        rendered = self.nix.build("/src/tests/nix/units.nix", program="/program", **level)
        place = self.scratch / ("stand-in" if stand_in else "gateway")
        shutil.rmtree(place, ignore_errors=True)
        binary = self.nix.mounts["/program"]
        link(rendered, binary, self.prefix(), found["units"], place)
        if stand_in:
            hermes = place / "opt/hermes/bin/hermes"
            hermes.parent.mkdir(parents=True)
            hermes.write_text("#!/usr/bin/python3\n" + (TOP / "nix/tests/hermes.py").read_text())
            hermes.chmod(0o755)
        chosen = [word for name in scenarios for word in ("--scenario", name)]
        # Of a tree, the one systemd that it is closest to, and one gateway.
        options = ["--set", "scenarios", "--suite", "trixie", "--hermes", "0.19.0", "--backend", "container"]
        said = command(
            TOP / "tests/vm/run", *options, *chosen, "--binary", binary / "bin/hermes-install", "--tree", place
        )
        return said.strip().split("\n")[-1]
