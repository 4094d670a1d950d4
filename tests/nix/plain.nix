# What can be said of the module without nixpkgs, by any Nix: its option defaults with values written over them, the
# assertions of nix/settings.nix on the result, and the settings in TOML.
#
# It vouches for those functions alone. It knows no type, so it cannot tell whether a value would be refused; it knows no
# merging, priority or condition; and it evaluates neither nix/module.nix nor nix/home-module.nix nor any part of NixOS.
# With NIXPKGS=, tests/nix/run has all of that evaluated by the genuine module system.
let
  rules = import ../../nix/settings.nix;
  cases = import ../../nix/cases.nix;

  # As much of nixpkgs' lib as nix/options.nix needs to be read, with types that say nothing.
  lib = {
    mkOption = option: option // { isOption = true; };
    mkEnableOption = _: {
      isOption = true;
      default = false;
    };
    literalExpression = text: text;
    optionalAttrs = condition: set: if condition then set else { };
    optionalString = condition: text: if condition then text else "";
    types =
      let
        takes = _: { };
      in
      {
        bool = { };
        int = { };
        str = { };
        path = { };
        package = { };
        nonEmptyStr = { };
        ints = {
          unsigned = { };
          positive = { };
          between = _: _: { };
        };
        addCheck = _: _: { };
        either = _: _: { };
        pathWith = takes;
        strMatching = takes;
        oneOf = takes;
        nullOr = takes;
        enum = takes;
        listOf = takes;
        attrsOf = type: type;
        submodule = module: { options = name: (module { inherit name; }).options; };
      };
  };
  options = import ../../nix/options.nix {
    inherit lib;
    pkgs.callPackage = _: _: null;
  };

  defaults =
    options:
    builtins.listToAttrs (
      builtins.concatMap (
        name:
        if options.${name} ? default then
          [
            {
              inherit name;
              value = options.${name}.default;
            }
          ]
        else
          [ ]
      ) (builtins.attrNames options)
    );

  over = type: builtins.mapAttrs (name: value: defaults (type.options name) // value);
  config =
    settings:
    defaults (
      options.service {
        scope = "system";
        stateDir = "/var/lib/hermes";
      }
    )
    // settings
    // {
      profiles = over (options.profiles "system" { }) (settings.profiles or { });
    };

  failed =
    case:
    let
      assertions = rules.assertions {
        cfg = config case.settings;
        agentHome = if case.agent.enable or false then "${case.agent.stateDir}/.hermes" else null;
      };
    in
    map (a: a.message) (builtins.filter (a: !a.assertion) assertions);

  # Those that need types, and those of people's managers, are for the genuine module.
  sound = builtins.filter (
    name: !(cases.${name} ? refused) && !(cases.${name}.settings ? userProfiles)
  ) (builtins.attrNames cases);
in
{
  # Each case with what is said to it and what should be.
  cases = map (name: {
    inherit name;
    says = cases.${name}.says or null;
    failed = failed cases.${name};
  }) sound;

  # The settings of a configuration, as nix/units.nix gets them.
  toml =
    settings:
    let
      cfg = config settings;
    in
    rules.toml cfg.hermesExecutable (rules.enabled cfg);

  # What the module has to say to a configuration.
  complaints = settings: failed { inherit settings; };

  # The account of each profile.
  accounts = settings: builtins.mapAttrs (_: rules.account) (rules.enabled (config settings));

  # The directories of each profile.
  directories = settings: builtins.mapAttrs rules.directories (rules.enabled (config settings));
}
