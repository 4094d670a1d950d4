# A new setting restarts the profile that it is for, as a planned stop, and no other.
{
  nodes.machine.specialisation.changed.configuration.services.hermes-gateway.profiles.coder.drainTimeout =
    300;

  testScript = ''
    ${builtins.readFile ./prelude.py}
    machine.wait_for_unit("multi-user.target")
    default, coder = until_up("default"), until_up("coder")
    switch("/run/booted-system/specialisation/changed")
    until_up("coder", after=coder)
    assert show("coder", "TimeoutStopUSec") == "5min 30s", show("coder", "TimeoutStopUSec")
    assert until_up("default") == default
    journal = machine.succeed(f"journalctl --boot --output=cat --unit={unit('coder')}")
    assert "Failed with result" not in journal, journal
  '';
}
