"""Under the units a headless browser with its own sandbox, and bubblewrap: what works, and which directives would have to go.
Played by hand, with `--hermes 0.19.0`, on roots that have `chromium` and `bubblewrap` (in `PACKAGES` of lib/roots.py)."""

import json
import subprocess
from pathlib import Path

import wait
from check import equal, measured
from gateway import Profile
from installer import install
from systemd import Unit, systemctl

HERMES: list[str] = []
SECONDS = 600

PAGE = "data:text/html,<p id=p></p><script>document.getElementById('p').textContent='it '+'works'</script>"

TOOLS = """#!/usr/bin/python3
import json, os, shutil, subprocess, sys, tempfile
def ran(*command):
    home = tempfile.mkdtemp(dir=os.environ["OUT"])
    words = [word.replace("NEW", home) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=90, env={**os.environ, "HOME": home})
        code, said = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired as e:
        code, said = "no end", str(e.stdout) + str(e.stderr)
    shutil.rmtree(home, ignore_errors=True)
    why = [line for line in said.splitlines() if line.strip() and "dbus" not in line.lower() and "<html>" not in line]
    return {"works": code == 0 and ("it works</p>" in said or "bwrap" in command), "code": code, "said": why[-4:]}
flags = ("--headless --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --user-data-dir=NEW --dump-dom").split()
browser = ["/usr/lib/chromium/chromium", *flags]
seen = {
    "bubblewrap": ran("bwrap", "--ro-bind", "/", "/", "true"),
    "browser": ran(*browser, PAGE),
    "browser, without its setuid helper": ran(*browser, "--disable-setuid-sandbox", PAGE),
    "browser, --no-sandbox": ran(*browser, "--no-sandbox", PAGE),
    "browser, --no-sandbox --no-zygote": ran(*browser, "--no-sandbox", "--no-zygote", PAGE),
}
with open(os.environ["OUT"] + "/new", "w") as file:
    json.dump(seen, file)
os.rename(os.environ["OUT"] + "/new", os.environ["OUT"] + "/seen")
"""

BUBBLEWRAP = ["RestrictNamespaces=user pid net mnt ipc uts", "SystemCallFilter=chroot mount pivot_root sethostname umount2"]
# What a drop-in changes.
CHANGES = {
    "as it is": [],
    "without capset": ["SystemCallFilter=~capset"],
    "what a browser asks for": ["RestrictNamespaces=user pid net", "SystemCallFilter=chroot"],
    "what bubblewrap asks for": BUBBLEWRAP,
    # It opens with openat2(2).
    "what bubblewrap 0.12 asks for": [*BUBBLEWRAP, "RestrictSUIDSGID=no"],
}


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    alice = Profile("default", "alice", "/home/alice/.hermes").make()
    equal("install as alice ends with", install(alice, user="alice").code, 0)
    alice.until_up()
    show("without a unit", without_a_unit())
    places = {"system": (default, None, Path("/etc")), "user": (alice, "alice", Path("/home/alice/.config"))}
    for scope, (own, user, _) in places.items():
        for name, lines in CHANGES.items():
            show(f"{scope}, {name}", tools(own, user, lines))
    for scope, (own, user, configuration) in places.items():
        config = configuration / "hermes-install/config.toml"
        config.parent.mkdir(exist_ok=True)
        config.write_text('[defaults]\nhardening = "relaxed"\n')
        equal(f"{scope}: install with hardening = relaxed ends with", install(own, "--yes", user=user or "root").code, 0)
        show(f"{scope}, relaxed", tools(own, user, []))


def show(where: str, seen: dict) -> None:
    for what, how in seen.items():
        measured(f"{where}: {what}", "works" if how["works"] else f"{how['code']}: {' / '.join(how['said'])[:600]}")


def program() -> Path:
    place = Path("/usr/local/bin/tools")
    place.write_text(TOOLS.replace("PAGE", repr(PAGE)))
    place.chmod(0o755)
    return place


def without_a_unit() -> dict:
    out = Path("/home/alice/out")
    out.mkdir()
    subprocess.run(["chown", "alice:", str(out)], check=True)
    subprocess.run(["runuser", "-u", "alice", "--", "env", f"OUT={out}", "HOME=/home/alice", str(program())], check=True, cwd="/")
    return json.loads((out / "seen").read_text())


def tools(profile: Profile, user: str | None, lines: list[str]) -> dict:
    """Run the tools in the place of the gateway, under the unit as it is but for the command and these lines."""
    out = profile.root / "tools"
    subprocess.run(["rm", "-rf", str(out)], check=True)
    out.mkdir()
    subprocess.run(["chown", f"{profile.user}:", str(out)], check=True)
    unit = Unit(profile.unit, user)
    drop_in = Path("/etc/systemd/user" if user else "/etc/systemd/system") / f"{profile.unit}.d/90-tools.conf"
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    words = ["[Service]", "Restart=no", "ExecStart=", f"ExecStart={program()}", "ExecStop=", f"Environment=OUT={out}", *lines]
    drop_in.write_text("\n".join(words) + "\n")
    systemctl("daemon-reload", user=user)
    unit.systemctl("restart", check=False)
    wait.until("the tools to end", (out / "seen").exists, 400)
    seen = json.loads((out / "seen").read_text())
    wait.until("the unit to end", lambda: unit.states[0] in ("inactive", "failed"))
    drop_in.unlink()
    systemctl("daemon-reload", user=user)
    unit.systemctl("restart")
    profile.until_up()
    return seen
