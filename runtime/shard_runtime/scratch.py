"""Working arrays that are allocated once and reused."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


class Scratch:
    """Named working arrays; a name's memory grows to its largest use and is kept.

    The contents of an array last until its name is asked for again. Not for use by two threads.
    """

    def __init__(self) -> None:
        self._storage: dict[str, NDArray[np.uint8]] = {}

    @property
    def nbytes(self) -> int:
        """Bytes held by all names together."""
        return sum(storage.nbytes for storage in self._storage.values())

    def array(self, name: str, shape: tuple[int, ...], dtype: type[Scalar]) -> NDArray[Scalar]:
        """An uninitialised C-contiguous array in the name's memory."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        storage = self._storage.get(name)
        if storage is None or storage.nbytes < size:
            storage = np.zeros(size, dtype=np.uint8)
            self._storage[name] = storage
        return storage[:size].view(dtype).reshape(shape)
