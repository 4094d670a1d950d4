"""What closes a way from one tenant to another: with the directive taken out, what goes that way works."""

from pathlib import Path

from check import equal
from gateway import HERMES as HERMES_OF_GUEST
from installer import shell
from tenant import SIX, from_one_to_the_other, install_as_tenant, place_secrets, tenant

HERMES = ["0.22.2"]
SECONDS = 60

ACCOUNT = "User=hermes-b\nGroup=hermes-b\n"
PLACES = "TemporaryFileSystem=\nBindPaths=\n"
WRITES = "ReadWritePaths=/var/lib/hermes-tenants/b\n"
# What a line that takes a directive back opens, beside what a tenant may do itself.
CONTROLS = {
    "": [],
    "ProtectProc=default\n": ["process"],
    PLACES: ["name"],
    "InaccessiblePaths=\n": ["receipt", "settings"],
    # The other's account without its places; its files are reached by way of its process all the same.
    ACCOUNT: ["credential", "environment", "process", "root", "signal"],
    ACCOUNT + PLACES + WRITES: [*SIX, "name", "process"],
}


def run() -> None:
    Path("/usr/local/bin/hermes").symlink_to(HERMES_OF_GUEST)
    shell("sh", "-c", "mkdir -p /etc/hermes-install && chmod 755 /etc/hermes-install")
    a, b = (tenant(name) for name in ("a", "b"))
    for own in (a, b):
        place_secrets(own)
    equal("install of a ends with", install_as_tenant(a, "--no-start").code, 0)
    equal("install of b ends with", install_as_tenant(b).code, 0)
    (b.home / ".env").write_text("TOKEN=secret\n")
    shell("chown", f"{b.user}:", str(b.home / ".env"))
    # Root alone reads them, whatever the unit says; here the unit has to close them.
    shell("chmod", "755", "/var/lib/hermes-install")
    for directives, opened in CONTROLS.items():
        seen = from_one_to_the_other(a, b, directives)
        works = sorted(way for way, how in seen.items() if how == "works" and way != "own")
        equal(f"what works with {directives.split()}", works, sorted(opened))
