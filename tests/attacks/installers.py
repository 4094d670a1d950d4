"""Fifty installers at once: each waits its turn, and what they leave is what one after the other would."""

import json
import subprocess

from image import Image

AT_ONCE = 50


def run(binary: str) -> tuple[int, list[str]]:
    bad = []
    with Image(binary) as image:
        names = [f"bot{n}" for n in range(AT_ONCE)]
        for name in names:
            (image.top / "var/lib/hermes/profiles" / name).mkdir(parents=True)
        common = ["--system", "--hermes", "/opt/h/bin/hermes", "--no-start", "--wait", "120", "--root", str(image.top)]
        started = [
            subprocess.Popen([binary, "--profile", name, *common], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for name in names
        ]
        for process in started:
            text = process.communicate(timeout=300)[0]
            if process.returncode != 0:
                bad.append(f"exit {process.returncode}: {text[-200:]}")
        receipt = json.loads((image.top / "var/lib/hermes-install/receipt.json").read_text())
        installed = {instance["profile"] for instance in receipt["instances"]}
        if installed != set(names):
            bad.append(f"not recorded: {sorted(set(names) - installed)}")
        missing = [path for path in receipt["files"] if not (image.top / path).is_symlink() and not (image.top / path).exists()]
        if missing:
            bad.append(f"recorded and not there: {missing}")
    return AT_ONCE, bad
