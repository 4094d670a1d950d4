# The machine that the VM tests share: two profiles, one of them with a setting of its own.
{ pkgs, ... }:
let
  hermes = pkgs.writeTextFile {
    name = "hermes-0.19.0";
    destination = "/bin/hermes";
    executable = true;
    text = "#!${pkgs.python3Minimal}/bin/python3\n" + builtins.readFile ./tests/hermes.py;
  };
in
{
  imports = [ ./module.nix ];
  services.hermes-gateway = {
    enable = true;
    hermesPackage = hermes;
    profiles = {
      default = { };
      coder.memoryHigh = "1G";
    };
  };
  # For gateways that somebody starts by hand.
  environment.systemPackages = [ hermes ];
}
