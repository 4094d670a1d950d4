"""Which case is played when: a slot that has nothing left of its own kind takes what others wait for."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

from .case import Case
from .results import Result
from .scenario import like_ours

PROCESSORS = os.cpu_count() or 1

# Cases to be played one after the other, so that they have the same load and can be compared.
Group = list[Case]


def groups(cases: list[Case]) -> list[Group]:
    """The cells of the matrix that differ in their policy alone, together; every other case by itself."""
    found: dict[tuple, Group] = {}
    for case in cases:
        first = case.scenario.first
        like = like_ours(first) if first else case.name
        found.setdefault((case.scenario.path, like, case.suite, case.hermes, case.backend), []).append(case)
    return list(found.values())


def play_all(cases: list[Case], jobs: int, play: Callable[[Case], Result]) -> Iterator[Result]:
    """The results of all cases as they come, `jobs` containers at a time.

    A cell of the matrix mostly waits, and a scenario works: while there are both, three slots of five have cells. A virtual
    machine takes a processor for itself.
    """
    cells: deque[Group] = deque()
    scenarios: deque[Group] = deque()
    machines: deque[Group] = deque()
    for group in groups(cases):
        case = group[0]
        (machines if case.backend != "container" else cells if case.scenario.is_cell else scenarios).append(group)
    for_cells = min(jobs - 1, jobs * 3 // 5)
    wanted = [(cells, scenarios)] * for_cells + [(scenarios, cells)] * (jobs - for_cells) + [(machines,)] * max(1, PROCESSORS // 2)
    taking = threading.Lock()

    def slot(*queues: deque[Group]) -> list[Result]:
        with taking:
            queue = next((queue for queue in queues if queue), None)
            group = queue.popleft() if queue else []
        return [play(case) for case in group]

    with ThreadPoolExecutor(len(wanted)) as pool:
        running = {pool.submit(slot, *queues): queues for queues in wanted}
        while running:
            done = next(as_completed(running))
            queues = running.pop(done)
            if any(queues):
                running[pool.submit(slot, *queues)] = queues
            yield from done.result()
