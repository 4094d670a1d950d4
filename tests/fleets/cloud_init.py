"""The cloud-init file, played by Debian's own cloud-init at the first boot of a host, from a seed directory (NoCloud)."""

import json

from hosts import TOP, Check, Given, booted, host

EXAMPLE = TOP / "docs/examples/cloud-init.yaml"
SEED = "var/lib/cloud/seed/nocloud"
TOKEN = "of-the-api-server-of-this-bot"

# Of the image, as a cloud's has it. Debian cannot be reached from here, and keys of SSH are made already.
HOUSE = """datasource_list: [NoCloud, None]
network: {config: disabled}
apt: {preserve_sources_list: true}
ssh_deletekeys: false
locale: C.UTF-8
"""


# What is asked of a host when cloud-init has ended.
SEEN = {
    "cloud-init": "cloud-init status --format=json",
    "log": "cat /var/log/cloud-init-output.log",
    "status": "hermes-install status --json",
    "variables": "tr '\\0' '\\n' </proc/$(systemctl show -P MainPID hermes-gateway@coder.service)/environ",
    "file": "stat --format='%a %U' /etc/hermes-install/coder.env",
    "enabled": "systemctl is-enabled hermes-gateway@coder.service",
    "plan": "hermes-install plan; echo $?",
    "plan of a start": "systemctl stop hermes-gateway@coder.service; hermes-install plan; echo $?",
}


def play(given: Given) -> None:
    """One boot."""
    text = filled((given.site / "next/hermes-gateway.sources").read_text())
    files = {f"{SEED}/user-data": text, f"{SEED}/meta-data": "instance-id: bots4\nlocal-hostname: bots4\n"}
    files["etc/cloud/cloud.cfg.d/99-house.cfg"] = HOUSE
    with host(given.lower, 4, files) as one:
        valid = one.guest.ask("sh", "-c", f"cloud-init schema --config-file /{SEED}/user-data && echo it is")
        Check.that("cloud-init finds the file valid", valid.endswith("it is"), valid)
        booted.until("cloud-init to end", lambda: ended(one.guest), 300)
        check({name: one.guest.ask("sh", "-c", command) for name, command in SEEN.items()})


def check(seen: dict[str, str]) -> None:
    """What the host answered."""
    log = seen["log"]
    Check.equal("cloud-init ends with", json.loads(seen["cloud-init"])["status"], "done", log)
    profiles = json.loads(seen["status"])["profiles"] if seen["status"] else []
    Check.equal("what runs", {p["profile"]: p["state"] for p in profiles if p["installed"]}, {"coder": "running"}, log)
    Check.that("its token", f"API_SERVER_KEY={TOKEN}" in seen["variables"].split("\n"))
    Check.equal("who reads its file", seen["file"], "600 root")
    Check.equal("whether it starts at boot", seen["enabled"], "enabled")
    Check.that("a plan of what is there ends with 0", seen["plan"].endswith("no file would change\n0"), seen["plan"])
    planned = seen["plan of a start"]
    Check.that("one that starts a unit ends with 1", planned.endswith("coder.service\n1"), planned)


def filled(sources: str) -> str:
    """The example with what a person puts in: the repository, and a bot whose platform is the API server."""
    lines = EXAMPLE.read_text().splitlines(keepends=True)
    begin = next(number for number, line in enumerate(lines) if line.strip() == "Types: deb")
    end = next(number for number, line in enumerate(lines) if line.strip() == "THE_KEY") + 1
    lines[begin:end] = [f"      {line}\n" for line in sources.splitlines()]
    text = "".join(lines)
    text = text.replace('TELEGRAM_BOT_TOKEN="THE_TOKEN"', f'API_SERVER_ENABLED="true"\n      API_SERVER_KEY="{TOKEN}"')
    return text.replace("hermes-agent==0.19.0", "hermes-agent==0.19.0 aiohttp")


def ended(guest: booted.Guest) -> str | None:
    """What cloud-init says of itself, when it has ended."""
    said = guest.ask("cloud-init", "status", "--format=json")
    return said if said and json.loads(said)["status"] in ("done", "error", "disabled") else None
