# What `nix flake check` does: the package, the units beside tests/golden, the module's cases, formatting, and the VM tests.
{ self, pkgs }:
let
  inherit (pkgs) lib;
  inherit (pkgs.stdenv.hostPlatform) system;
  inherit (self.packages.${system}) hermes-install;

  # A NixOS as small as it may be, with this for services.hermes-gateway.
  evaluate =
    case:
    (pkgs.nixos [
      self.nixosModules.default
      {
        boot.loader.grub.enable = false;
        fileSystems."/".device = "none";
        fileSystems."/".fsType = "tmpfs";
        system.stateVersion = lib.trivial.release;
        users.users.alice.isNormalUser = true;
        services.hermes-gateway = {
          enable = true;
          package = hermes-install;
        }
        // case.settings;
      }
      (case.module or { })
      (lib.optionalAttrs (case ? agent) {
        # What the module reads of upstream's.
        options.services.hermes-agent = lib.genAttrs [ "enable" "stateDir" ] (_: lib.mkOption { });
        config.services.hermes-agent = case.agent;
      })
    ]).config;

  # Directives of a unit's text without [Install], which NixOS does not read; variables by their names.
  directives =
    text:
    lib.concatMap (
      line:
      let
        variable = builtins.match "Environment=\"?([A-Z_]+)=.*" line;
        other = builtins.match "([A-Za-z-]+)=.*" line;
      in
      if variable != null then
        variable
      else if other != null then
        other
      else
        [ ]
    ) (lib.splitString "\n" (lib.head (lib.splitString "[Install]" text)));

  rendered = directives (
    builtins.readFile (../tests/golden/nix/system-257/lib/systemd/system + "/hermes-gateway@.service")
  );

  # Why a case is not as it should be; null when it is.
  wrong =
    case:
    let
      config = evaluate case;
      failed = map (a: a.message) (lib.filter (a: !a.assertion) config.assertions);
      taken = builtins.tryEval (builtins.deepSeq (map toString config.systemd.packages) failed);
      ours = lib.filterAttrs (name: _: lib.hasPrefix "hermes-gateway@" name) config.systemd.units;
      hidden = lib.concatMap (unit: lib.intersectLists rendered (directives unit.text)) (
        lib.attrValues ours
      );
    in
    if case ? refused then
      if taken.success then "no type refuses it" else null
    else if !taken.success then
      "a type refuses it"
    else if case ? says then
      if lib.any (lib.hasInfix case.says) failed then null else "nobody says ${case.says}"
    else if failed != [ ] || config.warnings != [ ] then
      toString (failed ++ config.warnings)
    else if hidden != [ ] then
      "NixOS's drop-in sets what the rendered unit sets: ${toString hidden}"
    else
      null;

  cases = lib.mapAttrs' (
    name: case:
    let
      reason = wrong case;
    in
    lib.nameValuePair "module-${name}" (
      if reason == null then
        pkgs.runCommandLocal "hermes-gateway-module-${name}" { } "touch $out"
      else
        throw "case ${name} of nix/cases.nix: ${reason}"
    )
  ) (import ./cases.nix // examples);

  # Each with what it reads of sops-nix and agenix.
  examples = lib.mapAttrs' (
    file: _:
    lib.nameValuePair "example-${lib.removeSuffix ".nix" file}" {
      settings = { };
      module = {
        imports = [ (./examples + "/${file}") ];
        options.sops.secrets = secrets "/run/secrets";
        options.age.secrets = secrets "/run/agenix";
      };
    }
  ) (builtins.readDir ./examples);
  secrets =
    directory:
    lib.mkOption {
      default = { };
      type = lib.types.attrsOf (
        lib.types.submodule (
          { name, ... }:
          {
            freeformType = lib.types.attrsOf lib.types.anything;
            options.path = lib.mkOption { default = "${directory}/${name}"; };
          }
        )
      );
    };

  units = lib.mapAttrs' (
    name: _:
    let
      parts = lib.splitString "-" name;
    in
    lib.nameValuePair "units-${name}" (
      pkgs.runCommandLocal "hermes-gateway-units-${name}"
        {
          expected = ../tests/golden/nix + "/${name}";
          rendered = import ./units.nix {
            inherit system hermes-install;
            scope = lib.head parts;
            systemd = lib.last parts;
          };
        }
        ''
          cp --recursive --no-preserve=mode $rendered rendered
          find rendered -type f -exec sed -i \
            's|${hermes-install}|/nix/store/00000000000000000000000000000000-hermes-install|' {} +
          diff --recursive $expected rendered
          touch $out
        ''
    )
  ) (builtins.readDir ../tests/golden/nix);

  sources = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../flake.nix
      ./.
    ];
  };
in
{
  package = hermes-install;
  format = pkgs.runCommandLocal "hermes-install-nixfmt" { nativeBuildInputs = [ pkgs.nixfmt-rs ]; } ''
    find ${sources} -name '*.nix' -exec nixfmt --check {} +
    touch $out
  '';
  dead-code =
    pkgs.runCommandLocal "hermes-install-deadnix" { nativeBuildInputs = [ pkgs.deadnix ]; }
      ''
        deadnix --fail ${sources}
        touch $out
      '';
}
// units
// cases
// lib.mapAttrs' (name: lib.nameValuePair "vm-${name}") hermes-install.tests
