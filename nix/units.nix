# The units of one manager, as files, rendered by the program itself: the builder is hermes-install, its input the
# settings in TOML, its templates those of every other package. No shell, no nixpkgs, nothing read back at evaluation.
{
  system,
  hermes-install,
  scope,
  # The systemd version that the units are for.
  systemd,
  # A file of settings, or null for the shared units alone.
  config ? null,
  # The version of hermes; 0.16 and 0.17 need a line more.
  hermesVersion ? null,
}:
derivation {
  name = "hermes-gateway-${scope}-units";
  inherit system;
  builder = "${hermes-install}/bin/hermes-install";
  args = [
    "render"
    "--layout=nix"
    "--scope=${scope}"
    "--systemd=${toString systemd}"
    "--prefix=${hermes-install}"
    "--output=${placeholder "out"}"
  ]
  ++ (if config == null then [ ] else [ "--config=${config}" ])
  ++ (if hermesVersion == null then [ ] else [ "--hermes-version=${hermesVersion}" ]);
  # For whoever wants to see them; the program reads the file.
  settings = config;
  preferLocalBuild = true;
  allowSubstitutes = false;
}
