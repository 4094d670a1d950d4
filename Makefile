# Everything that one types here. `make` says what there is.

PROGRAM = $(or $(CARGO_TARGET_DIR),target)/release/hermes-install
QUICKLY = $(or $(CARGO_TARGET_DIR),target)/debug/hermes-install
# The same program for this machine, where PROGRAM is for another one: it is what renders.
RENDERER = $(PROGRAM)
# deb or rpm. Their units name programs below /usr, so there is no other prefix.
LAYOUT = deb
DESTDIR =
# More options of `hermes-install render`, such as `--systemd 257`.
RENDER =

# Debian keeps site-functions for the administrator.
zsh = $(if $(filter deb,$(LAYOUT)),vendor-completions,site-functions)
RUST = $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
share = $(DESTDIR)/usr/share
generate = install -D -m 644 /dev/null $(2) && $(RENDERER) generate $(1) >$(2)

help:
	@echo 'make try       a gateway is taken over by hand on two throw-away Debians; SHELL_IN=1 leaves you in one'
	@echo 'make build     the program, as $(PROGRAM)'
	@echo 'make test      every test, on Debian 12 and 13'
	@echo 'make check     the gate: every check there is; installs what is missing'
	@echo 'make release   packages, tarballs and signed repositories for amd64 and arm64, below RELEASE (target/release-files)'
	@echo 'make install   what a package has, below DESTDIR; LAYOUT=deb or rpm'

# The compiler and the download of the system work side by side. Unoptimised, the program is there in a third of the time.
try: rust
	@.ci/packages try
	@echo '== Building hermes-install and a Debian with hermes (2 to 5 minutes, at first)'
	@$(MAKE) --no-print-directory --jobs=2 quickly system
	@tests/vm/try --binary $(QUICKLY) $(if $(SHELL_IN),--shell)

quickly:
	@cargo build --quiet

# What an older one says to Cargo.lock helps nobody.
rust:
	@found=$$(cargo --version 2>&1 | sed -n 's/^cargo \([0-9.]*\).*/\1/p'); \
	printf '%s\n' $(RUST) "$$found" | sort --version-sort --check=quiet || { \
		echo "Rust $(RUST) or newer is needed, and $${found:-none} is here: Debian 13's cargo, or https://rustup.rs" >&2; exit 1; }

build: rust
	@cargo build --release

system:
	@tests/vm/try --prepare

test:
	cargo test
	tests/vm/run --suite bookworm --suite trixie

check:
	.ci/run

# release/build --help says what OPTIONS there are.
release:
	@release/build $(OPTIONS) $(or $(RELEASE),target/release-files)

# The program and what it writes itself. This is the one list of them for deb and rpm; nix has functions of its own for
# manual pages and completions, and its module renders the units.
install: $(PROGRAM) $(RENDERER)
	install -D -m 755 $(PROGRAM) $(DESTDIR)/usr/bin/hermes-install
	$(RENDERER) render --layout $(LAYOUT) --output $(DESTDIR)/ $(RENDER)
	$(call generate,man,$(share)/man/man1/hermes-install.1)
	$(call generate,man hermes-install.toml,$(share)/man/man5/hermes-install.toml.5)
	$(call generate,man hermes-gateway@.service,$(share)/man/man8/hermes-gateway@.service.8)
	$(call generate,completions bash,$(share)/bash-completion/completions/hermes-install)
	$(call generate,completions fish,$(share)/fish/vendor_completions.d/hermes-install.fish)
	$(call generate,completions zsh,$(share)/zsh/$(zsh)/_hermes-install)

$(sort $(PROGRAM) $(RENDERER)):
	@echo '$@ is not there; run "make build" first' >&2; exit 1

.PHONY: help try quickly rust build system test check release install
