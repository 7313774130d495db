"""Train the sentiment head and write its weights and model card.

Usage:
    python scripts/train_sentiment.py --data FOLDER

FOLDER holds ``emotion/goemotions_{train,dev}.tsv`` with ``goemotions_labels.txt``, and
``sentiment/tweeteval_val_{text,labels}.txt``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, recall_score
from threadpoolctl import threadpool_limits

from ultimate_discord_intelligence_bot.analysis.head import Head
from ultimate_discord_intelligence_bot.embedding import load_embedder

Array = NDArray[Any]

ROOM = Path(__file__).parents[1] / "src/ultimate_discord_intelligence_bot/analysis"
SEED = 20240501
STRENGTH = 3.0
POST_WEIGHT = 8.0  # 1,000 posts against 42,000 comments

# The grouping of Demszky et al. 2020, table 1; ambiguous emotions count as neutral here.
POSITIVE = """
    admiration amusement approval caring desire excitement gratitude joy love optimism pride relief
"""
NEGATIVE = """
    anger annoyance disappointment disapproval disgust embarrassment fear grief nervousness remorse
    sadness
"""

CARD = """\
# Model card: sentiment

Multinomial logistic regression over a frozen all-MiniLM-L6-v2 sentence vector. Input: one sentence.
Output: the probabilities of negative, neutral, positive. Weights: `sentiment.npz`, written with
this card by `scripts/train_sentiment.py` (seed {seed}); the same data give the same weights.

## Data

- GoEmotions (Demszky et al. 2020, Apache-2.0): English Reddit comments with 27 emotions, put into
  the positive, negative and ambiguous groups of the paper. Ambiguous ones (confusion, curiosity,
  realization, surprise) and neutral count as neutral; comments that are both positive and negative
  are left out. {train:,} comments for training, {dev:,} of the development set held out.
- TweetEval sentiment (Barbieri et al. 2020; posts of SemEval-2017 task 4), validation part: half
  ({posts:,}, chosen at random) for training with weight {weight:.0f}, half held out.

Neither comments nor posts are part of this project.

## Figures on what was held out

| | macro F1 | macro recall | accuracy | F1 negative / neutral / positive |
|---|---|---|---|---|
| GoEmotions, 3 groups | {go} |
| TweetEval, 3 classes | {tweets} |

Without the posts in training, TweetEval macro recall is {without:.3f}.

## Intended use

The course of positive and negative wording over a recording, read as a curve and a mean.

## Limits

English only. Trained on written comments and posts; spoken debate is not in the data. Single
sentences are often wrong, as the figures say: only longer stretches mean something. Irony is
mostly missed. "Crime has fallen" may count as negative: the head reads wording, not what it means
for anyone.
"""


def group(emotions: set[str]) -> int | None:
    """0 negative, 1 neutral, 2 positive, None when both at once."""
    positive, negative = (not emotions.isdisjoint(names.split()) for names in (POSITIVE, NEGATIVE))
    if positive and negative:
        return None
    return 2 if positive else 0 if negative else 1


def comments(path: Path, names: list[str]) -> tuple[list[str], Array]:
    """Texts and groups of one GoEmotions file."""
    texts, labels = [], []
    for line in path.read_text("utf-8").splitlines():
        text, numbers, _ = line.split("\t")
        label = group({names[int(number)] for number in numbers.split(",")})
        if label is not None:
            texts.append(text)
            labels.append(label)
    return texts, np.array(labels)


def train(inputs: Array, labels: Array, weights: Array) -> Head:
    fitted = LogisticRegression(
        C=STRENGTH, class_weight="balanced", max_iter=1000, tol=1e-5, random_state=SEED
    ).fit(inputs, labels, sample_weight=weights)
    return Head(fitted.coef_.T.astype(np.float32), fitted.intercept_.astype(np.float32), "")


def row(head: Head, inputs: Array, labels: Array) -> str:
    """Figures of one test set as cells of a table."""
    found = head.probabilities(inputs).argmax(axis=1)
    each = " / ".join(f"{value:.3f}" for value in f1_score(labels, found, average=None))
    return (
        f"{f1_score(labels, found, average='macro'):.3f} | "
        f"{recall_score(labels, found, average='macro'):.3f} | "
        f"{accuracy_score(labels, found):.3f} | {each}"
    )


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description="Train the sentiment head.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    data: Path = parser.parse_args().data
    encode = load_embedder().encode
    names = (data / "emotion/goemotions_labels.txt").read_text("utf-8").split()
    texts, labels = comments(data / "emotion/goemotions_train.tsv", names)
    dev_texts, dev_labels = comments(data / "emotion/goemotions_dev.tsv", names)
    posts = (data / "sentiment/tweeteval_val_text.txt").read_text("utf-8").splitlines()
    post_labels = np.loadtxt(data / "sentiment/tweeteval_val_labels.txt", dtype=int)
    vectors, dev_vectors, post_vectors = encode(texts), encode(dev_texts), encode(posts)
    order = np.random.default_rng(SEED).permutation(len(posts))
    known, held = order[: len(posts) // 2], order[len(posts) // 2 :]

    only_comments = train(vectors, labels, np.ones(len(labels)))
    head = train(
        np.vstack([vectors, post_vectors[known]]),
        np.append(labels, post_labels[known]),
        np.append(np.ones(len(labels)), np.full(len(known), POST_WEIGHT)),
    )
    without = recall_score(
        post_labels[held],
        only_comments.probabilities(post_vectors[held]).argmax(axis=1),
        average="macro",
    )
    accuracies = [
        accuracy_score(truth, head.probabilities(rows).argmax(axis=1))
        for rows, truth in ((dev_vectors, dev_labels), (post_vectors[held], post_labels[held]))
    ]
    measured = (
        f"{accuracies[0]:.0%} of {len(dev_labels):,} held-out comments and {accuracies[1]:.0%} of "
        f"{len(held):,} held-out posts labelled as people did"
    )
    replace(head, measured=measured).save(ROOM / "sentiment.npz")
    card = CARD.format(
        seed=SEED,
        train=len(texts),
        dev=len(dev_texts),
        posts=len(known),
        weight=POST_WEIGHT,
        go=row(head, dev_vectors, dev_labels),
        tweets=row(head, post_vectors[held], post_labels[held]),
        without=without,
    )
    (ROOM / "MODEL_CARD_sentiment.md").write_text(card, "utf-8")
    print(card[card.index("## Figures") : card.index("## Intended")])


if __name__ == "__main__":
    with threadpool_limits(1):  # sums in a fixed order, so that the weights can be made again
        main()
