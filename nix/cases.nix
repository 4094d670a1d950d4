# Configurations of services.hermes-gateway and what the module has to say to them: `says`, a part of the assertion that
# fails; `refused`, the option whose type does not take it; neither, that it is fine. `agent` is what upstream's module is set to.
let
  hermes.hermesExecutable = "/opt/hermes/bin/hermes";
  one = profile: hermes // { profiles.coder = profile; };
in
{
  plain.settings = hermes // {
    profiles.default = { };
  };
  every-setting.settings = hermes // {
    stateDir = "/srv/hermes";
    user = "agent";
    group = "agents";
    profiles = {
      default = { };
      off.enable = false;
      coder = {
        drainTimeout = 300;
        environment.HERMES_MANAGED = "true";
        environmentFiles = [ "/run/secrets/hermes.env" ];
        credentials.token = "/run/secrets/token";
        restart = "unless-killed";
        hardening = "relaxed";
        memoryHigh = "2G";
        memoryMax = "50%";
        tasksMax = 500;
        cpuWeight = 50;
        readWritePaths = [ "/srv/repositories" ];
        extraServiceConfig.Nice = 5;
      };
      ops = {
        stateDir = "/srv/ops";
        user = "ops";
        group = "ops";
        restart = "never";
      };
    };
  };
  tenants.settings = hermes // {
    profiles = {
      default = { };
      coder.tenant = true;
      poet = {
        tenant = true;
        memoryHigh = "2G";
      };
    };
  };
  people.settings = hermes // {
    userProfiles.coder = {
      users = [ "alice" ];
      drainTimeout = 5;
    };
  };
  nothing-to-run.settings.profiles.default.enable = false;
  beside-upstream = {
    settings = one { };
    agent = {
      enable = true;
      stateDir = "/var/lib/other";
    };
  };
  upstream-switched-off = {
    settings = one { stateDir = "/var/lib/agent/.hermes"; };
    agent = {
      enable = false;
      stateDir = "/var/lib/agent";
    };
  };

  no-hermes = {
    settings.profiles.default = { };
    says = "profile `default` has no hermes to run";
  };
  no-hermes-for-people = {
    settings.userProfiles.default.users = [ "alice" ];
    says = "profile `default` has no hermes to run";
  };
  two-hermes = {
    settings = one { } // {
      hermesPackage = derivation {
        name = "hermes-0.19.0";
        system = "x86_64-linux";
        builder = "/bin/sh";
      };
    };
    says = "are both set";
  };
  tenant-with-an-account = {
    settings = one {
      tenant = true;
      user = "ops";
      stateDir = "/srv/ops";
    };
    says = "whose root is `/var/lib/hermes-tenants/coder/.hermes`, and sets `stateDir`, `user`, too";
  };
  tenant-with-a-long-name = {
    settings = hermes // {
      profiles.abcdefghijklmnopqrstuvwxy.tenant = true;
    };
    says = "choose a name of at most 24 letters";
  };
  account-of-a-tenant = {
    settings = hermes // {
      profiles = {
        coder.tenant = true;
        ops = {
          user = "hermes-coder";
          stateDir = "/srv/ops";
        };
      };
    };
    says = "and `ops` would run as its account `hermes-coder`, too";
  };
  tenant-of-people = {
    settings = hermes // {
      userProfiles.coder = {
        users = [ "alice" ];
        tenant = true;
      };
    };
    refused = "userProfiles.coder.tenant";
  };
  one-home = {
    settings = hermes // {
      profiles = {
        coder = { };
        default.stateDir = "/var/lib/hermes/profiles/coder/";
      };
    };
    says = "profiles `coder` and `default` have one home, `/var/lib/hermes/profiles/coder`";
  };
  home-of-a-profile-as-root = {
    settings = one { stateDir = "/srv/hermes/profiles/ops"; };
    says = "hermes would take `/srv/hermes` for the root";
  };
  one-root-two-accounts = {
    settings = hermes // {
      profiles = {
        coder = { };
        ops.user = "ops";
      };
    };
    says = "run as `hermes` and `ops` but share `/var/lib/hermes`";
  };
  owned-by-upstream = {
    settings = one { stateDir = "/var/lib/agent/.hermes"; };
    agent = {
      enable = true;
      stateDir = "/var/lib/agent";
    };
    says = "`services.hermes-agent` both own `/var/lib/agent/.hermes`";
  };
  root-below-home = {
    settings = one { stateDir = "/home/alice/.hermes"; };
    says = "belongs to a person";
  };
  root-of-root = {
    settings = hermes // {
      stateDir = "/root";
      profiles.default = { };
    };
    says = "belongs to a person";
  };
  another-restart = {
    settings = one { extraServiceConfig.Restart = "always"; };
    says = "sets `extraServiceConfig.Restart`: use `restart`";
  };
  another-command = {
    settings = one { extraServiceConfig.ExecStart = "/bin/sh"; };
    says = "sets `extraServiceConfig.ExecStart`";
  };
  hidden-processes = {
    settings = one { extraServiceConfig.ProtectProc = "invisible"; };
    says = "sets `extraServiceConfig.ProtectProc`";
  };
  another-home-by-environment = {
    settings = one { environment.HERMES_HOME = "/srv"; };
    says = "sets `environment.HERMES_HOME`: use `stateDir`";
  };
  another-path-by-environment = {
    settings = one { environment.PATH = "/bin"; };
    says = "sets `environment.PATH`: use `extraPackages`";
  };

  upper-case = {
    settings = hermes // {
      profiles.Coder = { };
    };
    refused = "profiles.Coder.name";
  };
  reserved-name = {
    settings = hermes // {
      profiles.root = { };
    };
    refused = "profiles.root.name";
  };
  climbing-name = {
    settings = hermes // {
      profiles."../x" = { };
    };
    refused = "profiles.\"../x\".name";
  };
  restart-always = {
    settings = one { restart = "always"; };
    refused = "profiles.coder.restart";
  };
  no-such-hardening = {
    settings = one { hardening = "none"; };
    refused = "profiles.coder.hardening";
  };
  wrapped-executable = {
    settings = one { } // {
      hermesExecutable = "/opt/hermes/bin/.hermes-wrapped";
    };
    refused = "hermesExecutable";
  };
  secret-in-the-store = {
    settings = one { environmentFiles = [ (builtins.toFile "secret" "TOKEN=1") ]; };
    refused = "profiles.coder.environmentFiles";
  };
  secret-to-be-copied = {
    settings = one { credentials.token = /run/secrets/token; };
    refused = "profiles.coder.credentials.token";
  };
  directory-to-be-copied = {
    settings = one { readWritePaths = [ ./examples ]; };
    refused = "profiles.coder.readWritePaths";
  };
  root-to-be-copied = {
    settings = one { } // {
      stateDir = ./examples;
    };
    refused = "stateDir";
  };
  relative-root = {
    settings = one { } // {
      stateDir = "hermes";
    };
    refused = "stateDir";
  };
  heavy = {
    settings = one { cpuWeight = 10001; };
    refused = "profiles.coder.cpuWeight";
  };
  negative-drain = {
    settings = one { drainTimeout = -1; };
    refused = "profiles.coder.drainTimeout";
  };
}
