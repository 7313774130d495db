"""Alerts and dashboard: they hold, they ask for what there is, and everything there is is told."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from ultimate_discord_intelligence_bot.events import RunEvent
from ultimate_discord_intelligence_bot.metrics import CATALOGUE, Metric, Metrics, error_codes
from ultimate_discord_intelligence_bot.plans import Phase
from ultimate_discord_intelligence_bot.settings import Depth

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
RULES = yaml.safe_load((CONFIG / "alerts.yaml").read_text())["groups"][0]["rules"]
TESTS = yaml.safe_load((CONFIG / "alerts_test.yaml").read_text())["tests"]
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboards/autointel.json").read_text())
DOCS = (ROOT / "docs/deployment.md").read_text()

OF_PROMETHEUS = {"up": {"job", "instance"}, "ALERTS": {"alertname", "alertstate"}}
ADDED = {"job", "instance"}
"""Labels that Prometheus adds to everything that it fetches."""

needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is missing; Debian's package prometheus has it"
)


def promtool(*args: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *args], cwd=CONFIG, capture_output=True, text=True, timeout=60, **more
    )


# -- promtool -------------------------------------------------------------------------------------


@needs_promtool
def test_the_rules_are_understood() -> None:
    done = promtool("check", "rules", "alerts.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


@needs_promtool
def test_the_alerts_fire_and_rest_when_they_should() -> None:
    done = promtool("test", "rules", "alerts_test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    config = (ROOT / "deploy/prometheus.yml").read_text()
    key = tmp_path / "qdrant_api_key"
    key.write_text("key")
    (tmp_path / "prometheus.yml").write_text(config.replace("/tmp/qdrant_api_key", str(key)))
    shutil.copy(CONFIG / "alerts.yaml", tmp_path)
    done = promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_the_metrics_are_named_as_prometheus_likes_it() -> None:
    metrics = Metrics()
    metrics.hear(RunEvent("run", "deep", "ended", status="complete", phases={"analysis": 1.0}))
    done = promtool("check", "metrics", input=metrics.exposition()[0].decode())
    complaints = [line for line in done.stderr.splitlines() if line]
    # This name is older than its type; it is kept.
    assert [line.split()[0] for line in complaints] == ["autointel_parallel_tasks_count"]


# -- every query ----------------------------------------------------------------------------------


def selectors(
    node: Any, scope: frozenset[str] = frozenset()
) -> Iterator[tuple[Any, frozenset[str]]]:
    """Every selector of a query, and the labels by which it is grouped."""
    match node:
        case promql.VectorSelector():
            yield node, scope
        case promql.MatrixSelector():
            yield node.vector_selector, scope
        case promql.AggregateExpr():
            by = node.modifier
            if by is not None:
                assert by.type == promql.AggModifierType.By
                scope = scope | frozenset(by.labels)
            yield from selectors(node.expr, scope)
        case promql.BinaryExpr():
            yield from selectors(node.lhs, scope)
            yield from selectors(node.rhs, scope)
        case promql.Call():
            for each in node.args:
                yield from selectors(each, scope)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield from selectors(node.expr, scope)
        case promql.NumberLiteral() | promql.StringLiteral():
            return
        case _:
            raise AssertionError(f"no idea what {type(node)} is")


def queries() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for note in DASHBOARD["annotations"]["list"]:
        yield note["name"], note["expr"]


QUERIES = dict(queries())


def parsed(query: str) -> Any:
    return promql.parse(query.replace("$__rate_interval", "2m"))


def samples(metric: Metric) -> dict[str, set[str]]:
    """Names of the series of a metric, with their labels."""
    labels = set(metric.labels)
    if metric.kind != "histogram":
        return {metric.name: labels}
    return {
        f"{metric.name}_bucket": labels | {"le"},
        f"{metric.name}_sum": labels,
        f"{metric.name}_count": labels,
    }


SERIES = OF_PROMETHEUS | {k: v for metric in CATALOGUE for k, v in samples(metric).items()}


@pytest.mark.parametrize("title", QUERIES)
def test_a_query_asks_for_what_there_is(title: str) -> None:
    found = list(selectors(parsed(QUERIES[title])))
    assert found
    for selector, grouped in found:
        known = SERIES[selector.name] | ADDED
        assert {matcher.name for matcher in selector.matchers.matchers} <= known
        assert grouped <= known


VALUES: dict[str, set[str] | frozenset[str]] = {
    "depth": set(Depth),
    "phase": set(Phase),
    "error_type": error_codes(),
    "status": {"complete", "partial", "failed", "refused", "cancelled"},
    "state": {"waiting", "running"},
}


@pytest.mark.parametrize("title", QUERIES)
def test_a_query_asks_for_values_that_there_are(title: str) -> None:
    for selector, _ in selectors(parsed(QUERIES[title])):
        for matcher in selector.matchers.matchers:
            if matcher.name in VALUES and selector.name != "ALERTS":
                assert set(matcher.value.split("|")) <= VALUES[matcher.name]


@pytest.mark.parametrize("title", QUERIES)
def test_a_query_sums_no_gauge_that_all_processes_share(title: str) -> None:
    shared = {"autointel_queue_jobs", "autointel_workers_alive"}
    names = {selector.name for selector, _ in selectors(parsed(QUERIES[title]))}
    if names & shared:
        assert re.search(r"\b(max|absent)\b", QUERIES[title])


@pytest.mark.parametrize("panel", [p for p in DASHBOARD["panels"] if "targets" in p],
                         ids=lambda panel: str(panel["title"]))  # fmt: skip
def test_a_legend_names_labels_that_the_query_keeps(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        for selector, grouped in selectors(parsed(target["expr"])):
            kept = grouped or SERIES[selector.name] | ADDED
            assert shown <= kept


def test_every_metric_is_on_the_dashboard() -> None:
    asked = {
        selector.name
        for title, query in QUERIES.items()
        for selector, _ in selectors(parsed(query))
    }
    missing = [metric.name for metric in CATALOGUE if not samples(metric).keys() & asked]
    assert not missing


def test_panels_do_not_lie_on_one_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


# -- alerts ---------------------------------------------------------------------------------------


def test_every_alert_is_tested_to_fire() -> None:
    fired = {
        case["alertname"]
        for test in TESTS
        for case in test["alert_rule_test"]
        if case.get("exp_alerts")
    }
    assert fired == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["annotations"].keys() == {"summary", "action"}
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["for"]


def test_panels_that_alerts_point_to_exist() -> None:
    titles = {panel["title"] for panel in DASHBOARD["panels"]}
    named = {
        name for rule in RULES for name in re.findall(r"“([^”]+)”", rule["annotations"]["action"])
    }
    assert named
    assert named <= titles


def test_the_page_on_deployment_names_every_alert() -> None:
    assert set(re.findall(r"`(Autointel[A-Z]\w+)`", DOCS)) == {rule["alert"] for rule in RULES}
