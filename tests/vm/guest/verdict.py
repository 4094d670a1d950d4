"""The verdict on a cell's record. Pure: the same words for our units and for upstream's."""

# What a restart policy may add by itself: systemd cannot know of a takeover that ends in a kill.
EXTRA_STARTS = 1

# Seconds that an old gateway and its successor may both be there, one of them ending or waiting.
HAND_OVER = 30


def of(record: dict) -> str:
    """`safe`, or the worst of what happened."""
    if record["most_owners"] > 1 or len(record["owner"]) > 1:
        return "two owners"
    for which in ("", "other_"):
        if record[f"{which}starts"] > record[f"asked_{which}starts"] + EXTRA_STARTS:
            return "loops"
    if record["two_processes_s"] > HAND_OVER:
        return "two owners"
    owner = "".join(record["owner"]) or "none"
    expected = record["expected"]
    if record["refused"] and owner == ("hand" if record["first"].startswith("hand") else "unit"):
        return "refused"
    if expected == "none" and owner != "none" and record["without_owner_s"] == 0:
        return "ignored"
    if expected == "any one":
        return "safe" if owner != "none" else "dead"
    if owner == "none" and expected != "none":
        return "dead"
    if owner != expected:
        return "resurrected" if owner in ("unit", "other") else "usurped"
    if record["stopped"] and record["state"] == "failed":
        return "failed state"
    return "safe"
