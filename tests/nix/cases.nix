# nix/cases.nix and nix/examples, as `nix flake check` has them judged.
{ nixpkgs }:
let
  pkgs = import ./packages.nix { inherit nixpkgs; };
  inherit (pkgs) lib;
  checks = import ../../nix/checks.nix {
    inherit pkgs;
    self = {
      nixosModules.default = ../../nix/module.nix;
      packages.${builtins.currentSystem} = { inherit (pkgs) hermes-install; };
    };
  };
  refused = lib.filterAttrs (_: case: case ? refused) (import ../../nix/cases.nix);
  nixos =
    case:
    pkgs.nixos [
      ../../nix/module.nix
      {
        services.hermes-gateway = case.settings // {
          enable = true;
        };
      }
    ];
in
{
  # Those that are as they should be; one that is not is an error.
  judged = map (check: check.name) (
    lib.attrValues (lib.filterAttrs (name: _: lib.hasPrefix "module-" name) checks)
  );
  # The option that refuses, of each case that a type does not take.
  options = lib.mapAttrs (_: case: "services.hermes-gateway.${case.refused}") refused;
  # What such a case evaluates to: an error, to be read.
  evaluated = lib.mapAttrs (_: case: map toString (nixos case).config.systemd.packages) refused;
}
