"""How programs are compiled: to run fast, or to be ready soon.

XLA has two ways to write loops for a CPU. Its newer one makes programs of this package
run in four fifths of the time, but takes two thirds longer to compile: of use where
many steps are computed by one program, and a loss where a program runs a few hundred
times for a millisecond each.
"""

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any

import jax

OLDER_LOOPS = {"xla_cpu_use_fusion_emitters": False}


class Quick:
    """`jax.jit` of a function, compiled to be ready soon.

    Not for use inside other compiled functions: jax has no options there.
    """

    def __init__(self, function: Callable, **options: Any):
        self.__wrapped__, self._options = function, options
        self.__doc__ = function.__doc__

    def __call__(self, *arguments, **named) -> Any:
        """The function's result."""
        return self._compiled(*arguments, **named)

    @cached_property
    def _compiled(self):
        """Made at the first call: import must not choose a device."""
        return jax.jit(
            self.__wrapped__, compiler_options=older_loops(), **self._options
        )

    def _cache_size(self) -> int:
        return self._compiled._cache_size() if "_compiled" in self.__dict__ else 0


def quickly(**options: Any) -> Callable[[Callable], Quick]:
    """Decorator: `Quick` with options of `jax.jit`."""
    return lambda function: Quick(function, **options)


def compiled(*programs: Any) -> int:
    """How often programs have been compiled in this process."""
    return sum(program._cache_size() for program in programs)


@cache
def older_loops() -> dict[str, bool] | None:
    """Options of the compiler; None where this XLA does not know them."""
    try:
        jax.jit(lambda x: x + 1, compiler_options=OLDER_LOOPS).lower(1).compile()
    except jax.errors.JaxRuntimeError:
        return None
    return OLDER_LOOPS
