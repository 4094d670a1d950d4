"""The cloud-init file at the first boot of a cloud image, in an emulated machine that its own boot loader starts. Ten minutes."""

import json
import subprocess

from cloud_init import SEEN, check, filled
from hosts import PIP, Given
from lib import cloud, image, machine

# Of a first boot with what it installs, in seconds; Python is 10 to 20 times slower there.
PATIENCE = 3600

# What the image of a cloud has and this small one has not: keys of SSH, locales, a partition that grows.
LACKS = """
ssh_genkeytypes: []
ssh_deletekeys: false
locale: C.UTF-8
resize_rootfs: false
growpart: {mode: "off"}
apt: {preserve_sources_list: true}
"""

# Waits for cloud-init, tells the second serial port what is there then, and ends the machine. `cloud-init status --wait` ends at
# the first error already.
REPORT = """
import json, subprocess
def ask(command):
    return subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout.strip()
ask("until [ -e /run/cloud-init/result.json ]; do sleep 1; done")
seen = {name: ask(command) for name, command in COMMANDS.items()}
with open("/dev/ttyS1", "w") as port:
    port.write(json.dumps(seen) + "\\n")
subprocess.run(["systemctl", "poweroff"])
"""


def play(given: Given) -> None:
    """One boot."""
    report = REPORT.replace("COMMANDS", repr(SEEN))
    # Debian cannot be reached from here, and the image leaves the network to cloud-init.
    house = [
        ["sh", "-c", "rm --force /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources"],
        ["sh", "-c", 'printf %s "$1" >/etc/pip.conf', "house", PIP],
        ["systemctl", "start", "--no-block", "systemd-networkd.service"],
        ["systemd-run", "--no-block", "--unit=report", "python3", "-c", report],
    ]
    text = filled((given.site / "next/hermes-gateway.sources").read_text())
    # JSON is YAML.
    check(json.loads(booted(given, f"{text}\nbootcmd: {json.dumps(house)}\n{LACKS}")))


def booted(given: Given, user_data: str) -> str:
    """What the machine reports at its end."""
    console, told = given.work / "console", given.work / "told"
    command = [
        *machine.EMULATOR,
        # It has an address of its own by DHCP, and reaches what this process reaches: the house.
        *("-nic", "user,model=virtio-net-pci"),
        *cloud.booting(image.debian(given.cache, given.suite), "qcow2", cloud.seed(given.work, user_data, "bots5")),
        *("-serial", f"file:{console}", "-serial", f"file:{told}"),
    ]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True, timeout=PATIENCE)
        return told.read_text()
    finally:
        print(console.read_text(errors="replace")[-4000:])
