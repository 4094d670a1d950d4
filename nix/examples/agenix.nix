# Tokens by agenix. systemd reads the file as root, so it keeps its owner and mode.
{ config, ... }:
{
  age.secrets."hermes.env".file = ./hermes.env.age;
  services.hermes-gateway = {
    enable = true;
    hermesExecutable = "/opt/hermes/bin/hermes";
    profiles.default.environmentFiles = [ config.age.secrets."hermes.env".path ];
  };
}
