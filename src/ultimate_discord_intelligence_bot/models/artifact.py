"""What every artifact can do: become bytes and come back."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict


class Storable(Protocol):
    """Anything the artifact store can keep."""

    suffix: ClassVar[str]

    def encode(self) -> bytes: ...

    @classmethod
    def decode(cls, data: bytes) -> Self: ...


class Model(BaseModel):
    """An immutable value; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Artifact(Model):
    """A value that a stage leaves behind, stored as JSON."""

    suffix: ClassVar[str] = ".json"

    def encode(self) -> bytes:
        return self.model_dump_json(indent=1).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        return cls.model_validate_json(data)


@dataclass(frozen=True)
class Vectors:
    """One unit-length row per transcript segment.

    Attributes:
        array: float32, shape (segments, dimension).
    """

    array: NDArray[np.float32]
    suffix: ClassVar[str] = ".npy"

    def encode(self) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, self.array, allow_pickle=False)
        return buffer.getvalue()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        try:
            return cls(np.load(io.BytesIO(data), allow_pickle=False))
        except EOFError as error:
            raise ValueError("the file is empty") from error
