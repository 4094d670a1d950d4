"""The one way to assert: counted, written down at once, and going on after a failure."""

import json
from pathlib import Path

OUT = Path("/vmcheck-out")
failed: list[str] = []


def check(what: str, ok: object, detail: object = "") -> bool:
    """`what` is a behaviour that should hold; `detail` is what was seen instead."""
    _write({"check": what, "ok": bool(ok), "detail": str(detail)})
    if not ok:
        failed.append(what)
        print(f"FAIL {what}: {detail}", flush=True)
    else:
        print(f"ok   {what}", flush=True)
    return bool(ok)


def equal(what: str, seen: object, wanted: object) -> bool:
    """`what` should be exactly this."""
    return check(f"{what} is {wanted!r}", seen == wanted, f"seen {seen!r}")


def contains(what: str, seen: str, *parts: str) -> bool:
    """A text should name all of these."""
    missing = [p for p in parts if p not in seen]
    return check(f"{what} names {', '.join(map(repr, parts))}", not missing, f"{missing} not in: {seen}")


def measured(name: str, value: object) -> None:
    """A figure for the report; no assertion."""
    _write({"measured": name, "value": value})
    print(f"     {name}: {value}", flush=True)


def _write(entry: dict) -> None:
    with (OUT / "checks.jsonl").open("a") as out:
        out.write(json.dumps(entry) + "\n")
