# From option values to what the program reads, and the rules that they must keep. Pure, in the language's own functions
# alone: whoever has a Nix can evaluate it, without nixpkgs.
let
  inherit (builtins)
    attrNames
    baseNameOf
    concatMap
    concatStringsSep
    dirOf
    elem
    elemAt
    filter
    isAttrs
    match
    substring
    toJSON
    ;

  reserved = [
    "hermes"
    "root"
    "sudo"
    "test"
    "tmp"
  ];

  # Directives that the launcher, the one-owner rule and the restart policy rest on, and where to turn instead.
  contract =
    let
      own = "they are what keeps a gateway from being run twice or brought back; leave them out";
    in
    {
      BusName = own;
      Environment = "use `environment`";
      EnvironmentFile = "use `environmentFiles`";
      ExecCondition = own;
      ExecReload = own;
      ExecStart = own;
      ExecStop = own;
      ExecStopPost = own;
      Group = "use `group`";
      GuessMainPID = own;
      KillMode = own;
      KillSignal = own;
      LoadCredential = "use `credentials`";
      PIDFile = own;
      PrivatePIDs = own;
      ProtectProc = own;
      RemainAfterExit = own;
      Restart = "use `restart`";
      RestartForceExitStatus = own;
      RestartPreventExitStatus = "use `restart`";
      SendSIGKILL = own;
      SuccessExitStatus = own;
      TimeoutStopSec = "use `drainTimeout`";
      Type = own;
      User = "use `user`";
    };

  # Variables that the unit sets, and where to turn instead.
  variables = {
    HERMES_GATEWAY_MAX_STARTS = "leave it out; pauses between starts are systemd's";
    HERMES_HOME = "use `stateDir`";
    HERMES_INSTALL_HERMES = "use `hermesPackage` or `hermesExecutable`";
    HERMES_RESTART_DRAIN_TIMEOUT = "use `drainTimeout`";
    PATH = "use `extraPackages`";
  };

  # As src/profile.rs has them; systemd makes no account with a longer name.
  tenants = "/var/lib/hermes-tenants";
  longestTenant = 24;

  optional = condition: value: if condition then [ value ] else [ ];
  under = top: path: path == top || substring 0 (builtins.stringLength top + 1) path == "${top}/";
  or' = value: other: if value == null then other else value;

  # Without slashes at its end.
  plain = path: if path == null then null else builtins.head (match "(.*[^/])/*" path);
in
rec {
  # Whether hermes refuses this profile name (profiles.py of 0.13 to 0.22), or reserves it.
  badName = name: match "[a-z0-9][a-z0-9_-]{0,63}" name == null || elem name reserved;

  # The profiles that run, with what they take over from the service.
  enabled =
    cfg:
    builtins.listToAttrs (
      concatMap (
        name:
        let
          profile = cfg.profiles.${name};
        in
        optional profile.enable {
          # Through its option, whose type refuses a bad one.
          inherit (profile) name;
          value =
            profile
            // (
              if profile.tenant or false then
                {
                  tenant = true;
                  root = "${tenants}/${name}/.hermes";
                  user = "hermes-${name}";
                  group = "hermes-${name}";
                }
              else
                {
                  tenant = false;
                  root = plain (or' (profile.stateDir or null) cfg.stateDir);
                  user = or' (profile.user or null) (cfg.user or null);
                  group = or' (profile.group or null) (cfg.group or null);
                }
            );
        }
      ) (attrNames cfg.profiles)
    );

  # The home of one profile. A root of null is the one that the template unit names. For hermes, a tenant is the default
  # profile of its own root.
  home =
    name: profile:
    if name == "default" || profile.tenant or false then
      profile.root
    else
      "${profile.root}/profiles/${name}";

  # The directories of one profile, open to its account alone, and where tenants live, which is root's.
  directories =
    name: profile:
    let
      # As hermes makes them.
      own = {
        mode = "0700";
        inherit (profile) user group;
      };
    in
    if profile.tenant then
      {
        ${tenants} = {
          mode = "0711";
          user = "root";
          group = "root";
        };
        ${dirOf profile.root} = own;
        ${profile.root} = own;
      }
    else
      {
        ${profile.root} = own;
      }
      // (
        if name == "default" then
          { }
        else
          {
            "${profile.root}/profiles" = own;
            ${home name profile} = own;
          }
      );

  # The account of one profile, as NixOS declares accounts.
  account = profile: {
    groups.${profile.group} = { };
    users.${profile.user} = {
      isSystemUser = true;
      inherit (profile) group;
      home = if profile.tenant then dirOf profile.root else profile.root;
    };
  };

  # One profile's settings under the names that hermes-install reads; null and empty ones are left to it.
  settings = hermes: profile: {
    inherit hermes;
    # A tenant's account and root follow from its name.
    tenant = if profile.tenant then true else null;
    home = if profile.tenant then null else profile.root;
    run-as = if profile.tenant then null else profile.user;
    group = if profile.tenant then null else profile.group;
    environment-files = profile.environmentFiles;
    inherit (profile) credentials restart hardening;
    drain-timeout = profile.drainTimeout;
    read-write-paths = profile.readWritePaths or [ ];
    memory-high = profile.memoryHigh;
    memory-max = profile.memoryMax;
    tasks-max = profile.tasksMax;
    cpu-weight = profile.cpuWeight;
  };

  # All settings in TOML. Strings, numbers and lists are written alike in JSON.
  toml =
    hermes: profiles:
    let
      line =
        key: value:
        if value == null || value == [ ] then
          ""
        else if isAttrs value then
          concatStringsSep "" (
            map (name: "${key}.${toJSON name} = ${toJSON value.${name}}\n") (attrNames value)
          )
        else
          "${key} = ${toJSON value}\n";
      section =
        name:
        let
          set = settings hermes profiles.${name};
        in
        "[profiles.${name}]\n" + concatStringsSep "" (map (key: line key set.${key}) (attrNames set));
    in
    concatStringsSep "\n" (map section (attrNames profiles));

  # The file of settings that the units are rendered from.
  file =
    cfg: hermes: profiles:
    (if cfg.guard then "" else "guard = false\n\n") + toml hermes profiles;

  # A directory for a profile of a person, as a command of systemd's (systemd.service(5), "Command lines"). The unit's
  # UMask= closes it to others; what is there already stays as it is.
  makeHome =
    coreutils: directory:
    let
      quoted = toJSON (builtins.replaceStrings [ "$" ] [ "$$" ] directory);
    in
    "${coreutils}/bin/mkdir --parents ${quoted}";

  # A path as it is, where specifiers would be replaced.
  literally = builtins.replaceStrings [ "%" ] [ "%%" ];

  # What must hold, with the way out. `agentHome` is the HERMES_HOME of upstream's module when that runs, too.
  assertions =
    {
      cfg,
      option ? "services.hermes-gateway",
      system ? true,
      agentHome ? null,
    }:
    let
      profiles = enabled cfg;
      names = attrNames profiles;
      pairs = concatMap (
        a:
        concatMap (
          b:
          optional (a < b) [
            a
            b
          ]
        ) names
      ) names;
      homeOf = name: home name profiles.${name};
      each = check: concatMap check names;
    in
    [
      {
        assertion = names == [ ] || cfg.hermesPackage != null || cfg.hermesExecutable != null;
        message = "${option}: profile `${concatStringsSep "`, `" names}` has no hermes to run; set `${option}.hermesPackage` to a package with bin/hermes, or `${option}.hermesExecutable` to a path";
      }
      {
        assertion = cfg.hermesPackage == null || cfg.hermesExecutable == null;
        message = "${option}: `hermesPackage` and `hermesExecutable` are both set, and only one can run; take one away";
      }
    ]
    ++ map (pair: {
      assertion = homeOf (elemAt pair 0) != homeOf (elemAt pair 1);
      message = "${option}: profiles `${elemAt pair 0}` and `${elemAt pair 1}` have one home, `${homeOf (elemAt pair 0)}`, and two gateways would want it; give one of them another `stateDir`, or take it away";
    }) pairs
    ++ map (
      pair:
      let
        a = profiles.${elemAt pair 0};
        b = profiles.${elemAt pair 1};
      in
      {
        assertion = a.root != b.root || a.user == b.user;
        message = "${option}: profiles `${elemAt pair 0}` and `${elemAt pair 1}` run as `${toString a.user}` and `${toString b.user}` but share `${a.root}`, where both write; give one of them a `stateDir` of its own";
      }
    ) pairs
    ++ each (
      name:
      let
        profile = cfg.profiles.${name};
        own = filter (key: profile.${key} or null != null) [
          "stateDir"
          "user"
          "group"
        ];
      in
      optional (profiles.${name}.tenant) {
        assertion = own == [ ];
        message = "${option}: profile `${name}` is a tenant, whose account is `${profiles.${name}.user}` and whose root is `${profiles.${name}.root}`, and sets `${concatStringsSep "`, `" own}`, too; take the one or the other away";
      }
    )
    ++ each (
      name:
      optional (profiles.${name}.tenant) {
        assertion = builtins.stringLength name <= longestTenant;
        message = "${option}: profile `${name}` is a tenant, and no account has a name as long as `${profiles.${name}.user}`; choose a name of at most ${toString longestTenant} letters";
      }
    )
    ++ each (
      name:
      let
        inherit (profiles.${name}) tenant user;
        others = filter (other: other != name && profiles.${other}.user == user) names;
      in
      optional tenant {
        assertion = others == [ ];
        message = "${option}: profile `${name}` is a tenant, and `${concatStringsSep "`, `" others}` would run as its account `${user}`, too; give that one another `user`";
      }
    )
    ++ each (
      name:
      optional system {
        assertion =
          filter (top: under top (toString profiles.${name}.root)) [
            "/home"
            "/root"
            "/run/user"
          ] == [ ];
        message = "${option}: profile `${name}` has its root at `${profiles.${name}.root}`, which belongs to a person and is hidden from the unit; use a directory such as /var/lib/hermes, or that person's own manager through the Home Manager module";
      }
    )
    ++ each (
      name:
      let
        inherit (profiles.${name}) root;
        above = dirOf (dirOf root);
      in
      optional (root != null) {
        # hermes_constants.py of 0.13 to 0.22.
        assertion = baseNameOf (dirOf root) != "profiles";
        message = "${option}: profile `${name}` has its root at `${root}`, which is a profile's home: hermes would take `${above}` for the root; set `stateDir` to `${above}` and name the profile `${baseNameOf root}`";
      }
    )
    ++ each (
      name:
      optional (agentHome != null) {
        assertion = agentHome != homeOf name && agentHome != profiles.${name}.root;
        message = "${option}: profile `${name}` and `services.hermes-agent` both own `${agentHome}`; set `services.hermes-agent.enable = false`, or give one of them another `stateDir`";
      }
    )
    ++ each (
      name:
      map (key: {
        assertion = false;
        message = "${option}: profile `${name}` sets `extraServiceConfig.${key}`: ${contract.${key}}";
      }) (filter (key: contract ? ${key}) (attrNames profiles.${name}.extraServiceConfig))
    )
    ++ each (
      name:
      map (key: {
        assertion = false;
        message = "${option}: profile `${name}` sets `environment.${key}`: ${variables.${key}}";
      }) (filter (key: variables ? ${key}) (attrNames profiles.${name}.environment))
    );
}
