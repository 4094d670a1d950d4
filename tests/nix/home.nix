# A home of Home Manager's own module system with this module: the files that it places, and what it has to say.
{ nixpkgs, home-manager }:
let
  home = import (home-manager + "/modules") {
    pkgs = import nixpkgs {
      config = { };
      overlays = [ ];
    };
    configuration = {
      imports = [ ../../nix/home-module.nix ];
      home = {
        username = "alice";
        homeDirectory = "/home/alice";
        stateVersion = "26.05";
      };
      services.hermes-gateway = {
        enable = true;
        hermesExecutable = "/opt/hermes/bin/hermes";
        profiles.coder = {
          environment.GREETING = "two words";
          extraServiceConfig.Nice = 5;
        };
      };
    };
  };
  inherit (home) config;
in
{
  files = builtins.filter (name: builtins.match ".*/hermes-gateway.*" name != null) (
    builtins.attrNames config.home.file
  );
  drop-in =
    config.xdg.configFile."systemd/user/hermes-gateway@coder.service.d/60-home-manager.conf".text;
  complaints =
    config.warnings ++ map (a: a.message) (builtins.filter (a: !a.assertion) config.assertions);
  generation = home.activationPackage.drvPath;
}
