# Without the module nothing runs and no unit is left, and the data stays.
{ lib, ... }:
{
  nodes.machine.specialisation.removed.configuration.services.hermes-gateway.enable =
    lib.mkForce false;

  testScript = ''
    ${builtins.readFile ./prelude.py}
    machine.wait_for_unit("multi-user.target")
    until_up("coder")
    switch("/run/booted-system/specialisation/removed")
    assert gateways("coder") == [] and gateways("default") == []
    machine.fail("systemctl cat hermes-gateway@coder.service")
    machine.succeed(f"test -d {home('coder')}")
  '';
}
