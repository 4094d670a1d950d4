"""A day of a new user's with five bots on the installation of install.sh: tokens, a restart of all, an update, hermes' own rename and
delete. Played by hand, with `--hermes X.Y.Z-store`; what it prints is what that person reads."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import wait
from bot import configure, install_into
from check import check, contains, equal
from gateway import Profile, fresh_account
from installer import Run, hermes_install
from model import Echo
from store import Store
from systemd import BASE, Unit
from telegram import TOKEN, BotAPI

HERMES: list[str] = []
SECONDS = 600

ROOT = Path("/var/lib/hermes")


def run() -> None:
    fresh_account()
    store = Store("hermes", str(ROOT)).place()
    install_into(store.environment)
    bot, model = BotAPI(), Echo()
    default = Profile("default")
    refused = hermes_install()
    check(
        "without a word it says what to type",
        refused.code == 0 or "hermes-install --profile" in refused.text,
        refused.text,
    )
    begins(default)
    named = [Profile(name) for name in ("alpha", "beta", "gamma", "delta")]
    five(default, named)
    looks()
    tokens(default, bot, model)
    restarts(default)
    updates(default, store)
    renames()
    deletes()


def typed(line: str, columns: int = 80) -> Run:
    """As a person types it; every line that a terminal of that width would break is a finding."""
    done = subprocess.run(
        ["sh", "-c", line],
        capture_output=True,
        text=True,
        env={**BASE, "COLUMNS": str(columns)},
        stdin=subprocess.DEVNULL,
    )
    print(
        f"# {line}   ({columns} columns)\nexit {done.returncode}\n{done.stdout}{done.stderr}",
        flush=True,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def begins(default: Profile) -> None:
    equal(
        "the first install ends with",
        hermes_install("--profile", "default", env={"COLUMNS": "80"}).code,
        0,
    )
    shown = typed("hermes-install status")
    equal("status ends with", shown.code, 0)
    contains("status", shown.out, "gateway setup")


def five(default: Profile, named: list[Profile]) -> None:
    typed("hermes-install --profile alpha")
    for profile in named:
        done = typed(f"hermes-install --profile {profile.name} --shared --create --yes")
        equal(f"install of {profile.name} ends with", done.code, 0)
    equal(
        "who is served",
        sorted(default.state()["served_profiles"]),
        ["alpha", "beta", "default", "delta", "gamma"],
    )
    done = typed("hermes-install --profile gamma --standalone --yes")
    equal("gamma stands alone with", done.code, 0)
    wait.until(
        "gamma to be let go",
        lambda: "gamma" not in default.state().get("served_profiles", ["gamma"]),
        120,
    )


def looks() -> None:
    for columns in (80, 120):
        shown = typed("hermes-install status", columns)
        longest = max(len(line) for line in shown.out.splitlines())
        print(f"     the longest line at {columns}: {longest}")
        typed("hermes-install status --long", columns)
        typed("hermes-install doctor", columns)
    text = watched(80)
    check("--watch draws at the top", "\x1b[H" in text or "\x1b[2J" in text, text[:200])
    contains("--watch", text, "PROFILE", "default", "delta")


def watched(columns: int) -> str:
    """What `--watch` shows until Ctrl-C."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(BASE, TERM="xterm", COLUMNS=str(columns))
        os.execv("/usr/local/bin/hermes-install", ["hermes-install", "status", "--watch"])
    seen = b""
    deadline = time.monotonic() + 60
    while seen.count(b"PROFILE") < 2 and time.monotonic() < deadline:
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536)
    os.kill(pid, signal.SIGINT)
    _, how = os.waitpid(pid, 0)
    print(
        f"# hermes-install status --watch\n{seen.decode()!r}\n     ended with {how}",
        flush=True,
    )
    check(
        "it ends with Ctrl-C",
        os.WIFSIGNALED(how) or os.WEXITSTATUS(how) in (0, 130),
        how,
    )
    return seen.decode()


def tokens(default: Profile, bot: BotAPI, model: Echo) -> None:
    done = typed(f"hermes-install run default config set TELEGRAM_BOT_TOKEN {TOKEN}")
    equal("the token is set with", done.code, 0)
    contains("the file of it", (ROOT / ".env").read_text(), TOKEN)
    equal("its mode", oct((ROOT / ".env").stat().st_mode & 0o777), "0o600")
    # The addresses of the stand-ins are not what a person sets.
    configure(default, bot, model)
    done = typed("hermes-install run gamma config set TELEGRAM_BOT_TOKEN 1:wrong")
    equal("a wrong token is set with", done.code, 0)
    env = ROOT / "profiles/gamma/.env"
    env.write_text(env.read_text() + "HERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1\n")
    config = ROOT / "profiles/gamma/config.yaml"
    more = f"\nplatforms:\n  telegram:\n    enabled: true\n    extra:\n      base_url: http://127.0.0.1:{bot.port}/bot\n"
    config.write_text(config.read_text() + more)


def restarts(default: Profile) -> None:
    before = Unit(default.unit).pid
    done = typed("hermes-install restart --all")
    check("the default one is new", default.until_up(after=before) != before)
    print(f"     restart of all ends with {done.code}")
    wait.until("its bot to speak", lambda: "telegram" in hermes_install("status").out, 120)
    for columns in (80, 120):
        typed("hermes-install status", columns)
    typed("hermes-install status --profile gamma")
    typed("hermes-install doctor")
    typed("hermes-install logs gamma -n 20")


def updates(default: Profile, store: Store) -> None:
    old = Unit(default.unit).pid
    now = time.time() + 10
    os.utime(store.checkout / "pyproject.toml", (now, now)) if (store.checkout / "pyproject.toml").exists() else store.repository()
    os.utime(store.checkout / "pyproject.toml", (now, now))
    shown = typed("hermes-install status")
    contains("status after an update", shown.out, "restart needed")
    done = typed("hermes-install restart --outdated")
    print(f"     it ends with {done.code}; {old} became {default.until_up(after=old)}")


def renames() -> None:
    typed("hermes-install run default profile rename alpha omega")
    typed("hermes-install run default profile rename gamma writer")
    shown = typed("hermes-install status")
    print(f"     status ends with {shown.code}")
    found = typed("hermes-install doctor")
    for command in re.findall(r"`?(hermes-install uninstall --profile \w+)`?", shown.out + found.out)[:1]:
        equal(f"`{command}` ends with", typed(f"{command} --yes").code, 0)
    typed("hermes-install --profile writer --shared --yes")
    typed("hermes-install --profile omega --shared --yes")
    typed("hermes-install status")
    typed("hermes-install doctor")


def deletes() -> None:
    typed("hermes-install run default profile delete beta --yes")
    typed("hermes-install status")
    typed("hermes-install doctor")
