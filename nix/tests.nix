# The VM tests, one file each in ./tests: a NixOS that boots, with the stand-in that speaks the gateway's file protocol.
# Not `containers` of the test driver, which in a build of Nix need a builder with `uid-range`: tests/nix/run plays takeovers
# in containers, without NixOS, and what these add to it is a NixOS with a kernel of its own.
{
  lib,
  testers,
  hermes-install,
}:
lib.concatMapAttrs (
  file: _:
  lib.optionalAttrs (lib.hasSuffix ".nix" file) rec {
    ${lib.removeSuffix ".nix" file} = testers.runNixOSTest {
      imports = [ (./tests + "/${file}") ];
      name = "hermes-gateway-${lib.removeSuffix ".nix" file}";
      nodes.machine = {
        imports = [ ./node.nix ];
        services.hermes-gateway.package = hermes-install;
      };
    };
  }
) (builtins.readDir ./tests)
