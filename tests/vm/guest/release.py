"""A release on a web server of this guest's own, and a person who follows the README."""

import contextlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import wait
from installer import Run

# What a release has for a web server is below /pages, as release/build says of a rehearsal.
SERVED = Path("/srv/release/pages")
PORT = 8017


class Release:
    """The trees that lib/packages.py has signed: `first`, `next`, `forged`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.top = Path("/vmcheck/packages") / f"signed-{kind}"
        self.commands = (self.top / "commands").read_text()
        self.signer = (self.top / "signer").read_text()
        # The version that is installed first, and that of the upgrade.
        [self.old] = self.versions("first")
        [self.new] = self.versions("next") - {self.old}

    def versions(self, tree: str) -> set[str]:
        """Those of the packages in a tree, by their names."""
        pattern = re.compile(r"hermes-gateway(?:_(.+)_\w+\.deb|-(.+)\.\w+\.rpm)")
        names = [path.name for path in (self.top / tree / self.kind).rglob("hermes-gateway*")]
        return {found[1] or found[2] for name in names if (found := pattern.fullmatch(name))}

    def publish(self, tree: str) -> None:
        """From now on the server has this tree."""
        SERVED.parent.mkdir(exist_ok=True)
        link = SERVED.with_name("new")
        link.symlink_to(self.top / tree)
        link.rename(SERVED)

    @contextlib.contextmanager
    def served(self) -> Iterator[None]:
        """While the server runs."""
        with subprocess.Popen(
            ["python3", "-c", SERVER, str(SERVED.parent), str(PORT)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as server:
            try:
                wait.until("the web server to answer", answers, 20)
                yield
            finally:
                server.terminate()

    def follow(self) -> Run:
        """Type the README's commands as root. Debian has no curl from the start, so apt downloads where the README names it."""
        commands = re.sub(r"^curl -fsSLo (\S+) (\S+)$", r"/usr/lib/apt/apt-helper download-file \2 \1", self.commands, flags=re.M)
        return sh(f"set -e\n{commands}")


# Times of files are not looked at: two trees that are made in one second would be one to a client that asks for news.
SERVER = """
import functools, http.server, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    def send_head(self):
        del self.headers["If-Modified-Since"]
        return super().send_head()
handler = functools.partial(Handler, directory=sys.argv[1])
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), handler).serve_forever()
"""


def answers() -> bool:
    """Whether the server takes connections."""
    try:
        socket.create_connection(("127.0.0.1", PORT), 1).close()
    except OSError:
        return False
    return True


def sh(script: str) -> Run:
    """A person's shell, as root, who answers no question."""
    begin = time.monotonic()
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment)
    run = Run(done.returncode, done.stdout, done.stderr)
    print(f"$ {script}   # {time.monotonic() - begin:.1f} s\n{run.text}", flush=True)
    return run
