# The configuration whose units are booted.
{
  hermesExecutable = "/opt/hermes/bin/hermes";
  profiles = {
    default = { };
    coder.memoryHigh = "1G";
  };
}
