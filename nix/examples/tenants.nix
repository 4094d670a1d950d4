# Two bots that see nothing of each other, each with an account, a directory and limits of its own.
{ ... }:
{
  services.hermes-gateway = {
    enable = true;
    hermesExecutable = "/opt/hermes/bin/hermes";
    profiles = {
      alpha = {
        tenant = true;
        memoryHigh = "1G";
      };
      beta = {
        tenant = true;
        memoryHigh = "1G";
      };
    };
  };
}
