"""What systemd reads as root for a gateway, the gateway's account cannot turn to a file of root's: it is refused where it could."""

import json
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import fresh_account, own
from installer import hermes_install
from mallory import STAND_IN
from systemd import Unit

SECONDS = 30


def run() -> None:
    fresh_account()
    coder = Path("/var/lib/hermes/profiles/coder")
    coder.mkdir(parents=True)
    program = Path("/opt/stand-in/hermes")
    program.parent.mkdir()
    # It is a gateway, and keeps what it was handed.
    keep = "import glob\nfor name in glob.glob(os.environ.get('CREDENTIALS_DIRECTORY', '/no') + '/*'):\n    open(home + '/seen', 'w').write(open(name).read())\n"
    program.write_text(STAND_IN.replace("lock = ", keep + "lock = ", 1))
    program.chmod(0o755)
    secret = Path("/root/secret")
    secret.write_text("OF=root\n")
    secret.chmod(0o600)
    token = Path("/var/lib/hermes/token")
    token.write_text("A=1\n")
    own(Path("/var/lib/hermes"), "hermes")

    # A unit of somebody else's has it already.
    unit = Path("/etc/systemd/system/bot.service")
    for line in (f"LoadCredential=token:{token}", f"EnvironmentFile={token}", "EnvironmentFile=-/var/lib/hermes/*.env"):
        unit.write_text(f"[Service]\nUser=hermes\n{line}\nEnvironment=HERMES_HOME={coder}\nExecStart={program} gateway run\n")
        contains(f"doctor on {line}", hermes_install("doctor").text, "steered-file", line, "`/var/lib/hermes` may be written by `hermes`, its owner")
    unit.unlink()

    config = Path("/etc/hermes-install/config.toml")
    config.parent.mkdir(exist_ok=True)
    for key, value in (("credentials", f'{{ token = "{token}" }}'), ("environment-files", json.dumps([str(token)]))):
        config.write_text(f"[profiles.coder]\n{key} = {value}\n")
        done = hermes_install("--profile", "coder", "--shared", "--hermes", str(program))
        if done.code == 0:
            # A build that takes it: the account turns the file, and starts again.
            token.unlink()
            token.symlink_to(secret)
            Unit("hermes-gateway@coder.service").systemctl("restart", check=False)
            wait.until("it to have seen", (coder / "seen").exists)
            check("the account has no file of root's", (coder / "seen").read_text() != secret.read_text())
        equal(f"{key} of the account's own: install ends with", done.code, 3)
        contains("its refusal", done.err, str(token), "systemd reads it as root", "/etc/hermes-install")

    kept = config.parent / "token"
    kept.write_text("A=1\n")
    kept.chmod(0o600)
    config.write_text(f'[profiles.coder]\ncredentials = {{ token = "{kept}" }}\n')
    equal("one of root's: install ends with", hermes_install("--profile", "coder", "--shared", "--hermes", str(program)).code, 0)
    equal("it was handed over", (coder / "seen").read_text(), "A=1\n")
    check("doctor has nothing to say of that", "steered-file" not in hermes_install("doctor").text)

    several = config.parent / "several"
    several.mkdir()
    config.write_text(f'[profiles.coder]\ncredentials = {{ several = "{several}" }}\n')
    equal("a directory of root's: plan ends with", hermes_install("plan", "--profile", "coder", "--shared", "--hermes", str(program)).code, 1)
