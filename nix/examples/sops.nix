# Tokens by sops-nix: decrypted before services start; a switch with other ones restarts the gateway that reads them.
{ config, ... }:
{
  sops.secrets."hermes.env".restartUnits = [ "hermes-gateway@default.service" ];
  services.hermes-gateway = {
    enable = true;
    hermesExecutable = "/opt/hermes/bin/hermes";
    profiles.default.environmentFiles = [ config.sops.secrets."hermes.env".path ];
  };
}
