"""Independent pieces of work at once: compilations, and device programs of one core."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def side_by_side(work: Callable, *arguments: Sequence[Any]) -> list:
    """What `work` gives for each of the arguments in turn, by a thread for each core.

    After an error or Ctrl-C nothing new is begun.
    """
    threads = min(os.cpu_count() or 1, len(arguments[0]))
    if threads < 2:
        return list(map(work, *arguments))
    with ThreadPoolExecutor(threads) as pool:
        found: Iterable = pool.map(work, *arguments)
        try:
            return list(found)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
