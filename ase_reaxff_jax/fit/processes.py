"""The trials of a fit, several at once, each in a process of its own.

Each has a folder `trial-N` in that of the fit, with a record of its own, from which it
is resumed. A process ends with the one that has started it, however that ends, so that
no two ever write to the same folder.
"""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from queue import Empty
from typing import Any

import jax
import numpy as np

from ase_reaxff_jax import compilation_cache
from ase_reaxff_jax.fit.output import Output, claim
from ase_reaxff_jax.fit.record import Record
from ase_reaxff_jax.fit.search import Best, FitFailed, Found, Step
from ase_reaxff_jax.fit.trials import Task, Told, searched

LOG = logging.getLogger("ase_reaxff_jax")
LOOK = 0.5  # s between looks at what the processes have told
_links: dict[str, Any] = {}  # of a trial's process to the one that has started it


def searched_at_once(
    task: Task,
    processes: int,
    output: Output | None,
    identity: dict[str, Any],
    told: Told,
    check: Callable[[], None],
) -> Found:
    """All trials, as if they had followed each other, until Ctrl-C ends them.

    Args:
        task: What is to be done.
        processes: How many trials run at once.
        output: Of the fit's folder; None: nothing is kept.
        identity: Of the fit, for the records of its trials.
        told: Called for each evaluation, in the order in which they end.
        check: Called now and then. KeyboardInterrupt, of it or of `told`, lets trials
            end their evaluations; any other ends them at once, as do errors.

    Raises:
        FitFailed: a process has ended before its trial had.
    """
    context = multiprocessing.get_context("spawn")
    stop, news = context.Event(), context.Queue()
    alive, end = context.Pipe(duplex=False)
    listener = _Listener(news, output, told, check)
    numbers = range(task.arguments.trials)
    folder = None if output is None else output.folder
    with ProcessPoolExecutor(
        min(processes, len(numbers)), context, _begin, (stop, news, alive, _cache())
    ) as pool:
        trials = [
            pool.submit(_trial, task, folder and folder / f"trial-{k + 1}", identity, k)
            for k in numbers
        ]
        interrupted = False
        try:
            try:
                listener.until_done(trials)
            except KeyboardInterrupt:
                interrupted = True
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
            parts = _results(trials)
        except BaseException:
            end.close()
            raise
    if interrupted and all(part.best is None for part in parts):
        raise KeyboardInterrupt
    found = joined(parts, interrupted)
    if output is not None:
        output.start(found.history, found.best)
    return found


class _Listener:
    """Passes on what the processes tell, and keeps the best of it on disk."""

    def __init__(self, news, output: Output | None, told: Told, check):
        self._news, self._output, self._told = news, output, told
        self._check = check
        self._least, self._count = np.inf, 0

    def until_done(self, trials: Sequence[Future]) -> None:
        """Returns when all have ended; raises what one of them has raised."""
        left = set(trials)
        while left:
            ended, left = wait(left, LOOK, FIRST_COMPLETED)
            self._listen()
            self._check()
            for trial in ended:
                try:
                    trial.result()
                except BrokenProcessPool as error:
                    raise FitFailed(
                        "the process of a trial has ended before the trial had: it was "
                        "killed, memory was short, or the script that calls `fit` does "
                        "so without `if __name__ == '__main__':`; take fewer processes"
                    ) from error

    def _listen(self) -> None:
        with suppress(Empty):
            while True:
                news = self._news.get_nowait()
                if isinstance(news, logging.LogRecord):
                    LOG.handle(news)
                    continue
                step, best = news
                self._count += 1
                better = best is not None and best.loss < self._least
                if better:
                    self._least = best.loss
                    if self._output is not None:
                        self._output.keep(best)
                least = self._least if np.isfinite(self._least) else float("nan")
                step = replace(step, evaluation=self._count, best=least)
                self._told(step, best if better else None)


def _results(trials: Sequence[Future]) -> list[Found]:
    """Of those that were not cancelled, or were interrupted too early to have any."""
    parts = []
    for trial in trials:
        if trial.cancelled():
            continue
        error = trial.exception()  # of its process; one of this process passes through
        if error is None:
            parts.append(trial.result())
        elif not isinstance(error, KeyboardInterrupt):
            raise error
    return parts


def joined(parts: Sequence[Found], interrupted: bool) -> Found:
    """What trials have found, as if they had followed each other."""
    history: list[Step] = []
    least = float("nan")
    for part in parts:
        before = least
        for step in part.history:
            least = float(np.fmin(before, step.best))
            number = len(history) + 1
            history.append(replace(step, evaluation=number, best=least))
    bests = [part.best for part in parts if part.best is not None]
    return Found(
        history=history,
        best=min(bests, key=lambda best: best.loss, default=None),
        failures=[words for part in parts for words in part.failures],
        interrupted=interrupted or any(part.interrupted for part in parts),
    )


def _cache() -> str | None:
    """The folder of compiled programs, if one is in use."""
    return jax.config.values["jax_compilation_cache_dir"]


def _begin(stop, news, alive, cache: str | None) -> None:
    """In each new process: Ctrl-C is for the one that has started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    news.cancel_join_thread()  # nobody listens any more when these processes end
    threading.Thread(target=_end_with, args=[alive], daemon=True).start()
    _links.update(stop=stop, news=news)
    LOG.propagate = False
    LOG.addHandler(logging.NullHandler())
    if cache is not None:
        compilation_cache.enable(cache)


def _end_with(alive: Connection) -> None:
    """Ends this process when the other end of `alive` is closed, or its owner dies."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for([alive, parent.sentinel])
    os._exit(1)


def _trial(task: Task, folder: Path | None, identity: dict, number: int) -> Found:
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
    objectives = task.objectives()  # of which the first process has told all there is
    handler = QueueHandler(_links["news"])
    LOG.addHandler(handler)
    try:
        return searched(task.arguments, objectives, folder, record, told, [number])
    finally:
        LOG.removeHandler(handler)
