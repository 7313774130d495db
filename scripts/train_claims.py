"""Train the check-worthiness head and write its weights and model card.

Usage:
    python scripts/train_claims.py --data FOLDER

FOLDER holds ``checkworthy/claimbuster_train.json``: a list of ``{"text", "label"}``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    precision_recall_curve,
    precision_score,
    recall_score,
)
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split
from threadpoolctl import threadpool_limits

from ultimate_discord_intelligence_bot.analysis.claims import claim_inputs
from ultimate_discord_intelligence_bot.analysis.head import Head
from ultimate_discord_intelligence_bot.embedding import load_embedder

Array = NDArray[Any]

ROOM = Path(__file__).parents[1] / "src/ultimate_discord_intelligence_bot/analysis"
SEED = 20240501
STRENGTHS = (0.003, 0.01, 0.03, 0.1)
PRECISION = 0.8
VECTOR_SCALE = 20.0  # unit vectors have components near 0.05; the cues are standardised to 1

CARD = """\
# Model card: check-worthy claims

Logistic regression over a frozen all-MiniLM-L6-v2 sentence vector and {cues} wording cues (figures,
dates, names, tense, opinion, length). Input: one sentence. Output: the probability that a
fact-checker would want to look it up. Weights: `claims.npz`, written with this card by
`scripts/train_claims.py` (seed {seed}); the same data give the same weights.

## Data

ClaimBuster: sentences from US presidential debates, 1960 to 2016, in the two-class edition
(label 1: check-worthy factual statement). Data licence CC BY 4.0 (Arslan, Hassan, Li, Tremayne:
"A Benchmark Dataset of Check-worthy Factual Claims", ICWSM 2020). The sentences are not part of
this project.

{rows} different sentences, {share:.0%} of them check-worthy. {train} were used for training, {test}
held out at random (stratified) before anything was chosen. Strength of regularisation (C = {C}),
threshold and calibration (Platt scaling) come from five-fold cross-validation on the training part.

## Figures on the held-out sentences

| | at the threshold used ({threshold:.2f}) | at probability 0.5 |
|---|---|---|
| precision | {precision:.3f} | {precision_half:.3f} |
| recall | {recall:.3f} | {recall_half:.3f} |
| F1 of the positive class | {f1:.3f} | {f1_half:.3f} |

Average precision {ap:.3f}; Brier score {brier:.3f} (always answering {share:.2f} gives {base:.3f}).
The same classifier on the sentence vector alone reaches an average precision of {ap_vector:.3f}.

The threshold is the lowest at which precision reached {aim:.0%} in cross-validation: a reader who
opens a claim should rarely find that there is nothing to check.

## Intended use

Marking sentences of a transcript that are worth checking. The score says nothing about whether a
sentence is true.

## Limits

English only. Trained on politicians' debates: other genres (lectures, sports, private talk) have
other base rates, so the probability is calibrated for debates only. Sentences are judged alone:
"That is what he did" is not resolved. What counted as check-worthy is the judgement of the
annotators. Questions, courtesies and fragments under four words are left out by rule, before the
classifier.
"""


def standardised(inputs: Array, dimension: int) -> tuple[Array, Array, Array]:
    """Centre and scale of every input: fixed for the vector, measured for the cues."""
    centre = inputs.mean(axis=0)
    scale = np.maximum(inputs.std(axis=0), 1e-6)
    scale[:dimension] = 1 / VECTOR_SCALE
    return (inputs - centre) / scale, centre, scale


def model(strength: float) -> LogisticRegression:
    return LogisticRegression(
        C=strength, class_weight="balanced", max_iter=5000, tol=1e-6, random_state=SEED
    )


def out_of_fold(inputs: Array, labels: Array, strength: float) -> Array:
    """Logit of every training sentence from a model that has not seen it."""
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    logits: Array = cross_val_predict(
        model(strength), inputs, labels, cv=folds, method="decision_function"
    )
    return logits


def train(inputs: Array, labels: Array, dimension: int) -> tuple[Head, float]:
    """The calibrated head and the strength of regularisation that was chosen."""
    scaled, centre, scale = standardised(inputs, dimension)
    logits = {strength: out_of_fold(scaled, labels, strength) for strength in STRENGTHS}
    best = max(STRENGTHS, key=lambda strength: average_precision_score(labels, logits[strength]))
    platt = LogisticRegression(C=1e6).fit(logits[best][:, None], labels)
    slope, shift = float(platt.coef_[0, 0]), float(platt.intercept_[0])
    precisions, _, limits = precision_recall_curve(labels, slope * logits[best] + shift)
    limit = float(limits[np.argmax(precisions[:-1] >= PRECISION)])

    fitted = model(best).fit(scaled, labels)
    weights = slope * fitted.coef_[0] / scale
    bias = slope * fitted.intercept_[0] + shift - weights @ centre
    head = Head(
        np.stack([np.zeros_like(weights), weights], axis=1).astype(np.float32),
        np.array([0, bias], np.float32),
        "",
        1 / (1 + np.exp(-limit)),
    )
    return head, best


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description="Train the check-worthiness head.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    arguments = parser.parse_args()
    rows = json.loads((arguments.data / "checkworthy/claimbuster_train.json").read_text("utf-8"))
    unique = sorted({row["text"]: int(row["label"]) for row in rows}.items())
    texts, labels = [text for text, _ in unique], np.array([label for _, label in unique])
    embedder = load_embedder()
    inputs = claim_inputs(texts, embedder.encode(texts))
    known, held = train_test_split(
        np.arange(len(texts)), test_size=0.2, stratify=labels, random_state=SEED
    )
    head, strength = train(inputs[known], labels[known], embedder.dimension)
    vector_only, _ = train(inputs[known, : embedder.dimension], labels[known], embedder.dimension)

    truth = labels[held]
    scores = head.probabilities(inputs[held])[:, 1]
    alone = vector_only.probabilities(inputs[held, : embedder.dimension])[:, 1]
    share = float(labels.mean())
    figures: dict[str, Any] = {
        "precision": precision_score(truth, scores >= head.threshold),
        "recall": recall_score(truth, scores >= head.threshold),
        "f1": f1_score(truth, scores >= head.threshold),
        "precision_half": precision_score(truth, scores >= 0.5),
        "recall_half": recall_score(truth, scores >= 0.5),
        "f1_half": f1_score(truth, scores >= 0.5),
        "ap": average_precision_score(truth, scores),
        "ap_vector": average_precision_score(truth, alone),
        "brier": brier_score_loss(truth, scores),
        "base": share * (1 - share),
    }
    measured = (
        f"precision {figures['precision']:.2f} and recall {figures['recall']:.2f} on {len(held):,} "
        "held-out sentences of presidential debates"
    )
    replace(head, measured=measured).save(ROOM / "claims.npz")
    (ROOM / "MODEL_CARD_claims.md").write_text(
        CARD.format(
            **figures,
            cues=inputs.shape[1] - embedder.dimension,
            seed=SEED,
            rows=len(texts),
            share=share,
            train=len(known),
            test=len(held),
            C=strength,
            threshold=head.threshold,
            aim=PRECISION,
        ),
        "utf-8",
    )
    for name, value in figures.items():
        print(f"{name:15s} {value:.4f}")
    print(f"threshold       {head.threshold:.4f}")


if __name__ == "__main__":
    with threadpool_limits(1):  # sums in a fixed order, so that the weights can be made again
        main()
