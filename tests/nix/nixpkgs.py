"""What only a nixpkgs can check: the flake, its options and cases, Home Manager, and what an evaluation costs."""

import json
import os
import re
import sys
from pathlib import Path

from checks import GOLDEN, PREFIX, Checks, command, same
from reference import markdown
from root import TOP, Failed, roots

# The checkers at nixpkgs' versions, and what the test driver imports.
TYPE_CHECK = ["ty==0.0.54", "ruff==0.15.20", "colorama", "ipython", "junit-xml", "ptpython", "pydantic", "remote-pdb"]
TYPE_CHECK += ["typing_extensions"]
REFERENCE = TOP / "docs/nixos-options.md"


class Genuine(Checks):
    """The checks of a nixpkgs, or of its lib alone."""

    def flake(self) -> str:
        words = ["--no-build", "--all-systems", "--override-input", "nixpkgs", "path:/nixpkgs", "path:/src"]
        self.nix.run("nix", "flake", "check", *words)
        return "checks of both systems, VM tests down to their .drv"

    def reference(self) -> None:
        found = self.system()
        text = markdown(found["options"], found["homeOptions"])
        if os.environ.get("BLESS"):
            REFERENCE.write_text(text)
        if REFERENCE.read_text() != text:
            raise Failed(f"{REFERENCE.relative_to(TOP)} is stale; BLESS=1 writes it")

    def test_scripts(self) -> str:
        """As the test driver checks them before it runs any (nixos/lib/testing/driver.nix)."""

        def build(place: Path) -> None:
            command(sys.executable, "-m", "venv", place)
            command(place / "bin/python", "-m", "pip", "install", "--quiet", *TYPE_CHECK)

        environment = roots.cached(self.cache, "nix-test-types", TYPE_CHECK, build)
        tests = "(import /nixpkgs { config = { }; overlays = [ ]; }).callPackage /src/nix/package.nix { }"
        text = "builtins.mapAttrs (_: test: test.config.testScriptString)"
        scripts = json.loads(self.nix.json(f"{text} ({tests}).tests"))
        library = self.nix.mounts["/nixpkgs"] / "nixos/lib"
        head = (library / "test-script-prepend.py").read_text() + "\nmachine = create_fake_qemu_machine()\n"
        for name, script in scripts.items():
            file = self.scratch / f"{name}.py"
            file.write_text(head + script)
            search = f"--extra-search-path={library}/test-driver/src"
            # The environment is moved after it was made, so it is named by its packages.
            command(environment / "bin/ty", "check", f"--python={environment}", search, file)
            command(environment / "bin/ruff", "check", "--quiet", "--no-cache", "--select=F", file)
        return f"{len(scripts)} scripts"

    def cases(self) -> str:
        """nix/cases.nix and nix/examples by the genuine module system; what is refused is said of the option that it is for."""
        cases = "(import /src/tests/nix/cases.nix { nixpkgs = /nixpkgs; })"
        judged = json.loads(self.nix.json(f"{cases}.judged"))
        options = json.loads(self.nix.json(f"{cases}.options"))
        for name, option in options.items():
            try:
                self.nix.json(f"{cases}.evaluated.{name}")
            except Failed as why:
                if f"option `{option}" not in str(why):
                    raise Failed(f"case {name} of nix/cases.nix is not refused by {option}:\n{why}") from why
            else:
                raise Failed(f"case {name} of nix/cases.nix: no type refuses it")
        return f"{len(judged)} cases, {len(options)} of them refused by a type"

    def home_manager(self) -> str:
        """The Home Manager module in Home Manager's own module system."""
        home = "(import /src/tests/nix/home.nix { nixpkgs = /nixpkgs; home-manager = /home-manager; })"
        found = json.loads(self.nix.json(f"{home}.said"))
        same("what it complains of", found["complaints"], [])
        unit = "hermes-gateway@coder.service"
        names = [f"{wants}.target.wants/{unit}" for wants in ("default", "hermes-gateway")]
        names += ["hermes-gateway.target", "hermes-gateway@.service", "default.target.wants/hermes-gateway.target"]
        names += [f"hermes-gateway{dash}.service.d/50-hermes-install-guard.conf" for dash in ("", "-")]
        names += [f"{unit}.d/{name}.conf" for name in ("50-hermes-install", "60-home-manager")]
        expected = [f"/home/alice/.config/systemd/user/{name}" for name in names]
        same("the list of files", sorted(found["files"]), sorted(expected))
        for line in ('Environment="GREETING=two words"', "Nice=5", "PrivateUsers=false", "BindReadOnlyPaths=/srv/books"):
            if line not in found["drop-in"].split("\n"):
                raise Failed(f"the drop-in has no {line}:\n{found['drop-in']}")
        if 'mkdir --parents "/home/alice/.hermes/profiles/coder"\n' not in found["drop-in"]:
            raise Failed(f"the drop-in makes no directory:\n{found['drop-in']}")
        if not self.lib_alone:
            return f"{len(names)} files"
        files = Path(self.nix.run("nix-build", "--no-out-link", "--expr", f"{home}.home-files").strip())
        for name in names:
            file, text = self.in_store(files / ".config/systemd/user" / name)
            if name.endswith("60-home-manager.conf"):
                same(name, text, found["drop-in"])
            elif name.endswith("50-hermes-install.conf"):
                same(f"the root in {name}", "Environment=HERMES_HOME=/home/alice/.hermes\n" in text, True)
            else:
                # systemd takes a unit's name from what a link leads to in the end.
                same(f"the end of {name}", file.name, re.sub("@.*", "@.service", Path(name).name))
                golden = GOLDEN / "user-252" / Path(*file.parts[4:])
                same(name, text.replace(self.prefix(), PREFIX), golden.read_text())
        return f"{len(names)} files, built"

    def in_store(self, path: Path) -> tuple[Path, str]:
        """Where a link of the store leads to in the end, and the text there."""
        while (self.nix.top / path.relative_to("/")).is_symlink():
            path = (self.nix.top / path.relative_to("/")).readlink()
        return path, (self.nix.top / path.relative_to("/")).read_text()

    def cost(self) -> str:
        """What the module adds to the evaluation of a NixOS: CPU time, the best of three, and thunks."""

        def evaluated(module: str) -> tuple[float, int]:
            expression = f"""((import /nixpkgs {{ config = {{ }}; overlays = [ ]; }}).nixos [ {module} {{
                boot.loader.grub.enable = false; fileSystems."/".device = "none"; fileSystems."/".fsType = "tmpfs";
                system.stateVersion = "26.05"; }} ]).config.system.build.toplevel.drvPath"""
            statistics = self.nix.top / "statistics"
            found = []
            for _ in range(3):
                env = {"NIX_SHOW_STATS": "1", "NIX_SHOW_STATS_PATH": f"/{statistics.name}"}
                self.nix.run("nix-instantiate", "--eval", "--expr", expression, env=env)
                stats = json.loads(statistics.read_text())
                found.append((stats["cpuTime"], stats["nrThunks"]))
            return min(found)

        settings = "import /src/tests/nix/gateways.nix // { enable = true; }"
        module = f"/src/nix/module.nix {{ services.hermes-gateway = {settings}; }}"
        (plain, plain_thunks), (ours, thunks) = evaluated(""), evaluated(module)
        return f"{ours - plain:.2f} s and {thunks - plain_thunks} thunks more than {plain:.2f} s and {plain_thunks}"
