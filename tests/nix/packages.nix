# The packages of a nixpkgs. Of its lib alone, as github:nix-community/nixpkgs.lib has it: packages that are names, with
# functions that build text, and a NixOS that has no more than the options which nix/module.nix sets.
#
# Those options take anything. So the genuine module system says what the module makes of its own options, and nothing
# says what NixOS makes of that.
{ nixpkgs }:
let
  system = builtins.currentSystem;
  lib = import (nixpkgs + "/lib");

  # By the programs of the root that Nix is in.
  build =
    name: attributes: script:
    derivation (
      attributes
      // {
        inherit name system;
        builder = "/bin/bash";
        args = [
          "-ec"
          # bash would become the last command; Nix kills a builder whose output is closed, as that command does at its end.
          "PATH=/usr/bin\n${script}\n:"
        ];
      }
    );
  writeTextFile =
    {
      name,
      text,
      destination ? "",
      ...
    }:
    build name { inherit text; } ''
      mkdir -p "$(dirname "$out${destination}")"
      printf %s "$text" >"$out${destination}"
    '';

  names = lib.genAttrs [
    "bash"
    "coreutils"
    "gitMinimal"
    "glibcLocales"
    "hermes-install"
    "installShellFiles"
    "lndir"
    "systemd"
    "testers"
  ] (name: build name { version = "257"; } "mkdir $out" // { tests = { }; });

  option = type: default: lib.mkOption { inherit type default; };
  anything = option lib.types.anything { };
  things = option (lib.types.attrsOf lib.types.anything) { };
  list = option (lib.types.listOf lib.types.unspecified) [ ];
  options = {
    inherit anything;
    assertions = list;
    warnings = list;
    boot = anything;
    environment.systemPackages = list;
    fileSystems = anything;
    system = anything;
    systemd = {
      package = option lib.types.package names.systemd;
      packages = list;
      services = things;
      targets = things;
      tmpfiles.settings = anything;
      units = anything;
      user.services = things;
      user.targets = things;
    };
    users = anything;
  };
  nixos =
    modules:
    lib.evalModules {
      specialArgs = { inherit pkgs; };
      modules = modules ++ [
        (
          { config, ... }:
          {
            inherit options;
            # No text, which is NixOS's to make.
            config.systemd.units =
              lib.concatMapAttrs
                (
                  kind:
                  lib.mapAttrs' (
                    name: unit:
                    lib.nameValuePair "${name}.${kind}" {
                      text = "";
                      inherit (unit) wantedBy overrideStrategy;
                    }
                  )
                )
                {
                  service = config.systemd.services;
                  target = config.systemd.targets;
                };
          }
        )
      ];
    };

  pkgs = names // {
    inherit lib nixos writeTextFile;
    # For Home Manager, which reads a few files of NixOS. A whole nixpkgs has no such package.
    stand-ins = options;
    path = nixpkgs;
    stdenv.hostPlatform = lib.systems.elaborate system;
    writeText = name: text: writeTextFile { inherit name text; };
    writeShellScript = pkgs.writeText;
    runCommand = build;
    runCommandLocal = build;
    callPackage = lib.callPackageWith pkgs;
    rustPlatform.buildRustPackage = _: names.hermes-install;
    formats = lib.genAttrs [ "ini" "json" "keyValue" "toml" "yaml" ] (
      _: _: { type = lib.types.anything; }
    );
  };
in
if builtins.pathExists (nixpkgs + "/pkgs") then
  import nixpkgs {
    inherit system;
    config = { };
    overlays = [ ];
  }
else
  pkgs
