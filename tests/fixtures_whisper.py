"""A Whisper of 1.5 MB that hears everything as the same sentence.

Everything in it is zero except that each position of the decoder knows which token comes next, so
the real ``WhisperModel`` runs over it and its output is known.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

SAYS = "The moon is made of rock. Nobody has found any cheese there."
LENGTH = 2.5
"""Seconds in each window after which it has said that."""

_SIZE = 64
_MELS = 80
_CERTAIN = 40.0
_BEFORE_WORDS = 1
_SPECIAL = tuple(
    f"<|{name}|>"
    for name in (
        *("endoftext", "startoftranscript", "en", "de", "translate", "transcribe"),
        *("startoflm", "startofprev", "nospeech"),
    )
)


def build_tiny_whisper(
    folder: Path, says: str = SAYS, *, doubt: float = 0.0, ballast: int = 0
) -> Path:
    """Write a CTranslate2 Whisper model, which counts as one for English only.

    Args:
        folder: is created.
        says: what it hears in every window; up to about 50 words.
        doubt: the probability of silence that it tells, 0 to 1 (not including 1).
        ballast: megabytes that it has to carry and never looks at.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words = [" " + word for word in says.split()]
    plain = list(dict.fromkeys([*words, *" .,!?'-\"([", "a"]))
    times = [f"<|{number * 0.02:.2f}|>" for number in range(1501)]
    special = [*_SPECIAL, "<|notimestamps|>", *times]
    tokens = [*plain, *special]
    script = ["<|0.00|>", *words, f"<|{LENGTH:.2f}|>", "<|endoftext|>"]
    _write_model(folder, tokens, script, len(words), doubt, (ballast << 20) // (4 * _SIZE))
    _write_tokenizer(folder / "tokenizer.json", plain, tokens)
    return folder


def _write_model(
    folder: Path, tokens: list[str], script: list[str], words: int, doubt: float, unused: int
) -> None:
    from ctranslate2.specs.whisper_spec import WhisperSpec

    ids = {token: number for number, token in enumerate(tokens)}
    spec = WhisperSpec(1, 1, 1, 1)
    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight = _zeros(_SIZE, _MELS, 3)
    encoder.conv2.weight = _zeros(_SIZE, _SIZE, 3)
    encoder.conv1.bias = encoder.conv2.bias = _zeros(_SIZE)
    # A moment of sound is a vector of its own, one for each word that fits into `LENGTH`.
    frames_per_word = LENGTH / 0.02 / words
    encoder.position_encodings.encodings = _zeros(1500, _SIZE)
    for frame in range(1500):
        moment = min(int(frame / frames_per_word), _SIZE - 1)
        encoder.position_encodings.encodings[frame, moment] = 1.0
    decoder.embeddings.weight = _zeros(len(tokens), _SIZE)
    # At each position the state is a vector of its own, and the projection knows what follows.
    positions = _zeros(448 + unused, _SIZE)
    projection = _zeros(len(tokens), _SIZE)
    for position in range(len(positions)):
        positions[position, min(position, _SIZE - 1)] = 1.0
    for position in range(_SIZE):
        projection[ids[script[min(position, len(script) - 1)]], position] = _CERTAIN
    projection[ids["<|en|>"], 0] = _CERTAIN
    if doubt:
        # Two others share the rest; layer norm makes about 7.94 of the 1 at this position.
        projection[ids["<|nospeech|>"], 0] = _CERTAIN + np.log(2 * doubt / (1 - doubt)) / 7.94
    decoder.position_encodings.encodings = positions
    decoder.projection.weight = projection
    for part in (encoder, decoder):
        _norm(part.layer_norm)
    _layer(encoder.layer[0], crossed=False)
    _layer(decoder.layer[0], crossed=True)
    _align(decoder.layer[0].attention)
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = [ids["<|en|>"], ids["<|de|>"]]
    spec.config.alignment_heads = [(0, 0)]
    spec.validate()
    spec.optimize(quantization="float32")
    spec.save(str(folder))


def _align(attention: Any) -> None:
    """Let the position of each word look at its moment of the sound."""
    query, key_value, _ = attention.linear
    for position in range(_BEFORE_WORDS, _SIZE):
        query.weight[position - _BEFORE_WORDS, position] = 1.0
    key_value.weight[:_SIZE] = np.eye(_SIZE, dtype=np.float32)


def _layer(layer: Any, *, crossed: bool) -> None:
    attentions = [layer.self_attention, *([layer.attention] if crossed else [])]
    for attention, sizes in zip(attentions, ((3, 1), (1, 2, 1)), strict=False):
        _norm(attention.layer_norm)
        for linear, size in zip(attention.linear, sizes, strict=True):
            _linear(linear, size * _SIZE, _SIZE)
    _norm(layer.ffn.layer_norm)
    _linear(layer.ffn.linear_0, _SIZE, _SIZE)
    _linear(layer.ffn.linear_1, _SIZE, _SIZE)


def _linear(linear: Any, outputs: int, inputs: int) -> None:
    linear.weight, linear.bias = _zeros(outputs, inputs), _zeros(outputs)


def _norm(norm: Any) -> None:
    norm.gamma, norm.beta = np.ones(_SIZE, np.float32), _zeros(_SIZE)


def _zeros(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


def _write_tokenizer(path: Path, plain: list[str], tokens: list[str]) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models

    vocabulary = {token: number for number, token in enumerate(plain)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="a"))
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True) for token in tokens[len(plain) :]]
    )
    tokenizer.save(str(path))
    added = json.loads(path.read_text())["added_tokens"]
    assert [token["id"] for token in added] == list(range(len(plain), len(tokens)))
