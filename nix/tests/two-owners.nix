# A unit for a profile that somebody runs by hand is refused, once, with the name of the first.
{
  testScript = ''
    ${builtins.readFile ./prelude.py}
    machine.wait_for_unit("multi-user.target")
    until_up("coder")
    machine.succeed(f"systemctl stop {unit('coder')}")
    first = by_hand("coder")
    machine.execute(f"systemctl start {unit('coder')}")
    machine.wait_until_succeeds(
        f"systemctl show --property=ExecMainStatus --value {unit('coder')} | grep -qx 69", timeout=30
    )
    assert show("coder", "ActiveState") == "inactive", show("coder", "ActiveState")
    journal = machine.succeed(f"journalctl --boot --output=cat --unit={unit('coder')}")
    assert "is owned by" in journal and f"pid {first}" in journal, journal
    machine.sleep(70)
    assert gateways("coder") == [first]
    assert show("coder", "NRestarts") == "0"
  '';
}
