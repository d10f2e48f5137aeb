"""Which sample comes when: shuffled, repeatable, and resumed to the sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class SampleKey(NamedTuple):
    """A sample in a pass over the data; the pass decides how it is varied.

    Args:
        epoch: Passes that were completed before.
        number: Index into the training set.
    """

    epoch: int
    number: int


@dataclass(frozen=True, slots=True)
class OrderState:
    """How far the data have been read.

    Args:
        epoch: Passes that are complete.
        position: Samples of the pass under way that were read, by all devices together.
    """

    epoch: int = 0
    position: int = 0


class BatchOrder:
    """An endless sequence of batches: each pass over the data in a shuffled order of its own.

    A batch may begin in one pass and end in the next, so that every pass has every sample once whatever the
    size of a batch. Nothing depends on what was drawn before: `batch(n)` is a function of its arguments, and
    a run that goes on at `state_after(n)`, even with another batch size, misses and repeats nothing.

    Serves as `batch_sampler` of a DataLoader. A DataLoader reads ahead; so what was used is counted by who
    uses it: `state_after(batches used)`.

    Args:
        length: Samples in the set.
        batch_size: Samples a batch and device.
        seed: Of the shuffling.
        shuffle: Off, each pass has the order of the set.
        rank: Number of this device.
        devices: How many there are; each gets its own part of a step's samples.
        start: Where to go on.

    Raises:
        ValueError: Numbers that make no sense.

    Example:
        >>> order = BatchOrder(5, 2, seed=0)
        >>> [len(batch) for _, batch in zip(range(3), order)], order.state_after(3)
        ([2, 2, 2], OrderState(epoch=1, position=1))
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        *,
        seed: int,
        shuffle: bool = True,
        rank: int = 0,
        devices: int = 1,
        start: OrderState = OrderState(),
    ) -> None:
        if length < 1 or batch_size < 1 or seed < 0 or not 0 <= rank < devices:
            raise ValueError(
                f"expected samples, a batch size, a seed of 0 or more and a rank below the devices, got"
                f" length={length}, batch_size={batch_size}, seed={seed}, rank={rank}, devices={devices}"
            )
        if start.epoch < 0 or not 0 <= start.position < length:
            raise ValueError(f"expected a state within {length} samples, got {start}")
        self.length = length
        self.batch_size = batch_size
        self._seed = seed
        self._shuffle = shuffle
        self._rank = rank
        self._devices = devices
        self._first = start.epoch * length + start.position
        self._orders: dict[int, NDArray[np.int64]] = {}

    def __iter__(self) -> Iterator[list[SampleKey]]:
        number = 0
        while True:
            yield self.batch(number)
            number += 1

    def batch(self, number: int) -> list[SampleKey]:
        """This device's samples of step `number`, counted from the start."""
        first = self._first + (number * self._devices + self._rank) * self.batch_size
        return [self._key(sample) for sample in range(first, first + self.batch_size)]

    def state_after(self, batches: int) -> OrderState:
        """Where the data stand once every device has used so many batches."""
        return OrderState(*divmod(self._first + batches * self._devices * self.batch_size, self.length))

    def _key(self, sample: int) -> SampleKey:
        epoch, position = divmod(sample, self.length)
        if not self._shuffle:
            return SampleKey(epoch, position)
        if epoch not in self._orders:
            while len(self._orders) > 1:  # A batch touches two passes at most, unless the set is tiny.
                del self._orders[min(self._orders)]
            self._orders[epoch] = np.random.default_rng((self._seed, epoch)).permutation(self.length)
        return SampleKey(epoch, int(self._orders[epoch][position]))
