# shellcheck shell=sh
# Give a hermes package's program a name by which other gateways know it.
#
# nixpkgs' wrapProgram moves bin/hermes to bin/.hermes-wrapped and calls that; for a Python script the kernel then shows
# `python .../.hermes-wrapped gateway run`, which no other gateway takes for a gateway: it removes the lock and starts beside
# it (gateway/status.py of hermes-agent, 0.13 to 0.22). So a wrapped script gets its proper name back.
#
# Reads the directory of the package in $package; fills the one in $out.
set -eu
: "${package:?}" "${out:?}"
mkdir -p "$out/bin"
for program in "$package"/bin/*; do
  ln -s "$program" "$out/bin/"
done
wrapped=$package/bin/.hermes-wrapped
if ! [ -e "$package/bin/hermes" ]; then
  echo "$package has no bin/hermes; set services.hermes-gateway.hermesPackage to a package of hermes-agent" >&2
  exit 1
elif ! [ -e "$wrapped" ]; then
  exit 0
fi
case $(head -c 2 "$package/bin/hermes") in
"#!") ;;
*)
  echo "$package/bin/hermes is a compiled wrapper of .hermes-wrapped, under which name other gateways would not know it" \
    "for one and would start beside it; build the package with makeWrapper, or set" \
    "services.hermes-gateway.hermesExecutable to a program called hermes that is no wrapper" >&2
  exit 1
  ;;
esac
mkdir "$out/libexec"
cp "$wrapped" "$out/libexec/hermes"
rm "$out/bin/hermes"
sed "s|$wrapped|$out/libexec/hermes|g" "$package/bin/hermes" >"$out/bin/hermes"
chmod 755 "$out/bin/hermes"
if grep -q hermes-wrapped "$out/bin/hermes" || [ -h "$out/libexec/hermes" ]; then
  echo "$package/bin/hermes is wrapped in a way that this does not know; set services.hermes-gateway.hermesExecutable to" \
    "a program called hermes that is no wrapper" >&2
  exit 1
fi
