"""Live gateways as /proc shows them, found without any of the code under test."""

import ast
from pathlib import Path

# Programs that start another one, whose command line they carry.
CARRIERS = ("env", "sudo", "runuser", "setpriv", "systemd-run")

# What hermes' own sources for `python -c` do, and other programs' do not: run hermes in this very process.
BOOTSTRAPS = ("import hermes_bootstrap", "run_module('hermes_cli.main'", "/hermes', run_name='__main__'")


def scan() -> dict[int, Path]:
    """Every live gateway process of the guest, with the profile home that it means."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            argv = (entry / "cmdline").read_bytes().decode(errors="replace").removesuffix("\0").split("\0")
            if not is_gateway(argv):
                continue
            status, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            environ = (entry / "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if status != "Z":
            home = _home(hermes_arguments(argv) or [], dict(e.split("=", 1) for e in environ if "=" in e))
            found[int(entry.name)] = (int(parent), argv, home)
    # Between fork and exec a gateway's child looks like the gateway.
    is_fork = {pid: parent in found and found[parent][1] == argv for pid, (parent, argv, _) in found.items()}
    return {pid: home for pid, (_, _, home) in found.items() if not is_fork[pid]}


def is_gateway(argv: list[str]) -> bool:
    """Is this command line that of a gateway, or of a restart that may become one?"""
    args = hermes_arguments(argv) or []
    return "gateway" in args and ("run" in args or "restart" in args)


def hermes_arguments(argv: list[str]) -> list[str] | None:
    """What hermes is told by a command line, however it was installed; nothing when it is another program's."""
    if not argv or _name(argv[0]) in CARRIERS:
        return None
    if _name(argv[0]).startswith("python"):
        source = _inline_source(argv)
        if source is not None:
            return _inline_arguments(argv[source], argv[source + 1 :])
    for at, arg in enumerate(argv):
        if _name(arg) == "hermes" or arg == "hermes_cli.main":
            return argv[at + 1 :]
    return None


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _inline_source(argv: list[str]) -> int | None:
    """Where the source of `python -c` is; options before it take no value in any command line of hermes'."""
    for at, arg in enumerate(argv[1:-1], 1):
        if not arg.startswith("-"):
            return None
        if arg == "-c":
            return at + 1
    return None


def _inline_arguments(source: str, after: list[str]) -> list[str] | None:
    """The arguments that hermes' own source for `python -c` gets: those after it, or the `sys.argv` that it sets."""
    if not any(mark in source for mark in BOOTSTRAPS):
        return None
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return None
    for statement in statements:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "sys.argv":
            assigned = ast.literal_eval(statement.value)
            return [str(arg) for arg in assigned[1:]]
    return after


def _home(args: list[str], environ: dict[str, str]) -> Path:
    home = Path(environ.get("HERMES_HOME") or Path(environ.get("HOME", "/root")) / ".hermes")
    root = home.parent.parent if home.parent.name == "profiles" else home
    for at, arg in enumerate(args[:-1]):
        if arg in ("-p", "--profile"):
            return root if args[at + 1] == "default" else root / "profiles" / args[at + 1]
    return home
