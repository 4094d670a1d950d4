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

      overlays.default = final: _: { hermes-install = final.callPackage ./nix/package.nix { }; };

      nixosModules.default = ./nix/module.nix;
      homeModules.default = ./nix/home-module.nix;

      checks = eachSystem (pkgs: import ./nix/checks.nix { inherit self pkgs; });

      formatter = eachSystem (pkgs: pkgs.nixfmt-rs);
    };
}
