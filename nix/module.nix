# NixOS: the rendered units through systemd.packages, and for each profile a drop-in with what only NixOS knows. It sets
# nothing that the rendered unit or its own drop-in sets; a check compares the two.
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
  people = cfg // {
    profiles = cfg.userProfiles;
    stateDir = null;
    user = null;
    group = null;
  };
  profiles = rules.enabled cfg;
  userProfiles = rules.enabled people;
  agent = config.services.hermes-agent or { };

  units =
    scope: profiles:
    import ./units.nix {
      inherit scope;
      inherit (pkgs.stdenv.hostPlatform) system;
      hermes-install = cfg.package;
      systemd = lib.versions.major config.systemd.package.version;
      config = pkgs.writeText "hermes-gateway.toml" (rules.file cfg hermes profiles);
      hermesVersion = if cfg.hermesPackage == null then null else lib.getVersion cfg.hermesPackage;
    };

  # The instances of the template unit, as drop-ins beside the rendered one.
  instances =
    boot: more:
    lib.mapAttrs' (
      name: profile:
      lib.nameValuePair "hermes-gateway@${name}" {
        overrideStrategy = "asDropin";
        # NixOS reads no [Install] section.
        wantedBy = lib.optionals profile.autoStart [
          boot
          "hermes-gateway.target"
        ];
        # NixOS's own PATH would hide the manager's; this one says what a gateway's tools may expect.
        enableDefaultPath = false;
        path = cfg.extraPackages ++ [
          pkgs.gitMinimal
          "/run/current-system/sw"
        ];
        inherit (profile) environment;
        # A stop by the old unit, which waits for running turns, and a start by the new one.
        restartTriggers = [ (rules.toml hermes { ${name} = profile; }) ];
        serviceConfig = profile.extraServiceConfig // (more name profile).serviceConfig;
        unitConfig = (more name profile).unitConfig;
      }
    );

  # Of a person whose home is not there yet. hermes' root is where the user's template unit says.
  ofPeople = name: profile: {
    unitConfig.ConditionUser = map (user: "|${user}") profile.users;
    serviceConfig.ExecStartPre = [
      (rules.makeHome pkgs.coreutils (rules.home name (profile // { root = "%h/.hermes"; })))
    ]
    ++ lib.toList (profile.extraServiceConfig.ExecStartPre or [ ]);
  };
  ofSystem = _: _: {
    unitConfig = { };
    serviceConfig = { };
  };

  # The group of all, which a person or another unit may name.
  group = boot: {
    hermes-gateway = {
      overrideStrategy = "asDropin";
      wantedBy = [ boot ];
    };
  };
in
{
  options.services.hermes-gateway =
    options.service {
      scope = "system";
      stateDir = "/var/lib/hermes";
    }
    // {
      userProfiles = lib.mkOption {
        type = options.profiles "user" {
          users = lib.mkOption {
            type = lib.types.nonEmptyListOf lib.types.str;
            example = [ "alice" ];
            description = "The people in whose managers it runs, from boot on. Everybody's profile is in `~/.hermes`.";
          };
        };
        default = { };
        example = {
          default.users = [ "alice" ];
        };
        description = ''
          Profiles that run in the managers of people, by name, with the options that Home Manager's have. Any other person can still say
          `systemctl --user enable --now hermes-gateway@NAME`.
        '';
      };
    };

  config = lib.mkIf cfg.enable {
    services.hermes-gateway.hermesPackage = lib.mkIf (
      pkgs ? hermes-agent && cfg.hermesExecutable == null
    ) (lib.mkDefault pkgs.hermes-agent);

    assertions =
      rules.assertions {
        inherit cfg;
        agentHome = if agent.enable or false then "${agent.stateDir}/.hermes" else null;
      }
      ++ rules.assertions {
        cfg = people;
        option = "services.hermes-gateway (userProfiles)";
        system = false;
      };

    systemd = {
      packages = [
        (units "system" profiles)
        (units "user" userProfiles)
      ];
      services = instances "multi-user.target" ofSystem profiles;
      targets = group "multi-user.target";
      user.services = instances "default.target" ofPeople userProfiles;
      user.targets = lib.mkIf (userProfiles != { }) (group "default.target");
      tmpfiles.settings.hermes-gateway = lib.mkMerge (
        lib.mapAttrsToList (
          name: profile: lib.mapAttrs (_: d: { inherit d; }) (rules.directories name profile)
        ) profiles
      );
    };

    environment.systemPackages = [ cfg.package ];

    users = lib.mkMerge (
      lib.optionals cfg.createUser (map rules.account (lib.attrValues profiles))
      ++ lib.mapAttrsToList (_: profile: {
        users = lib.genAttrs profile.users (_: {
          linger = lib.mkDefault true;
        });
      }) userProfiles
    );
  };
}
