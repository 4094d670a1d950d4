# A gateway that is replaced by hand stays replaced, whether it leaves in order or has to be killed.
{
  testScript = ''
    ${builtins.readFile ./prelude.py}
    machine.wait_for_unit("multi-user.target")
    for frozen in (False, True):
        old = until_up("coder")
        if frozen:
            machine.succeed(f"kill -STOP {old}")
        new = by_hand("coder", "--replace")
        machine.sleep(70)
        assert gateways("coder") == [new], gateways("coder")
        expected = ("inactive", "69" if frozen else "0")
        assert (show("coder", "ActiveState"), show("coder", "ExecMainStatus")) == expected
        # A switch starts the unit, which declines, and neither fails nor touches the other gateway.
        switch("/run/booted-system")
        machine.wait_until_succeeds(
            f"systemctl show --property=ActiveState,ExecMainStatus {unit('coder')} | sort | tr '\n' ' ' "
            "| grep -qx 'ActiveState=inactive ExecMainStatus=69 '",
            timeout=30,
        )
        assert gateways("coder") == [new], gateways("coder")
        machine.succeed("systemctl stop by-hand")
        machine.sleep(15)
        assert gateways("coder") == []
        machine.succeed(f"systemctl start {unit('coder')}")
    until_up("coder")
  '';
}
