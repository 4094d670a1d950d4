# nix/units.nix as a derivation that any Nix can build: the builder is a program that needs no library.
{
  # The directory with bin/hermes-install.
  program,
  scope,
  systemd,
  toml ? null,
}:
let
  hermes-install = builtins.path {
    path = program;
    name = "hermes-install";
  };
in
import ../../nix/units.nix {
  inherit scope systemd hermes-install;
  system = builtins.currentSystem;
  config = if toml == null then null else builtins.toFile "hermes-gateway.toml" toml;
}
