"""Waiting for conditions, with deadlines that say what was waited for."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class TimedOut(Exception):
    """A condition did not come."""


def until(what: str, condition: Callable[[], T | None], seconds: float = 60, every: float = 0.1) -> T:
    """Wait for a true value and return it; longer on a slow machine."""
    seconds *= int(os.environ.get("VMCHECK_PATIENCE", "1"))
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimedOut(f"waited {seconds} s for {what}; last seen: {value!r}")
        time.sleep(every)
