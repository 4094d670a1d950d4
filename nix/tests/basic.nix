# Both profiles run after boot, in their sandbox and as their account; a crash comes back, a stop does not.
{
  testScript = ''
    ${builtins.readFile ./prelude.py}
    machine.wait_for_unit("multi-user.target")
    for profile in ("default", "coder"):
        pid = until_up(profile)
        assert gateways(profile) == [pid], gateways(profile)
        assert machine.succeed(f"ps -o user= -p {pid}").strip() == "hermes"
        assert status(profile)["state"] == "running", status(profile)
    assert show("coder", "MemoryHigh") == str(1 << 30)
    assert show("coder", "ProtectSystem") == "strict"
    machine.succeed(f"test $(stat -c %U:%a {home('coder')}) = hermes:700")

    machine.succeed(f"kill -KILL {show('coder', 'MainPID')}")
    until_up("coder", after=pid)
    machine.succeed(f"systemctl stop {unit('coder')}")
    assert (show("coder", "ActiveState"), show("coder", "Result")) == ("inactive", "success")
    machine.sleep(15)
    assert gateways("coder") == []
  '';
}
