"""The reference of options, in Markdown, from what the module system says of them."""

import re

HEAD = """# Options of `services.hermes-gateway`

Generated from `nix/options.nix` and `nix/module.nix` by `BLESS=1 NIXPKGS=… tests/nix/run`; edit those.
Home Manager has the same ones but those marked *NixOS*.
"""


def markdown(options: list[dict], home: list[dict]) -> str:
    """One section per option."""
    both = {option["name"] for option in home}
    named = {option["name"] for option in options}
    # People's profiles have what the others have, and something more.
    options = [o for o in options if o["name"].replace("userProfiles.<", "profiles.<") not in named - {o["name"]}]
    parts = [HEAD]
    for option in sorted(options, key=lambda option: (option["name"].count("<"), option["name"])):
        name = option["name"].removeprefix("services.hermes-gateway.")
        where = "" if option["name"] in both else " *NixOS*"
        text = re.sub(r"\{manpage\}", "", " ".join((option["description"] or "").split()))
        lines = [f"## `{name}`{where}", "", text, "", f"* type: {option['type']}"]
        lines += [f"* {key}:{code(option[key])}" for key in ("default", "example") if option[key] is not None]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def code(text: str) -> str:
    """Code in a line, or in a block of its own."""
    if "\n" not in text.strip():
        return f" `{text.strip()}`"
    body = "\n".join(f"  {line}".rstrip() for line in text.strip().split("\n"))
    return f"\n\n  ```nix\n{body}\n  ```"
