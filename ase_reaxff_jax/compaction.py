"""Where the entries of a long list are that count, found on the device."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

AT_ONCE = 8192  # entries, of which sums stay in the cache of a processor
TOGETHER = 16  # entries in a row, of which XLA vectorises the sums


def places(
    counts: Bool[Array, " entries"], listed: Int[Array, ""]
) -> tuple[Int[Array, " entries"], Int[Array, ""]]:
    """Numbers of the entries that count, first and in their order; how many there are.

    Behind those the first entry stands instead of others.

    Args:
        counts: Which do; none behind the first `listed`.
        listed: Entries to look at.
    """
    room = len(counts)
    size = min(AT_ONCE, -(-room // TOGETHER) * TOGETHER)
    blocks = jnp.pad(counts, (0, -room % size)).reshape(-1, size)

    def with_block(k, found):
        place, number = found
        here = jax.lax.dynamic_index_in_dim(blocks, k, keepdims=False)
        behind = number + _running_sum(here)
        entry = k * size + jnp.arange(size, dtype=jnp.int32)
        # All that do not count share one place, which is left out.
        to = jnp.where(here, behind - 1, room)
        place = place.at[to].set(entry, mode="promise_in_bounds")
        return place, behind[-1]

    nothing = jnp.zeros(room + 1, jnp.int32), jnp.int32(0)
    place, number = jax.lax.fori_loop(0, -(-listed // size), with_block, nothing)
    return place[:room], number


def _running_sum(values: Bool[Array, " n"]) -> Int[Array, " n"]:
    """Sum up to each; n is a multiple of `TOGETHER`. In half the time of `cumsum`."""
    rows = values.reshape(-1, TOGETHER).astype(jnp.int32)
    sums = [rows[:, 0]]
    for k in range(1, TOGETHER):
        sums.append(sums[-1] + rows[:, k])
    before = jnp.cumsum(sums[-1]) - sums[-1]
    return (jnp.stack(sums, axis=1) + before[:, None]).ravel()
