"""The trials of a fit, several at once, each in a process of its own.

Each has a folder `trial-N` in that of the fit, with a record of its own, from which it
is resumed. This is the side of the process that starts the others.
"""

import logging
import multiprocessing
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty
from typing import Any

import jax
import numpy as np

from ase_reaxff_jax.fit import devices
from ase_reaxff_jax.fit.output import Output, least_of
from ase_reaxff_jax.fit.search import Best, FitFailed, Found, Step
from ase_reaxff_jax.fit.trial_process import begin, trial_of
from ase_reaxff_jax.fit.trials import Task, Told

LOG = logging.getLogger("ase_reaxff_jax")
LOOK = 0.5  # s between looks at what the processes have told
BROKEN = (
    "the process of a trial has ended before the trial had: it was killed, memory was "
    "short (on a GPU, set XLA_PYTHON_CLIENT_PREALLOCATE=false), or the script that "
    "calls `fit` does so without `if __name__ == '__main__':`"
)


def searched_at_once(
    task: Task,
    processes: int,
    output: Output | None,
    identity: dict[str, Any],
    told: Told,
    check: Callable[[], None],
) -> Found:
    """All trials, numbered as if they had followed each other, until Ctrl-C ends them.

    Args:
        task: What is to be done.
        processes: How many trials run at once.
        output: Of the fit's folder; None: nothing is kept.
        identity: Of the fit, for the records of its trials.
        told: Called for each evaluation, in the order in which they end.
        check: Called now and then. Its KeyboardInterrupt lets trials end the
            evaluations that are under way; another one, of a signal, does not wait.

    Raises:
        FitFailed: a process has ended before its trial had.
    """
    context = multiprocessing.get_context("spawn")
    stop, news = context.Event(), context.Queue()
    alive, end = context.Pipe(duplex=False)
    numbers = range(task.arguments.trials)
    folders: list[Path | None] = [None] * len(numbers)
    if output is not None:
        folders = [output.folder / f"trial-{k + 1}" for k in numbers]
    listener = _Listener(news, output, told)
    given = stop, news, alive, _settings()
    with ProcessPoolExecutor(
        min(processes, len(numbers)), context, begin, given
    ) as pool:
        interrupted = False
        try:
            with _without_interrupts():  # which new processes inherit
                trials = [pool.submit(trial_of, task, folder, identity, k)
                          for k, folder in enumerate(folders)]  # fmt: skip
            try:
                listener.until_done(trials, check)
            except KeyboardInterrupt:
                interrupted = True
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                with suppress(KeyboardInterrupt):
                    listener.until_done(trials)
                end.close()
        except BaseException:
            end.close()
            raise
    parts = [listener.part(k, trial) for k, trial in enumerate(trials)]
    if interrupted and all(part.best is None for part in parts):
        raise KeyboardInterrupt
    found = joined(parts, interrupted)
    if output is not None:
        output.start(found.history, found.best)
    return found


class _Listener:
    """Takes what the processes tell, and keeps the best of it on disk."""

    def __init__(self, news, output: Output | None, told: Told):
        self._news, self._output, self._told = news, output, told
        self._count = 0
        self._steps: dict[int, list[Step]] = defaultdict(list)  # by trial
        self._bests: dict[int, Best] = {}
        self._least = np.inf
        if output is not None:  # what is there already may be better than a beginning
            there = output.folder.glob("trial-*")
            self._least = min(map(least_of, there), default=np.inf)

    def until_done(
        self, trials: Sequence[Future], check: Callable[[], None] | None = None
    ) -> None:
        """Returns when all have ended; raises what one of them has raised.

        Without `check` they have been interrupted, and are expected to end early.
        """
        left = set(trials)
        while left := {trial for trial in left if not trial.cancelled()}:
            ended, left = wait(left, LOOK, FIRST_COMPLETED)
            self._listen()
            for trial in ended:
                error = trial.exception()
                early = isinstance(error, KeyboardInterrupt | BrokenProcessPool)
                if error is None or (early and check is None):
                    continue
                if isinstance(error, BrokenProcessPool):
                    raise FitFailed(BROKEN) from error
                raise error
            if check is not None:
                check()
        self._wait_for_news(trials)

    def part(self, number: int, trial: Future) -> Found:
        """What a trial has found, as far as it has come."""
        if trial.done() and not trial.cancelled() and trial.exception() is None:
            return trial.result()
        return Found(self._steps[number], self._bests.get(number), [], True)

    def _wait_for_news(self, trials: Sequence[Future]) -> None:
        """They may come after results: another way leads here."""
        ended = [t for t in trials if not t.cancelled() and t.exception() is None]
        expected = sum(len(trial.result().history) for trial in ended)
        deadline = time.monotonic() + 10 * LOOK
        while self._count < expected and time.monotonic() < deadline:
            time.sleep(0.01)
            self._listen()

    def _listen(self) -> None:
        with suppress(Empty):
            while True:
                news = self._news.get_nowait()
                if isinstance(news, logging.LogRecord):
                    LOG.handle(news)
                else:
                    self._note(*news)

    def _note(self, step: Step, best: Best | None) -> None:
        self._count += 1
        self._steps[step.trial].append(step)
        if best is not None:
            self._bests[step.trial] = best
            if best.loss < self._least:
                self._least = best.loss
                if self._output is not None:
                    self._output.keep(best)
        least = min((b.loss for b in self._bests.values()), default=float("nan"))
        self._told(replace(step, evaluation=self._count, best=least), best)


def joined(parts: Sequence[Found], interrupted: bool) -> Found:
    """What trials have found, numbered as if they had followed each other."""
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


def _settings() -> dict[str, Any]:
    """Of this process, that others take over."""
    return {
        "device": devices.chosen_device(),
        "level": LOG.getEffectiveLevel(),
        "platforms": jax.config.values["jax_platforms"],
        "cache": jax.config.values["jax_compilation_cache_dir"],
    }


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C is for this process alone, not for those that begin while this lasts."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows: they ignore it a moment later
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
