"""What every artifact can do: become bytes and come back."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """What the encoder makes of each transcript segment, in one pass.

    Attributes:
        array: one unit-length row per segment; float32, shape (segments, dimension).
        readings: what its trained branches say of each segment, as logits, by task; float32,
            shape (segments, classes). Empty when the language is not theirs.
    """

    array: NDArray[np.float32]
    readings: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    suffix: ClassVar[str] = ".npz"

    def encode(self) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, vectors=self.array, **self.readings)
        return buffer.getvalue()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as kept:
                arrays = {name: kept[name] for name in kept.files}
            return cls(arrays.pop("vectors"), arrays)
        except (EOFError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError("the file is not whole") from error
