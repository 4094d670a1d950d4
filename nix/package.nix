# The program, its man pages and its completions.
{
  lib,
  stdenv,
  rustPlatform,
  installShellFiles,
  testers,
}:
let
  cargo = (lib.importTOML ../Cargo.toml).package;
in
rustPlatform.buildRustPackage (finalAttrs: {
  pname = "hermes-install";
  inherit (cargo) version;

  src = lib.fileset.toSource {
    root = ../.;
    # What cargo reads, and what the tests compare with; a change of the documentation rebuilds nothing.
    fileset = lib.fileset.unions [
      ../Cargo.toml
      ../Cargo.lock
      ../CHANGELOG.md
      ../docs/man
      ../src
      (lib.fileset.fileFilter (file: !file.hasExt "md") ../templates)
      (lib.fileset.difference ../tests (
        lib.fileset.unions [
          ../tests/vm
          ../tests/nix
          ../tests/packages
        ]
      ))
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;

  nativeBuildInputs = [ installShellFiles ];
  # The program runs on the machine that builds it only when both are alike.
  postInstall = lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    $out/bin/hermes-install generate man > hermes-install.1
    $out/bin/hermes-install generate man hermes-install.toml > hermes-install.toml.5
    $out/bin/hermes-install generate man hermes-gateway@.service > hermes-gateway@.service.8
    installManPage hermes-install.1 hermes-install.toml.5 hermes-gateway@.service.8
    installShellCompletion --cmd hermes-install \
      --bash <($out/bin/hermes-install generate completions bash) \
      --fish <($out/bin/hermes-install generate completions fish) \
      --zsh <($out/bin/hermes-install generate completions zsh)
  '';

  # The rendered trees. The other tests want accounts and a systemd, and have them in tests/vm.
  cargoTestFlags = [
    "--test"
    "main"
  ];
  checkFlags = [ "golden" ];

  passthru.tests = import ./tests.nix {
    inherit lib testers;
    hermes-install = finalAttrs.finalPackage;
  };

  meta = {
    inherit (cargo) description;
    homepage = cargo.repository;
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
    mainProgram = "hermes-install";
  };
})
