"""One trial of a fit in a process of its own: the side of that process.

It ends with the process that has started it, however that ends, so that no two ever
write to the same folder.
"""

import logging
import multiprocessing
import os
import signal
import threading
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any

import jax

from ase_reaxff_jax import compilation_cache
from ase_reaxff_jax.fit import devices
from ase_reaxff_jax.fit.output import claim
from ase_reaxff_jax.fit.record import Record
from ase_reaxff_jax.fit.search import Best, Found, Step
from ase_reaxff_jax.fit.trials import Task, searched

LOG = logging.getLogger("ase_reaxff_jax")
_links: dict[str, Any] = {}  # to the process that has started this one


def begin(stop, news, alive, settings: dict[str, Any]) -> None:
    """In each new process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    news.cancel_join_thread()  # nobody listens any more when these processes end
    threading.Thread(target=_end_with, args=[alive], daemon=True).start()
    _links.update(stop=stop, news=news, device=settings["device"])
    LOG.setLevel(settings["level"])
    LOG.propagate = False
    LOG.addHandler(logging.NullHandler())
    if settings["platforms"] is not None:
        jax.config.update("jax_platforms", settings["platforms"])
    if settings["cache"] is not None:
        compilation_cache.enable(settings["cache"])


def _end_with(alive: Connection) -> None:
    """Ends this process when the other end of `alive` is closed, or its owner dies."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for([alive, parent.sentinel])
    os._exit(1)


def trial_of(task: Task, folder: Path | None, identity: dict, number: int) -> Found:
    """One trial, in a process of its own."""

    def told(step: Step, best: Best | None) -> None:
        _links["news"].put((step, best))
        if _links["stop"].is_set():
            raise KeyboardInterrupt

    if _links["stop"].is_set():  # of the executor's queue it can't be taken back
        raise KeyboardInterrupt
    record = None
    if folder is not None:
        claim(folder, resume=True)
        record = Record(folder, {**identity, "trial": number + 1}, resume=True)
    handler = QueueHandler(_links["news"])
    with jax.default_device(devices.of_trial(number, _links["device"])):
        objectives = task.objectives()  # of which the first process has told everything
        LOG.addHandler(handler)
        try:
            return searched(task.arguments, objectives, folder, record, told, [number])
        finally:
            LOG.removeHandler(handler)
