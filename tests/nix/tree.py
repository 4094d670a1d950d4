"""The files of a NixOS that matter to the gateways, as its own build links them (generateUnits of systemd-lib.nix)."""

import shutil
from pathlib import Path


def link(rendered: Path, program: Path, prefix: str, instances: dict[str, dict], place: Path) -> None:
    """Units and drop-ins below /etc/systemd/system, the launcher where the units name it.

    `rendered` is what systemd.packages names. An instance has the text of the drop-in that NixOS adds (none without a
    NixOS), and the targets that want it.
    """
    units = place / "etc/systemd/system"
    shutil.copytree(rendered / "lib/systemd/system", units)
    for path in [units, *units.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    for name, instance in instances.items():
        if instance["text"]:
            (units / f"{name}.d").mkdir(exist_ok=True)
            (units / f"{name}.d/overrides.conf").write_text(instance["text"])
        for target in instance["wantedBy"]:
            wants = units / f"{target}.wants"
            wants.mkdir(exist_ok=True)
            (wants / name).symlink_to(f"../{name}")
    launcher = place / prefix[1:] / "bin/hermes-install"
    launcher.parent.mkdir(parents=True)
    shutil.copy(program / "bin/hermes-install", launcher)
