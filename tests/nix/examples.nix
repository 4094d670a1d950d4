# The examples of nix/examples as any Nix can evaluate them (plain.nix), with what they read of sops-nix, agenix and NixOS.
let
  plain = import ./plain.nix;
  read = {
    sops.secrets."hermes.env".path = "/run/secrets/hermes.env";
    age.secrets."hermes.env".path = "/run/agenix/hermes.env";
    services.hermes-gateway = {
      stateDir = "/var/lib/hermes";
      user = "hermes";
      group = "hermes";
    };
  };
in
builtins.mapAttrs (
  name: _:
  let
    example = import (../../nix/examples + "/${name}") { config = read; };
    settings = removeAttrs example.services.hermes-gateway [ "enable" ];
  in
  {
    failed = plain.complaints settings;
    toml = plain.toml settings;
    tmpfiles = example.systemd.tmpfiles.settings.hermes-config or { };
  }
) (builtins.readDir ../../nix/examples)
