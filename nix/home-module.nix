# Home Manager: the same options and the same rendered units, in the manager of one person. Home Manager has no drop-ins
# for units of others, so what it adds is a file beside the rendered ones.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.hermes-gateway;
  options = import ./options.nix { inherit lib pkgs; };
  rules = import ./settings.nix;

  hermes =
    if cfg.hermesPackage != null then
      "${pkgs.callPackage ./hermes.nix { } cfg.hermesPackage}/bin/hermes"
    else
      cfg.hermesExecutable;
  profiles = rules.enabled cfg;

  units = import ./units.nix {
    scope = "user";
    inherit (pkgs.stdenv.hostPlatform) system;
    hermes-install = cfg.package;
    # The host's systemd is not known here; newer ones read what the oldest does.
    systemd = 252;
    config = pkgs.writeText "hermes-gateway.toml" (rules.file cfg hermes profiles);
    hermesVersion = if cfg.hermesPackage == null then null else lib.getVersion cfg.hermesPackage;
  };

  rendered = name: { source = "${units}/lib/systemd/user/${name}"; };
  template = rendered "hermes-gateway@.service";
in
{
  options.services.hermes-gateway = options.service {
    scope = "user";
    stateDir = "${config.home.homeDirectory}/.hermes";
    stateDirText = lib.literalExpression ''"''${config.home.homeDirectory}/.hermes"'';
  };

  config = lib.mkIf cfg.enable {
    services.hermes-gateway.hermesPackage = lib.mkIf (
      pkgs ? hermes-agent && cfg.hermesExecutable == null
    ) (lib.mkDefault pkgs.hermes-agent);

    assertions = rules.assertions {
      inherit cfg;
      system = false;
    };

    home.packages = [ cfg.package ];

    xdg.configFile = lib.mapAttrs' (name: lib.nameValuePair "systemd/user/${name}") (
      {
        "hermes-gateway@.service" = template;
        "hermes-gateway.target" = rendered "hermes-gateway.target";
        "default.target.wants/hermes-gateway.target" = rendered "hermes-gateway.target";
      }
      // lib.optionalAttrs cfg.guard (
        lib.genAttrs [
          "hermes-gateway.service.d/50-hermes-install-guard.conf"
          "hermes-gateway-.service.d/50-hermes-install-guard.conf"
        ] rendered
      )
      // lib.concatMapAttrs (
        name: profile:
        let
          unit = "hermes-gateway@${name}.service";
          path = lib.makeBinPath (cfg.extraPackages ++ [ pkgs.gitMinimal ]);
          environment = profile.environment // {
            PATH = "${path}:%h/.nix-profile/bin:/etc/profiles/per-user/%u/bin:/run/current-system/sw/bin:/usr/local/bin:/usr/bin:/bin";
          };
        in
        {
          "${unit}.d/50-hermes-install.conf" = rendered "${unit}.d/50-hermes-install.conf";
          "${unit}.d/60-home-manager.conf".text =
            lib.generators.toINI
              {
                listsAsDuplicateKeys = true;
                # As Home Manager writes its own units.
                mkKeyValue =
                  key: value: "${key}=${if lib.isBool value then lib.boolToString value else toString value}";
              }
              {
                Service = profile.extraServiceConfig // {
                  ExecStartPre = [
                    (rules.makeHome pkgs.coreutils (rules.literally (rules.home name profile)))
                  ]
                  ++ lib.toList (profile.extraServiceConfig.ExecStartPre or [ ]);
                  Environment = lib.mapAttrsToList (key: value: builtins.toJSON "${key}=${value}") environment;
                };
              };
        }
        // lib.optionalAttrs profile.autoStart {
          "default.target.wants/${unit}" = template;
          "hermes-gateway.target.wants/${unit}" = template;
        }
      ) profiles
    );
  };
}
