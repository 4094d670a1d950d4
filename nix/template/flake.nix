{
  description = "A NixOS with one Hermes gateway";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";
    hermes-install.url = "github:THE_OWNER/hermes-install";
    hermes-agent.url = "github:NousResearch/hermes-agent";
  };

  outputs =
    {
      nixpkgs,
      hermes-install,
      hermes-agent,
      ...
    }:
    {
      nixosConfigurations.host = nixpkgs.lib.nixosSystem {
        modules = [
          hermes-install.nixosModules.hermes-gateway
          # Made by nixos-generate-config.
          ./hardware-configuration.nix
          (
            { pkgs, ... }:
            {
              services.hermes-gateway = {
                enable = true;
                hermesPackage = hermes-agent.packages.${pkgs.stdenv.hostPlatform.system}.default;
                profiles.default = {
                  # A file with the tokens, from sops-nix, agenix or by hand; it has to be there before the first start.
                  # environmentFiles = [ "/run/secrets/hermes.env" ];
                };
              };
            }
          )
        ];
      };
    };
}
