"""A package index on loopback, which is pip's on this host while it exists; and what was fetched from it."""

import functools
import re
import threading
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from gateway import VERSION

# pip.conf(5) of the whole host.
CONFIGURATION = Path("/etc/pip.conf")


class Index:
    """The wheels that the host brought, as PEP 503 lists them."""

    def __init__(self) -> None:
        suite = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
        assert suite
        place = Path("/vmcheck/index") / f"{VERSION}-{suite[1]}"
        self.fetched: list[str] = []
        server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, place, self.fetched.append))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        CONFIGURATION.write_text(f"[global]\nindex-url = {url}/simple\n")


class _Handler(SimpleHTTPRequestHandler):
    """A page for each project, and the files."""

    def __init__(self, place: Path, note: Callable[[str], None], *args: object) -> None:
        self.place, self.note = place, note
        super().__init__(*args, directory=str(place))  # type: ignore[arg-type]

    def do_GET(self) -> None:
        if not self.path.startswith("/simple/"):
            self.note(self.path)
            super().do_GET()
            return
        project = self.path.split("/")[2]
        names = [wheel.name for wheel in self.place.glob("*.whl") if _normal(wheel.name.split("-")[0]) == project]
        page = "".join(f'<a href="/{name}">{name}</a>\n' for name in names).encode()
        self.send_response(200 if names else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        pass


def _normal(name: str) -> str:
    """A project's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
