"""Every command in a block of README.md and of the pages for every day, typed in order, at a terminal, as root does it."""

import os
import pty
import re
import select
import shutil
import signal
import termios
import time
from pathlib import Path

from check import check, equal
from gateway import HERMES as HERMES_OF_GUEST
from gateway import Profile, at_least, in_a_login, own
from installer import UNDER_TEST
from systemd import BASE, Unit, as_user, systemctl
from tenant import tenant

# By hand, after a change of these pages and before a release: `tests/vm/run --scenario pages_typed --hermes 0.19.0`, and the
# newest. It costs 80 s of processor time, with 0.22.2 105 s.
HERMES: list[str] = []
SECONDS = 200

# In the order in which somebody would read them.
PAGES = ["README.md", "docs/everyday.md", "docs/guard.md", "docs/tenants.md", "docs/moving.md", "docs/fleets.md", "docs/release.md"]
WHERE = Path("/vmcheck/pages")

# Lines that are not typed here, by how they begin, and why. One that no page has is an error.
ELSEWHERE = {
    "make try": "boots systems of its own; tests/vm/try is played by hand before a release",
    "cargo test && tests/vm/run": "the gate itself, .ci/run, types it",
    "apt update && apt install python3-venv gcc": "needs the network",
    "python3 -m venv /opt/hermes": "needs the network; hermes is there",
    "cargo build --release && target": "needs a compiler; what it ends with is typed instead",
    "/usr/lib/apt/apt-helper": "needs a published repository; release_apt has one",
    "apt update && apt install hermes-gateway": "needs a published repository; release_apt has one",
    "curl -fsSLo /etc/": "needs a published repository; release_dnf has one",
    "dnf install": "needs another distribution; release_dnf has one",
    "apt update && apt install curl git": "needs the network",
    "curl -fsSL https://hermes-agent": "needs the network; git_versions plays what it installs",
    "hermes-install run default -- gateway setup": "asks for a real token",
    "hermes-install run coder -- gateway setup": "asks for a real token",
    "hermes-install run coder -- model": "asks for a key of a provider",
    "hermes-install run coder -- setup": "asks for a real token",
    "make release": "builds for half an hour; tests/release.rs and release_apt play its parts",
    "gpg --import": "needs a published release; tests/release.rs plays it",
    "gh attestation": "needs GitHub",
    "ansible-playbook": "needs other hosts; tests/fleets/run has three",
    "git grep": "edits the repository",
    "release/build": "builds for half an hour; release_apt plays it",
    "tests/vm/run": "boots systems of its own from two releases; played by hand before a release",
}
# These end when somebody presses ^C.
ENDLESS = ["hermes-install logs --follow", "hermes-install status --watch"]
# Those that do not end with 0, by how they begin.
ENDS = {"hermes-install plan": 1}


def run() -> None:
    # What README's long line leaves: hermes where that installs it, and the program.
    Path("/opt/hermes/bin").symlink_to(Path(HERMES_OF_GUEST).parent)
    Path("/root/target/release").mkdir(parents=True)
    shutil.copy(UNDER_TEST, "/root/target/release/hermes-install")
    typed("target/release/hermes-install --profile default")
    left = set(ELSEWHERE)
    for page in PAGES:
        before_page(page)
        for line in commands(page):
            begin = next((begin for begin in ELSEWHERE if line.startswith(begin)), None)
            if begin:
                left.discard(begin)
                print(f"     {page}: not typed, as it {ELSEWHERE[begin]}: {line}", flush=True)
                continue
            before(page, line)
            typed(line, page)
    equal("lines that no page has", sorted(left), [])
    equal("units at the end", systemctl("list-units", "--plain", "--no-legend", "--state=failed", "hermes-*", check=False), "")


def commands(page: str) -> list[str]:
    """The lines of its blocks of shell, without remarks."""
    blocks = re.findall(r"^```(?:sh|console)\n(.*?)^```", (WHERE / page).read_text(), re.MULTILINE | re.DOTALL)
    lines = [re.sub(r"\s+# .*", "", line).strip() for block in blocks for line in block.splitlines()]
    check(f"{page} has commands", lines)
    return [line.replace("UNIT", "hermes-gateway-coder.service") for line in lines]


def before_page(page: str) -> None:
    """The host that a page is about, where the one before leaves another."""
    if page == "docs/tenants.md":
        # The page before ended with everything uninstalled.
        typed("target/release/hermes-install --profile default")
    elif page == "docs/moving.md":
        share_an_account()
    elif page == "docs/fleets.md":
        # The page is about a host whose configuration names its profiles.
        place = Path("/etc/hermes-install/config.toml")
        place.parent.mkdir(exist_ok=True)
        place.write_text("[profiles.coder]\n")


def share_an_account() -> None:
    """The profile coder is none of a tenant, but shares account and root with default."""
    coder = tenant("coder")
    typed(f"hermes-install uninstall --profile coder && rm -r {coder.root}")
    # From 0.21.4 on the gateway of default would serve it, and the pages are about a unit.
    standalone = " --standalone" if at_least(0, 21, 5) else ""
    typed(f"hermes-install --profile coder --shared --create{standalone}")


def before(page: str, line: str) -> None:
    """What somebody has who types this line, as the text around it says."""
    coder = tenant("coder")
    if page == "README.md" and line.startswith("hermes-install plan --profile coder --migrate"):
        # Another unit runs the profile.
        other = Path("/etc/systemd/system/bot.service")
        other.write_text(
            f"[Service]\nUser={coder.user}\nEnvironment=HERMES_HOME={coder.root}\nExecStart={HERMES_OF_GUEST} gateway run\n"
            "[Install]\nWantedBy=multi-user.target\n"
        )
        systemctl("daemon-reload")
        systemctl("enable", "--now", other.name)
        coder.until_up()
    elif line.startswith("hermes-install adopt"):
        Unit(coder.unit).systemctl("stop")
        in_a_login(coder, "gateway", "run")
    elif line == "hermes-install shield":
        # hermes' own unit, of another account's profile.
        Profile("default", "alice", "/home/alice/.hermes").make()
        as_user("root", HERMES_OF_GUEST, "-p", "default", "gateway", "install", "--system", "--run-as-user", "alice")
        # Its log is root's now.
        own(Path("/home/alice/.hermes"), "alice")
    elif line == "hermes-install split coder":
        share_an_account()


def typed(line: str, page: str = "before") -> None:
    """Type a line into a shell at a terminal, agree to what it asks, and see how it ends."""
    is_endless = any(line.startswith(begin) for begin in ENDLESS)
    child, terminal = pty.fork()
    if child == 0:
        termios.tcsetwinsize(0, (24, 80))
        os.chdir("/root")
        os.execve("/bin/bash", ["bash", "-c", line], {**BASE, "TERM": "xterm", "SYSTEMD_PAGER": "cat"})
    said, answered = "", 0
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 1)[0]:
            try:
                said += os.read(terminal, 65536).decode(errors="replace")
            except OSError:
                break
        if said.count("[y/N] ") > answered:
            answered += 1
            os.write(terminal, b"y\n")
        if is_endless and len(said) > 100 and not answered:
            answered += 1
            os.write(terminal, b"\x03")
    else:
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(terminal)
    print(f"$ {line}\n{said}exit {code}", flush=True)
    if is_endless:
        check(f"{page}: `{line}` shows something and ends with ^C", code in (0, 130, -signal.SIGINT), (code, said))
        return
    wanted = next((code for begin, code in ENDS.items() if line.startswith(begin)), 0)
    check(f"{page}: `{line}` ends with {wanted}", code == wanted, (code, said))
