# A config.yaml that is there from the start. It is copied where there is none, and from then on hermes' own to write.
{ config, ... }:
let
  inherit (config.services.hermes-gateway) stateDir user group;
in
{
  systemd.tmpfiles.settings.hermes-config."${stateDir}/config.yaml".C = {
    inherit user group;
    mode = "0600";
    argument = builtins.toFile "config.yaml" ''
      model:
        provider: openrouter
    '';
  };
  services.hermes-gateway = {
    enable = true;
    hermesExecutable = "/opt/hermes/bin/hermes";
    profiles.default = { };
  };
}
