"""``autointel evaluate``: how good the local analysts are, on public data or on the user's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..analysis import evaluation
from ..analysis.figures import Measurement, load_figures
from ..observability import configure_logging
from ..settings import load_settings
from .terminal import Exit, orderly_exit, stderr, stdout


def show_figures(*, as_json: bool) -> int:
    """Print what the training scripts measured; returns the exit code."""
    with orderly_exit():
        figures = load_figures()
        if as_json:
            rows = [figure.model_dump(mode="json") for figure in figures]
            print(json.dumps(rows, indent=1, ensure_ascii=False))  # noqa: T201
        else:
            _print_figures(figures)
        return Exit.COMPLETE


def _print_figures(figures: tuple[Measurement, ...]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("task", "data and what was held out", "figure"):
        table.add_column(name, overflow="fold")
    for name in ("ours", "frozen", "published"):
        table.add_column(name, justify="right", no_wrap=True)
    for figure in figures:
        table.add_row(
            figure.task,
            escape(f"{figure.data}, {figure.split} ({figure.rows:,})"),
            escape(figure.metric),
            f"{figure.ours:.3f}",
            _figure(figure.frozen),
            _figure(figure.published),
        )
    stdout.print(table, soft_wrap=False)
    stdout.print(
        "\nours: what ships, measured on texts held out of its training. frozen: linear heads on "
        "the sentence vector\nof the memory, on the same texts. published: by others, on their own "
        "split, so close figures mean little:"
    )
    for name in dict.fromkeys(f.published_by for f in figures if f.published_by):
        stdout.print(escape(f"  {name}"))
    stdout.print(
        "English only. docs/analysis/local_analysts.md tells where each analyst fails, with "
        "examples.\nMeasure them on your own data: autointel evaluate TASK FILE.jsonl"
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def evaluate(task: str, file: Path, *, as_json: bool) -> int:
    """Score a labelled file and print the figures; returns the exit code."""
    with orderly_exit():
        configure_logging(load_settings())
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=stderr,
            transient=True,
            disable=not stderr.is_terminal,
        ) as bar:
            shown = bar.add_task(f"scoring {escape(file.name)}", total=1.0)
            scores = evaluation.evaluate(
                task, file, lambda share, _: bar.update(shown, completed=share)
            )
        if as_json:
            print(json.dumps(scores, indent=1, ensure_ascii=False))  # noqa: T201
        else:
            stdout.print(_table(scores), soft_wrap=False)
            _compare(task)
        return Exit.COMPLETE


def _table(scores: evaluation.Scores) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for name, value in scores.items():
        _add(table, name, value)
    return table


def _add(table: Table, name: str, value: Any, indent: str = "") -> None:
    words = indent + name.replace("_", " ")
    if isinstance(value, dict):
        table.add_row(escape(words), "")
        for inner, part in value.items():
            _add(table, inner, part, indent + "  ")
    elif isinstance(value, bool):
        table.add_row(escape(words), "yes" if value else "no")
    else:
        table.add_row(escape(words), f"{value:.4f}" if isinstance(value, float) else str(value))


def _compare(task: str) -> None:
    """What was measured in training, for comparison."""
    for figure in load_figures():
        if figure.task == task:
            published = "" if figure.published is None else f"; published {figure.published:.3f}"
            stdout.print(
                escape(
                    f"For comparison, {figure.data}, {figure.split}: {figure.metric} "
                    f"{figure.ours:.3f}{published}"
                )
            )
