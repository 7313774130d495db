"""Training of branches: the upper half of the encoder, once more, for one kind of judgement.

A branch begins as a copy of the encoder's layers 4 to 6 and ends in linear heads over the mean of
the tokens. Only the branch is trained (AdamW, warm-up and cosine decay, dropout, an exponential
average of the weights); the trunk below it stays as it is, so that the sentence vectors of the
memory stay as they are. What the trunk makes of a text is computed once, by the very file that
ships.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from encoder_graph import EPSILON, HEADS, LAYERS, TRUNK, Graph, model_folder, published_weights
from numpy.typing import NDArray
from onnx import TensorProto
from sklearn.linear_model import LogisticRegression

from ultimate_discord_intelligence_bot.analysis.figures import NAME, Measurement, load_figures
from ultimate_discord_intelligence_bot.embedding import load_embedder

Array = NDArray[Any]
Params = dict[str, Any]

ROOM = Path(__file__).parents[1] / "src/ultimate_discord_intelligence_bot/analysis"
SEED = 20240501
LONGEST = 128
"""Word pieces of a text that are trained on; the embedder reads more, window by window."""

_BATCH = 32
_LENGTHS = (16, 24, 32, 48, 64, 96, LONGEST)
_DROPOUT = 0.1
_AVERAGE = 0.995
_HEAD_RATE = 8.0


@dataclass(frozen=True)
class Task:
    """One head of a branch.

    Attributes:
        labels: its classes, in the order of its outputs.
        many: whether a text may have several of the labels or none (sigmoid), or has exactly one
            (softmax).
        coarse: whether of that one it may be known only that it is among several; its loss is
            then that of their sum (Jin & Ghahramani 2002).
        weight: of its loss.
    """

    name: str
    labels: tuple[str, ...]
    many: bool = False
    coarse: bool = False
    weight: float = 1.0


@dataclass(frozen=True)
class Row:
    """A text and what is known of it, by task.

    The index of its label; a 0/1 row where it may have many, or is known only coarsely.
    """

    text: str
    targets: Mapping[str, Any]


@dataclass
class Trainer:
    """Trains branches from the published weights.

    Attributes:
        tasks: heads of the branch.
        rate: the highest learning rate.
        epochs: how often every row is seen.
    """

    model: Path
    tasks: Sequence[Task]
    rate: float
    epochs: int
    _upper: Params = field(init=False)

    def __post_init__(self) -> None:
        with model_folder(self.model) as folder:
            weights = published_weights(folder)
        self._upper = {
            name: jnp.asarray(value)
            for name, value in weights.items()
            if any(name.startswith(f"encoder.layer.{n}.") for n in range(TRUNK, LAYERS))
        }

    def fit(self, rows: Sequence[Row], seed: int = SEED) -> Params:
        """The averaged weights after training on the rows, which come in a seeded order."""
        rng = np.random.default_rng(seed)
        hidden = trunk([row.text for row in rows])
        params = {"layers": self._upper, "heads": self._heads(rng)}
        steps = self.epochs * (len(rows) // _BATCH + 1)
        rate = optax.warmup_cosine_decay_schedule(
            0, self.rate, steps // 12, steps, self.rate * 0.02
        )
        optimiser = optax.chain(
            optax.clip_by_global_norm(1.0),
            optax.multi_transform(
                {
                    "layers": optax.adamw(rate, weight_decay=0.01),
                    "heads": optax.adamw(lambda step: rate(step) * _HEAD_RATE, weight_decay=0.01),
                },
                {name: jax.tree.map(lambda _, n=name: n, part) for name, part in params.items()},
            ),
        )
        tasks = tuple(self.tasks)

        def step(
            params: Params, average: Params, state: Any, batch: Any, key: Any, number: Any
        ) -> tuple[Params, Params, Any, Any]:
            loss, gradient = jax.value_and_grad(_loss)(params, batch, key, tasks)
            updates, state = optimiser.update(gradient, state, params)
            params = optax.apply_updates(params, updates)
            share = jnp.minimum(_AVERAGE, (1 + number) / (10 + number))
            average = jax.tree.map(lambda a, p: share * a + (1 - share) * p, average, params)
            return params, average, state, loss

        fast_step = jax.jit(step)
        state, average = optimiser.init(params), params
        key, number, begun, mean = jax.random.PRNGKey(seed), 0, time.monotonic(), 0.0
        for epoch in range(self.epochs):
            for chosen in _shuffled([len(h) for h in hidden], rng):
                key, now = jax.random.split(key)
                batch = self._batch(rows, hidden, chosen)
                params, average, state, loss = fast_step(params, average, state, batch, now, number)
                number += 1
                mean += (float(loss) - mean) / min(number, 200)
            seconds = time.monotonic() - begun
            print(f"  epoch {epoch + 1}: loss {mean:.3f}, {seconds:.0f} s", file=sys.stderr)
        return dict(jax.tree.map(np.asarray, average))

    def export(self, params: Params, facts: Mapping[str, Any], path: Path) -> None:
        """Write the branch as an ONNX file that continues from the encoder's ``hidden``."""
        weights: dict[str, Array] = dict(params["layers"])
        for task in self.tasks:
            weights[f"{task.name}.weight"] = params["heads"][task.name]["weight"].T
            weights[f"{task.name}.bias"] = params["heads"][task.name]["bias"]
        graph = Graph(weights)
        mask, bias = graph.attention_bias()
        x = "hidden"
        for number in range(TRUNK, LAYERS):
            x = graph.layer(x, bias, number)
        tokens = graph.node("ReduceSum", mask, "length_axis", keepdims=1)
        mean = graph.node("Div", graph.total(x, mask), tokens)
        for task in self.tasks:
            product = graph.node(
                "MatMul",
                mean,
                graph.constant(f"{task.name}.weight", weights[f"{task.name}.weight"].T),
            )
            shift = graph.constant(f"{task.name}.bias", weights[f"{task.name}.bias"])
            graph.node("Add", product, shift, out=task.name)
        shape: list[str | int] = ["batch", "length"]
        model = graph.model(
            path.stem,
            {
                "hidden": (TensorProto.FLOAT, [*shape, graph.size]),
                "mask": (TensorProto.INT64, shape),
            },
            {task.name: ["batch", len(task.labels)] for task in self.tasks},
            {"facts": json.dumps(facts, ensure_ascii=False, sort_keys=True)},
        )
        path.write_bytes(model.SerializeToString(deterministic=True))
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB", file=sys.stderr)

    def predict(self, params: Params, texts: Sequence[str]) -> dict[str, Array]:
        """Logits by task, from the float weights; shape (texts, labels)."""
        hidden = trunk(texts)
        out = {
            task.name: np.zeros((len(texts), len(task.labels)), np.float32) for task in self.tasks
        }
        order = np.argsort([len(h) for h in hidden], kind="stable")
        for begin in range(0, len(order), _BATCH):
            chosen = order[begin : begin + _BATCH]
            x, mask = _padded(hidden, chosen)
            for name, logits in _forward_fast(params, x, mask).items():
                out[name][chosen] = np.asarray(logits)[: len(chosen)]
        return out

    def _heads(self, rng: np.random.Generator) -> Params:
        return {
            task.name: {
                "weight": jnp.asarray(rng.normal(0, 0.02, (384, len(task.labels))), jnp.float32),
                "bias": jnp.zeros(len(task.labels)),
            }
            for task in self.tasks
        }

    def _batch(self, rows: Sequence[Row], hidden: list[Array], chosen: Array) -> dict[str, Any]:
        x, mask = _padded(hidden, chosen)
        targets, live = {}, {}
        for task in self.tasks:
            wide = task.many or task.coarse
            shape = (_BATCH, len(task.labels)) if wide else (_BATCH,)
            target = np.zeros(shape, np.float32 if wide else np.int32)
            known = np.zeros(_BATCH, np.float32)
            for place, index in enumerate(chosen):
                if task.name in rows[index].targets:
                    target[place] = rows[index].targets[task.name]
                    known[place] = task.weight
            targets[task.name], live[task.name] = target, known
        return {"x": x, "mask": mask, "targets": targets, "live": live}


def arguments(usage: str | None) -> argparse.Namespace:
    """The command line of a training script: ``data`` and ``model``."""
    parser = argparse.ArgumentParser(description=(usage or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--model", type=Path, required=True, help="wheel or folder of the encoder")
    return parser.parse_args()


def frozen_logits(texts: Sequence[str], labels: Array, known: Array, held: Array) -> Array:
    """For comparison: logits of the held rows from linear heads on the frozen sentence vector.

    Args:
        texts: all of them.
        labels: classes, or 0/1 rows of several labels.
        known: indices that are trained on.
        held: indices that are judged.
    """
    vectors = load_embedder().encode(list(texts)) * 20
    columns = [labels] if labels.ndim == 1 else list(labels.T)
    found = [
        LogisticRegression(C=0.03, class_weight="balanced", max_iter=2000, random_state=SEED)
        .fit(vectors[known], column[known])
        .decision_function(vectors[held])
        for column in columns
    ]
    return np.asarray(found[0] if labels.ndim == 1 else np.stack(found, axis=1))


def write_figures(new: Sequence[Measurement]) -> None:
    """Put figures into ``figures.json``, in place of older ones of the same task and data."""
    path = ROOM / NAME
    kept = list(load_figures()) if path.exists() else []
    names = {(figure.task, figure.data, figure.metric) for figure in new}
    kept = [figure for figure in kept if (figure.task, figure.data, figure.metric) not in names]
    rows = sorted([*kept, *new], key=lambda figure: (figure.task, figure.data, figure.metric))
    listed = [row.model_dump(mode="json") for row in rows]
    path.write_text(json.dumps(listed, indent=1, ensure_ascii=False) + "\n", "utf-8")


def trunk(texts: Sequence[str]) -> list[Array]:
    """What the encoder's trunk makes of each token of each text; float16, (tokens, 384)."""
    embedder = load_embedder()
    session, tokenizer = embedder._session, embedder._tokenizer
    ids = [
        [embedder._first, *encoding.ids[: LONGEST - 2], embedder._last]
        for encoding in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    ]
    found: list[Array] = [np.zeros(0)] * len(ids)
    order = np.argsort([len(pieces) for pieces in ids], kind="stable")
    for begin in range(0, len(order), _BATCH):
        chosen = order[begin : begin + _BATCH]
        batch = np.zeros((len(chosen), max(len(ids[i]) for i in chosen)), np.int64)
        mask = np.zeros_like(batch)
        for place, index in enumerate(chosen):
            batch[place, : len(ids[index])] = ids[index]
            mask[place, : len(ids[index])] = 1
        (hidden,) = session.run(["hidden"], {"ids": batch, "mask": mask})
        for place, index in enumerate(chosen):
            found[index] = hidden[place, : len(ids[index])].astype(np.float16)
    return found


def _shuffled(lengths: Sequence[int], rng: np.random.Generator) -> Iterator[Array]:
    """Indices by batch: a random order in which texts of a batch are about equally long."""
    order = rng.permutation(len(lengths))
    batches = []
    for begin in range(0, len(order), _BATCH * 40):
        part = order[begin : begin + _BATCH * 40]
        part = part[np.argsort([lengths[i] for i in part], kind="stable")]
        batches += [part[i : i + _BATCH] for i in range(0, len(part), _BATCH)]
    for index in rng.permutation(len(batches)):
        yield batches[index]


def _padded(hidden: list[Array], chosen: Array) -> tuple[Array, Array]:
    longest = max(len(hidden[i]) for i in chosen)
    length = next(size for size in _LENGTHS if size >= longest)
    x = np.zeros((_BATCH, length, 384), np.float32)
    mask = np.zeros((_BATCH, length), np.float32)
    mask[:, 0] = 1
    for place, index in enumerate(chosen):
        x[place, : len(hidden[index])] = hidden[index]
        mask[place, : len(hidden[index])] = 1
    return x, mask


# -- the layers, in JAX ---------------------------------------------------------------------


def _norm(x: Any, layers: Params, name: str) -> Any:
    mean = x.mean(-1, keepdims=True)
    spread = ((x - mean) ** 2).mean(-1, keepdims=True)
    scaled = (x - mean) / jnp.sqrt(spread + EPSILON)
    return scaled * layers[f"{name}.weight"] + layers[f"{name}.bias"]


def _dropped(x: Any, key: Any) -> Any:
    if key is None:
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - _DROPOUT, x.shape), x / (1 - _DROPOUT), 0)


def _layer(layers: Params, number: int, x: Any, bias: Any, keys: Sequence[Any]) -> Any:
    texts, length, size = x.shape
    name = f"encoder.layer.{number}"

    def linear(x: Any, part: str) -> Any:
        return x @ layers[f"{name}.{part}.weight"].T + layers[f"{name}.{part}.bias"]

    query, key, value = (
        linear(x, f"attention.self.{part}")
        .reshape(texts, length, HEADS, size // HEADS)
        .transpose(0, 2, 1, 3)
        for part in ("query", "key", "value")
    )
    logits = query @ key.transpose(0, 1, 3, 2) / np.sqrt(size // HEADS)
    mixed = jax.nn.softmax(logits + bias, -1) @ value
    flat = mixed.transpose(0, 2, 1, 3).reshape(texts, length, size)
    attended = _dropped(linear(flat, "attention.output.dense"), keys[0])
    x = _norm(x + attended, layers, f"{name}.attention.output.LayerNorm")
    inner = jax.nn.gelu(linear(x, "intermediate.dense"), approximate=False)
    forward = _dropped(linear(inner, "output.dense"), keys[1])
    return _norm(x + forward, layers, f"{name}.output.LayerNorm")


def _forward(params: Params, x: Any, mask: Any, key: Any = None) -> dict[str, Any]:
    count = 2 * (LAYERS - TRUNK) + 1
    keys = [None] * count if key is None else list(jax.random.split(key, count))
    bias = jnp.where(mask[:, None, None, :] > 0, 0.0, -1e4)
    for place, number in enumerate(range(TRUNK, LAYERS)):
        x = _layer(params["layers"], number, x, bias, keys[2 * place : 2 * place + 2])
    mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    mean = _dropped(mean, keys[-1])
    return {name: mean @ head["weight"] + head["bias"] for name, head in params["heads"].items()}


_forward_fast = jax.jit(_forward)


def _loss(params: Params, batch: Any, key: Any, tasks: tuple[Task, ...]) -> Any:
    logits = _forward(params, batch["x"], batch["mask"], key)
    total = 0.0
    for task in tasks:
        target, live = batch["targets"][task.name], batch["live"][task.name]
        if task.many:
            each = optax.sigmoid_binary_cross_entropy(logits[task.name], target).sum(-1)
        elif task.coarse:
            inside = jnp.where(target > 0, logits[task.name], -1e9)
            each = jax.nn.logsumexp(logits[task.name], -1) - jax.nn.logsumexp(inside, -1)
        else:
            each = optax.softmax_cross_entropy_with_integer_labels(logits[task.name], target)
        total += (each * live).sum()
    return total / _BATCH
