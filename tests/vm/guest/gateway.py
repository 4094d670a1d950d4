"""Profile homes and the gateways on them: real ones, idle, busy, hung, started by hand."""

import contextlib
import json
import os
import pwd
import signal
import socketserver
import subprocess
import threading
import urllib.request
from pathlib import Path

import wait
from model import Endpoint, configured
from processes import scan
from systemd import systemctl

VERSION = os.environ.get("VMCHECK_HERMES", "0.19.0")
STAND_IN = "/vmcheck/tree/opt/hermes/bin/hermes"
HERMES = STAND_IN if Path(STAND_IN).exists() else f"/opt/hermes/{VERSION}/bin/hermes"

# Quiet without a network: nothing to fetch, nothing to install at first use.
CONFIG = "security:\n  allow_lazy_installs: false\n  tirith_enabled: false\n"

# Nobody writes to it: 0.22 readies its first answer as soon as it runs, which costs as much again as its start.
IDLE = f"{CONFIG}agent:\n  gateway_startup_warmup_timeout: 0\n"

# Since 0.21.4 the gateway of the default profile serves the named ones, too; this asks for one of their own.
STANDALONE = "gateway:\n  standalone: true\n"


def at_least(*version: int) -> bool:
    """Is the gateway under test of this version or a later one?"""
    return tuple(int(part) for part in VERSION.split("-")[0].split(".")) >= version


class Profile:
    """A profile on this guest and whoever runs its gateway."""

    def __init__(self, name: str = "coder", user: str = "hermes", root: str = "/var/lib/hermes") -> None:
        self.name = name
        self.user = user
        self.root = Path(root)
        self.home = self.root if name == "default" else self.root / "profiles" / name
        self.unit = f"hermes-gateway@{name}.service"

    def make(self, config: str = IDLE, env: str = "", standalone: bool = True) -> "Profile":
        """Create the home with this configuration, as its user would; a named profile has a gateway of its own, or not."""
        if standalone and self.name != "default" and at_least(0, 21, 4):
            config += STANDALONE
        account = pwd.getpwnam(self.user)
        for directory in (self.root, self.root / "profiles", self.home):
            if not directory.exists():
                directory.mkdir(mode=0o700)
                os.chown(directory, account.pw_uid, account.pw_gid)
        for name, text in (("config.yaml", config), (".env", env)):
            path = self.home / name
            path.write_text(text)
            path.chmod(0o600)
            os.chown(path, account.pw_uid, account.pw_gid)
        return self

    def state(self) -> dict:
        """The gateway's own account of itself."""
        try:
            return json.loads((self.home / "gateway_state.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}

    def gateways(self) -> list[int]:
        """Live gateway processes on this home, found without any of the code under test."""
        return sorted(pid for pid, home in scan().items() if home == self.home)

    def owners(self) -> list[int]:
        """Those that hold upstream's lock on this home: the gateways that run, not those that wait or end."""
        return [pid for pid in scan() if self.is_owner(pid)]

    def is_owner(self, pid: int) -> bool:
        """Has it locked this home's lock, or one that was unlinked since (proc_pid_fdinfo(5), `lock:`)?"""
        lock = str(self.home / "gateway.lock")
        try:
            for fd in Path(f"/proc/{pid}/fd").iterdir():
                info = Path(f"/proc/{pid}/fdinfo/{fd.name}")
                if os.readlink(fd).removesuffix(" (deleted)") == lock and "FLOCK" in info.read_text():
                    return True
        except OSError:
            pass
        return False

    def is_up(self, pid: int) -> bool:
        """Does this live gateway say that it runs?"""
        state = self.state()
        says = state.get("gateway_state") in ("running", "degraded") and state.get("pid") == pid
        return says and pid in self.gateways()

    def until_up(self, pid: int | None = None, after: int | None = None, seconds: float = 90) -> int:
        """Wait until a gateway says that it runs: that one, if named, or another than the one before; its process ID."""

        def up() -> int | None:
            now = self.state().get("pid", 0)
            return now if pid in (None, now) and now != after and self.is_up(now) else None

        return wait.until(f"the gateway of {self.name} to run (pid {pid or 'any'})", up, seconds)

    def record(self, pid: int, started: int) -> None:
        """Leave files that say that this process is the gateway."""
        text = {"pid": pid, "kind": "hermes-gateway", "argv": [HERMES, "gateway", "run"], "start_time": started}
        state = {**text, "gateway_state": "running", "restart_requested": False, "platforms": {}}
        owner = self.home.stat()
        for name, value in (("gateway.pid", text), ("gateway.lock", text), ("gateway_state.json", state)):
            path = self.home / name
            path.write_text(json.dumps(value))
            os.chown(path, owner.st_uid, owner.st_gid)

    def by_hand(self, *args: str, user: str | None = None, env: dict[str, str] | None = None, hermes: str = HERMES) -> "Hand":
        """Start hermes as a person does: in a login session, outside every unit."""
        return Hand(self, [hermes, *args], user or self.user, env or {})

    def make_busy(self, port: int) -> None:
        """Configure an API server and a model that never answers; call `keep_busy` once the gateway runs."""
        self.endpoint = Endpoint()
        self.serve_api(port, self.endpoint.port)

    def serve_api(self, port: int, model: int) -> None:
        """Configure an API server, and a model on this host."""
        self.make(
            CONFIG + configured(model),
            f"API_SERVER_ENABLED=true\nAPI_SERVER_KEY={KEY}\nAPI_SERVER_PORT={port}\nAPI_SERVER_HOST=127.0.0.1\n",
        )
        self.port = port

    def keep_busy(self) -> None:
        """Give the gateway a request that stays in flight."""
        self.ask("hello")
        wait.until("the model to be asked", lambda: self.endpoint.asked, 60)

    def ask(self, text: str) -> list[str]:
        """Ask over the API server, once that answers; its answer is put into this list, if one comes."""
        url = f"http://127.0.0.1:{self.port}"
        wait.until("the API server to answer", lambda: _answers(f"{url}/health"), 60)
        request = urllib.request.Request(
            f"{url}/v1/chat/completions",
            data=json.dumps({"model": "fake", "messages": [{"role": "user", "content": text}]}).encode(),
            headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
        )
        answer: list[str] = []
        threading.Thread(target=lambda: _keep(request, answer), daemon=True).start()
        return answer


KEY = "0123456789abcdef0123456789abcdef"


def in_a_login(profile: Profile, *args: str) -> int:
    """Start hermes from a shell of its user's; the gateway's process ID once it runs."""
    line = f"cd /tmp && HERMES_HOME={profile.root} exec {HERMES} {' '.join(args)}"
    subprocess.Popen(["su", "--shell=/bin/sh", profile.user, "--command", line], stdin=subprocess.DEVNULL)
    return profile.until_up()


class Hand:
    """A hermes that somebody started in a session of their own."""

    count = 0

    def __init__(self, profile: Profile, command: list[str], user: str, env: dict[str, str]) -> None:
        Hand.count += 1
        self.profile = profile
        self.scope = f"by-hand-{Hand.count}.service"
        self.log = Path(f"/vmcheck-out/by-hand-{Hand.count}.log")
        home = pwd.getpwnam(user).pw_dir
        variables = {"HOME": home, "HERMES_HOME": str(profile.root), **env}
        before = set(profile.gateways())
        subprocess.run(
            [
                *("systemd-run", "--quiet", "--collect", f"--unit={self.scope}", f"--uid={user}"),
                *("--property=PAMName=vmcheck", f"--working-directory={home}"),
                *(f"--property=StandardOutput=append:{self.log}", f"--property=StandardError=append:{self.log}"),
                *(f"--setenv={k}={v}" for k, v in variables.items()),
                # A person's shell has no such variable, and hermes behaves as a service with it.
                *("/usr/bin/env", "--unset=INVOCATION_ID", *command),
            ],
            check=True,
        )
        self.pid = wait.until(
            f"`{' '.join(command)}` to start",
            lambda: (
                next((p for p in profile.gateways() if p not in before and "hermes" in _comm(p)), None) or _main_pid(self.scope)
            ),
            30,
        )

    def alive(self) -> bool:
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    def until_up(self) -> bool:
        """Wait until its gateway runs; false when it ended instead."""
        ends = {"up": lambda: self.profile.is_up(self.pid), "ended": lambda: not self.alive()}
        end = wait.until(f"pid {self.pid} to run or end", lambda: next((e for e, is_so in ends.items() if is_so()), None), 90)
        return end == "up"

    def end(self, number: int = signal.SIGINT) -> None:
        """End it, as with Ctrl-C."""
        if self.alive():
            os.kill(self.pid, number)
        wait.until(f"pid {self.pid} to end", lambda: not self.alive(), 60)

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def port_owner(port: int) -> socketserver.TCPServer:
    """Take a port, so that a gateway cannot have it."""
    return socketserver.TCPServer(("127.0.0.1", port), socketserver.BaseRequestHandler)


def fresh_account() -> None:
    """The account and root of system-wide gateways, on a host that had them before."""
    subprocess.run(["useradd", "--system", "--home-dir=/var/lib/hermes", "--shell=/usr/sbin/nologin", "hermes"], check=True)
    account = pwd.getpwnam("hermes")
    Path("/var/lib/hermes").mkdir(mode=0o750)
    os.chown("/var/lib/hermes", account.pw_uid, account.pw_gid)


def own(path: Path, user: str) -> None:
    """Give a tree to an account."""
    subprocess.run(["chown", "--recursive", "--no-dereference", f"{user}:{user}", path], check=True)


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _main_pid(unit: str) -> int | None:
    pid = int(systemctl("show", "--property=ExecMainPID", "--value", unit, check=False) or 0)
    return pid or None


def _answers(url: str) -> bool:
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except OSError:
        return False


def _keep(request: urllib.request.Request, answer: list[str]) -> None:
    with contextlib.suppress(OSError):
        answer.append(urllib.request.urlopen(request, timeout=600).read().decode())
