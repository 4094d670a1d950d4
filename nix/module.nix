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
      config = pkgs.writeText "hermes-gateway.toml" (rules.toml hermes profiles);
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
        wantedBy = [
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
        serviceConfig = profile.extraServiceConfig;
        unitConfig = more profile;
      }
    );
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
      services = instances "multi-user.target" (_: { }) profiles;
      user.services = instances "default.target" (profile: {
        ConditionUser = map (user: "|${user}") profile.users;
      }) userProfiles;
      tmpfiles.settings.hermes-gateway = lib.mkMerge (
        lib.mapAttrsToList (
          name: profile:
          let
            directory = mode: {
              d = {
                inherit mode;
                inherit (profile) user group;
              };
            };
          in
          {
            ${profile.root} = directory "0750";
          }
          // lib.optionalAttrs (name != "default") {
            "${profile.root}/profiles" = directory "0700";
            ${rules.home name profile} = directory "0700";
          }
        ) profiles
      );
    };

    environment.systemPackages = [ cfg.package ];

    users = lib.mkMerge (
      lib.optionals cfg.createUser (
        lib.mapAttrsToList (_: profile: {
          groups.${profile.group} = { };
          users.${profile.user} = {
            isSystemUser = true;
            inherit (profile) group;
            home = profile.root;
          };
        }) profiles
      )
      ++ lib.mapAttrsToList (_: profile: {
        users = lib.genAttrs profile.users (_: {
          linger = lib.mkDefault true;
        });
      }) userProfiles
    );
  };
}
