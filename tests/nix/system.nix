# The configuration of gateways.nix in a NixOS of this nixpkgs: what it puts into /etc/systemd/system for the gateways, and
# everything that a person should read about the options.
{ nixpkgs }:
let
  pkgs = import ./packages.nix { inherit nixpkgs; };
  inherit (pkgs) lib;
  nixos = pkgs.nixos [
    ../../nix/module.nix
    {
      boot.loader.grub.enable = false;
      fileSystems."/".device = "none";
      fileSystems."/".fsType = "tmpfs";
      system.stateVersion = lib.trivial.release;
      services.hermes-gateway = import ./gateways.nix // {
        enable = true;
        package = derivation {
          name = "hermes-install";
          system = builtins.currentSystem;
          builder = "/bin/sh";
        };
      };
    }
  ];
  units = lib.filterAttrs (name: _: lib.hasPrefix "hermes-gateway" name) nixos.config.systemd.units;
  rendered = lib.findFirst (
    package: package.name == "hermes-gateway-system-units"
  ) null nixos.config.systemd.packages;
  home = lib.evalModules {
    modules = [
      ../../nix/home-module.nix
      {
        options.home.homeDirectory = lib.mkOption { default = "/home/alice"; };
        config._module = {
          check = false;
          args = { inherit pkgs; };
        };
      }
    ];
  };
  documents =
    options:
    map
      (option: {
        inherit (option) name description type;
        default = option.default.text or null;
        example = option.example.text or null;
      })
      (
        lib.filter (option: option.visible && !option.internal) (
          lib.optionAttrSetToDocList options.services.hermes-gateway
        )
      );
in
{
  # Text and wants of each instance's drop-in.
  units = lib.mapAttrs (_: unit: { inherit (unit) text wantedBy overrideStrategy; }) units;
  # What the renderer gets.
  toml = rendered.settings.text;
  systemd = lib.versions.major nixos.config.systemd.package.version;
  user = { inherit (nixos.config.users.users.hermes) group home isSystemUser; };
  tmpfiles = nixos.config.systemd.tmpfiles.settings.hermes-gateway;
  inherit (nixos.config) warnings;
  options = documents nixos.options;
  homeOptions = documents home.options;
}
