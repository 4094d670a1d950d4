import json

HERMES = "/run/current-system/sw/bin/hermes"


def home(profile: str) -> str:
    return "/var/lib/hermes" if profile == "default" else f"/var/lib/hermes/profiles/{profile}"


def unit(profile: str) -> str:
    return f"hermes-gateway@{profile}.service"


def show(profile: str, name: str) -> str:
    return machine.succeed(f"systemctl show --property={name} --value {unit(profile)}").strip()


def until_running(profile: str, pid: str) -> None:
    """Wait until this process (a shell expression) is the one that the gateway's own files name."""
    state = f"{home(profile)}/gateway_state.json"
    machine.wait_until_succeeds(
        f"""pid={pid} && [ "$pid" -gt 0 ] && grep -Eq '"pid": '$pid',.*"gateway_state": "running"' {state}""",
        timeout=60,
    )


def until_up(profile: str, after: int = 0) -> int:
    """Wait until the unit's gateway runs, another one than `after`; its pid."""
    until_running(profile, f"$(systemctl show --property=MainPID --value {unit(profile)}) && [ $pid != {after} ]")
    return int(show(profile, "MainPID"))


def by_hand(profile: str, *arguments: str) -> int:
    """Start a gateway as somebody at a terminal would; its pid."""
    machine.succeed(
        f"systemd-run --unit=by-hand --uid=hermes --setenv=HERMES_HOME={home('default')} --property=KillSignal=SIGINT "
        f"env --unset=INVOCATION_ID {HERMES} --profile {profile} gateway run {' '.join(arguments)}"
    )
    until_running(profile, "$(systemctl show --property=MainPID --value by-hand)")
    return int(machine.succeed("systemctl show --property=MainPID --value by-hand"))


def gateways(profile: str) -> list[int]:
    """Every process that looks like a gateway of this profile."""
    found = machine.execute(f"pgrep --full -- '/hermes --profile {profile} gateway run'")[1]
    return [int(pid) for pid in found.split()]


def status(profile: str) -> dict[str, object]:
    """What hermes-install says of a profile."""
    text = machine.execute(f"hermes-install status --json --profile {profile}")[1]
    return json.loads(text)["profiles"][0]


def switch(system: str, expect: int = 0) -> None:
    """Switch to a system, as nixos-rebuild does."""
    code, text = machine.execute(f"{system}/bin/switch-to-configuration test 2>&1")
    assert code == expect, f"{system} ended with {code}: {text}"


