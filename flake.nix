{
  description = "Safe systemd units for Hermes gateways";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      eachSystem =
        f: lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (system: f nixpkgs.legacyPackages.${system});
    in
    {
      packages = eachSystem (pkgs: rec {
        hermes-install = pkgs.callPackage ./nix/package.nix { };
        default = hermes-install;
      });

      apps = eachSystem (
        pkgs:
        let
          program = self.packages.${pkgs.stdenv.hostPlatform.system}.hermes-install;
        in
        rec {
          hermes-install = {
            type = "app";
            program = lib.getExe program;
            meta = { inherit (program.meta) description; };
          };
          default = hermes-install;
        }
      );

      overlays = rec {
        hermes-install = final: _: { hermes-install = final.callPackage ./nix/package.nix { }; };
        default = hermes-install;
      };

      nixosModules = rec {
        hermes-gateway = ./nix/module.nix;
        default = hermes-gateway;
      };
      homeModules = rec {
        hermes-gateway = ./nix/home-module.nix;
        default = hermes-gateway;
      };

      templates.default = {
        path = ./nix/template;
        description = "A NixOS with one Hermes gateway";
      };

      checks = eachSystem (pkgs: import ./nix/checks.nix { inherit self pkgs; });

      formatter = eachSystem (pkgs: pkgs.nixfmt-rs);
    };
}
