# A home of Home Manager's own module system with this module: the files that it places, and what it has to say. Beside
# nixpkgs' lib alone it is of Home Manager's core modules, and its files can be built.
{ nixpkgs, home-manager }:
let
  pkgs = import ./packages.nix { inherit nixpkgs; };
  inherit (pkgs) lib;
  modules = home-manager + "/modules";
  configuration = {
    imports = [ ../../nix/home-module.nix ];
    home = {
      username = "alice";
      homeDirectory = "/home/alice";
      stateVersion = "26.05";
    };
    services.hermes-gateway = {
      enable = true;
      package = builtins.path {
        path = /program;
        name = "hermes-install";
      };
      hermesExecutable = "/opt/hermes/bin/hermes";
      profiles.coder = {
        environment.GREETING = "two words";
        extraServiceConfig = {
          Nice = 5;
          PrivateUsers = false;
          BindReadOnlyPaths = [ /srv/books ];
        };
      };
    };
  };

  whole = import modules { inherit pkgs configuration; };

  # As Home Manager's modules/default.nix evaluates, and what its core reads of nixpkgs and of its other modules.
  extended = import (modules + "/lib/stdlib-extended.nix") lib;
  core = extended.evalModules {
    class = "homeManager";
    specialArgs.modulesPath = toString modules;
    modules = [
      configuration
      {
        options = {
          inherit (pkgs.stand-ins) assertions warnings;
          meta = pkgs.stand-ins.anything;
          programs.fish = pkgs.stand-ins.anything;
        };
      }
    ]
    # All but those files of NixOS.
    ++ lib.filter (module: !lib.isPath module || lib.pathExists module) (
      import (modules + "/modules.nix") {
        inherit pkgs;
        lib = extended;
        minimal = true;
        useNixpkgsModule = false;
      }
    );
  };

  inherit (if pkgs ? stand-ins then core else whole) config;
in
{
  inherit (config) home-files;
  said = {
    files = lib.filter (lib.hasInfix "hermes-gateway") (lib.attrNames config.home.file);
    drop-in =
      config.xdg.configFile."systemd/user/hermes-gateway@coder.service.d/60-home-manager.conf".text;
    complaints = config.warnings ++ map (a: a.message) (lib.filter (a: !a.assertion) config.assertions);
    generation = if pkgs ? stand-ins then null else config.home.activationPackage.drvPath;
  };
}
