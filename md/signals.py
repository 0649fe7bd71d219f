"""Ctrl-C and SIGTERM wait until the state is saved."""

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator

LOG = logging.getLogger("ase_reaxff_jax")
HEEDED = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Remembers a signal that has come."""

    def __init__(self, words: str) -> None:
        self.received: int | None = None
        self._words = words

    def note(self, number: int, frame: object) -> None:
        """Takes the signal; a second Ctrl-C does not wait."""
        if self.received is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = number
        if self._words:
            LOG.warning(self._words)

    def leave(self) -> None:
        """Ends the process, or what runs in it, as the signal asked for."""
        if self.received == signal.SIGINT:
            raise KeyboardInterrupt
        if self.received is not None:
            raise SystemExit(128 + self.received)


@contextlib.contextmanager
def heeded(
    numbers: tuple[signal.Signals, ...] = HEEDED, words: str = ""
) -> Iterator[Interrupts]:
    """While this lasts signals are noted; only the main thread can do that.

    `words` are logged when one comes.
    """
    interrupts = Interrupts(words)
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {number: signal.signal(number, interrupts.note) for number in numbers}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
