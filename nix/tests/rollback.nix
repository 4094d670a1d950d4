# A configuration with which the gateway cannot start is reported by the switch; going back brings the gateway back.
{ lib, ... }:
{
  nodes.machine.specialisation.broken.configuration.services.hermes-gateway = {
    hermesPackage = lib.mkForce null;
    hermesExecutable = "/nowhere/hermes";
  };

  testScript = ''
    ${builtins.readFile ./prelude.py}
    machine.wait_for_unit("multi-user.target")
    before = until_up("coder")
    # Type=exec starts the launcher, which then refuses; whether the switch has seen that by its end is up to it.
    machine.execute("/run/booted-system/specialisation/broken/bin/switch-to-configuration test")
    machine.wait_until_succeeds(f"systemctl is-failed {unit('coder')}", timeout=60)
    assert show("coder", "ExecMainStatus") == "78"
    switch("/run/booted-system")
    until_up("coder", after=before)
    until_up("default")
  '';
}
