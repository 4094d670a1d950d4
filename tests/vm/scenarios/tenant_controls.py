"""What closes a way from one tenant to another: with the directive taken out, what goes that way works. What systemd's score of
the unit sees of that."""

import re
from pathlib import Path

from check import check, equal, measured
from gateway import HERMES as HERMES_OF_GUEST
from installer import shell
from systemd import systemctl
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
    scores = {directives: score(b.unit, directives) for directives in CONTROLS}
    measured("exposure level, with each taken back", {directives.strip(): level for directives, level in scores.items()})
    check("the exposure level is at most 2.4", scores[""] <= 2.4, scores)
    unseen = [directives for directives in CONTROLS if directives and scores[directives] == scores[""]]
    equal("taken back unseen by the score", unseen, [PLACES, "InaccessiblePaths=\n", ACCOUNT, ACCOUNT + PLACES + WRITES])


def score(unit: str, directives: str) -> float:
    """The exposure level of the loaded unit with these directives; the more, the worse."""
    drop_in = Path(f"/etc/systemd/system/{unit}.d/90-score.conf")
    drop_in.write_text(f"[Service]\n{directives}")
    systemctl("daemon-reload")
    text = shell("systemd-analyze", "security", "--no-pager", unit)
    drop_in.unlink()
    systemctl("daemon-reload")
    return float(re.findall(r"Overall exposure level.*: ([\d.]+)", text)[0])
