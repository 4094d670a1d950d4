# The options of services.hermes-gateway. Data: the NixOS and the Home Manager module share them, and say with `scope`
# which manager they are for; an option that the scope cannot honour does not exist there.
{ lib, pkgs }:
let
  inherit (lib) mkOption types literalExpression;
  inherit (import ./settings.nix) badName;

  # Written as a string. Nix would copy what `/run/secrets/token` without quotes names into the store, where secrets are
  # read by every account and nothing can be written.
  path = types.pathWith {
    absolute = true;
    inStore = false;
  };
  account = types.strMatching "[a-z_][a-z0-9_-]*";
  value = types.oneOf [
    types.bool
    types.int
    types.str
    types.path
  ];

  profileOptions =
    name: system:
    {
      name = mkOption {
        type = types.addCheck types.str (name: !badName name) // {
          description = "name of a profile: a-z, 0-9, _ and -, and not hermes, root, sudo, test or tmp";
        };
        default = name;
        readOnly = true;
        internal = true;
        description = "The name that hermes knows the profile by.";
      };
      enable = mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = "Whether this profile's gateway runs. A profile that is switched off keeps its data.";
      };
      autoStart = mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = ''
          Whether it starts with the ${
            if system then "system" else "manager"
          }. A switch starts it, too, when it is down,
          also when somebody stopped it by hand; with `false` nobody but `systemctl start` does.
        '';
      };
      drainTimeout = mkOption {
        type = types.nullOr types.ints.unsigned;
        default = null;
        example = 300;
        description = ''
          Seconds that a stop, and so a restart by a new configuration, may wait for running turns. systemd's own
          timeout follows it. `null` leaves it to the gateway.
        '';
      };
      environment = mkOption {
        type = types.attrsOf types.str;
        default = { };
        example = {
          HERMES_MANAGED = "true";
        };
        description = ''
          Environment variables that are no secret. `.env` in the profile wins over them. `HERMES_MANAGED` makes hermes
          refuse changes of its own installation and configuration.
        '';
      };
      environmentFiles = mkOption {
        type = types.listOf path;
        default = [ ];
        example = [ "/run/secrets/hermes.env" ];
        description = ''
          Files with environment variables; systemd reads them at each start, and without one of them nothing starts: let
          it be there before. Never in the Nix store.
        '';
      };
      credentials = mkOption {
        type = types.attrsOf path;
        default = { };
        example = {
          "bot-token" = "/run/secrets/bot-token";
        };
        description = ''
          Files that systemd hands to the gateway alone, under these names in `$CREDENTIALS_DIRECTORY`
          ({manpage}`systemd.exec(5)`, `LoadCredential=`). Never in the Nix store.
        '';
      };
      restart = mkOption {
        type = types.enum [
          "on-failure"
          "unless-killed"
          "never"
        ];
        default = "on-failure";
        example = "unless-killed";
        description = ''
          When a gateway that ended comes back. `on-failure`: after every crash. `unless-killed`: not when it was killed
          (SIGKILL, and so the OOM killer, too). `never`: not by itself. None brings back a gateway that was stopped or
          replaced, and a planned restart comes back under each; a policy that would do otherwise is not offered.
        '';
      };
      hardening = mkOption {
        type = types.enum [
          "strict"
          "relaxed"
        ];
        default = "strict";
        example = "relaxed";
        description = ''
          `strict`: the sandbox that the unit is shipped with. `relaxed`: tools may use devices, containers and programs
          that gain rights, such as sudo${lib.optionalString system "; the file system stays protected"}.
        '';
      };
      memoryHigh = mkOption {
        type = types.nullOr types.nonEmptyStr;
        default = null;
        example = "2G";
        description = "Memory above which the gateway is slowed down ({manpage}`systemd.resource-control(5)`).";
      };
      memoryMax = mkOption {
        type = types.nullOr types.nonEmptyStr;
        default = null;
        example = "4G";
        description = "Memory that the gateway cannot exceed ({manpage}`systemd.resource-control(5)`).";
      };
      tasksMax = mkOption {
        type = types.nullOr types.ints.positive;
        default = null;
        example = 500;
        description = "How many processes and threads the gateway and its tools may have at a time ({manpage}`systemd.resource-control(5)`).";
      };
      cpuWeight = mkOption {
        type = types.nullOr (types.ints.between 1 10000);
        default = null;
        example = 50;
        description = "The gateway's share of a processor that others want, too; what says nothing has 100 ({manpage}`systemd.resource-control(5)`).";
      };
      extraServiceConfig = mkOption {
        type = types.attrsOf (types.either value (types.listOf value));
        default = { };
        example = {
          Nice = 5;
        };
        description = ''
          Further directives for the `[Service]` section. Those that decide who runs, and whether it comes back, are
          refused.
        '';
      };
    }
    // lib.optionalAttrs system {
      tenant = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = ''
          Whether the profile is a tenant: with an account `hermes-NAME` and a hermes root `/var/lib/hermes-tenants/NAME/.hermes` of its own, and
          nothing of other gateways in sight. It begins with an empty root: data of before have to be moved there.
        '';
      };
      stateDir = mkOption {
        type = types.nullOr path;
        default = null;
        example = "/srv/hermes";
        description = "The hermes root of this profile. `null`: that of `services.hermes-gateway.stateDir`.";
      };
      user = mkOption {
        type = types.nullOr account;
        default = null;
        example = "hermes-ops";
        description = "The account of this profile. `null`: that of `services.hermes-gateway.user`.";
      };
      group = mkOption {
        type = types.nullOr account;
        default = null;
        example = "hermes-ops";
        description = "The group of this profile. `null`: that of `services.hermes-gateway.group`.";
      };
      readWritePaths = mkOption {
        type = types.listOf path;
        default = [ ];
        example = [ "/srv/repositories" ];
        description = "Paths beside the hermes root that the gateway and its tools may write.";
      };
    };

  # Profiles by name, with the options of their scope and these.
  profiles =
    scope: more:
    types.attrsOf (
      types.submodule (
        { name, ... }:
        {
          options = profileOptions name (scope == "system") // more;
        }
      )
    );

  # What a service of this scope has. `stateDir` is the hermes root when no other is set, `stateDirText` how to say it.
  service =
    {
      scope,
      stateDir,
      stateDirText ? null,
    }:
    let
      system = scope == "system";
    in
    {
      enable = lib.mkEnableOption "Hermes gateways, one per profile";

      package = mkOption {
        type = types.package;
        default = pkgs.callPackage ./package.nix { };
        defaultText = literalExpression "hermes-install of this flake";
        example = literalExpression "inputs.hermes-install.packages.\${pkgs.stdenv.hostPlatform.system}.default";
        description = "The hermes-install whose launcher and templates the units use.";
      };

      hermesPackage = mkOption {
        type = types.nullOr types.package;
        default = null;
        example = literalExpression "inputs.hermes-agent.packages.\${pkgs.stdenv.hostPlatform.system}.default";
        description = ''
          The package with `bin/hermes`; `pkgs.hermes-agent` where an overlay provides that and no `hermesExecutable` is set.
          One whose program is really called `.hermes-wrapped` is run under its proper name,
          or refused when it is built: other gateways would not know it for one, and would start beside it.
        '';
      };

      guard = mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = ''
          Whether units that `hermes gateway install` writes are made safe by drop-ins that wait for them${lib.optionalString system ", in the managers of all users, too"}.
        '';
      };

      hermesExecutable = mkOption {
        type = types.nullOr (types.strMatching "/(.*/)?hermes");
        default = null;
        example = "/opt/hermes/bin/hermes";
        description = ''
          The hermes executable, in place of `hermesPackage`: one that Nix does not build, such as a virtual environment. It
          has to be called `hermes`.
        '';
      };

      stateDir = mkOption (
        {
          type = path;
          default = stateDir;
          example = "/srv/hermes";
          description = ''
            The hermes root: the home of the profile `default`; the others are below `profiles` in it. Not `.hermes` in it.
          '';
        }
        // lib.optionalAttrs (stateDirText != null) { defaultText = stateDirText; }
      );

      extraPackages = mkOption {
        type = types.listOf types.package;
        default = [ ];
        example = literalExpression "[ pkgs.nodejs pkgs.ripgrep ]";
        description = "Packages that the gateways and their tools find on PATH, before git and the system's own.";
      };

      profiles = mkOption {
        type = profiles scope { };
        default = { };
        example = literalExpression ''
          {
            default = { };
            coder.readWritePaths = [ "/srv/repositories" ];
          }
        '';
        description = "The profiles that have a gateway, by name.";
      };
    }
    // lib.optionalAttrs system {
      user = mkOption {
        type = account;
        default = "hermes";
        example = "hermes-agent";
        description = "The account that the gateways run as.";
      };
      group = mkOption {
        type = account;
        default = "hermes";
        example = "hermes-agent";
        description = "The group that the gateways run as.";
      };
      createUser = mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = "Whether the accounts and groups are created.";
      };
    };
in
{
  inherit profiles service;
}
