"""The examples for Prometheus and Grafana speak of metrics and labels that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from support.board_news import BoardNews, failed_with, read_until
from support.host_fakes import check

from signal_client_oci.host.http.metrics import PREFIX, Exposition

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "monitoring"
RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((FOLDER / "grafana.json").read_text(encoding="utf-8"))
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",), "gauge": ("",)}


def _families():
    """The connector's metric families, with a sample of every label."""
    news = BoardNews("prod")
    news.poll("prod", records=1, audit=read_until(1, 2), logging=failed_with("TIMEOUT"), warnings=[check()])
    families = text_string_to_metric_families(Exposition(news.board).render("")[0].decode())
    return [family for family in families if family.name.startswith(PREFIX)]


FAMILIES = _families()


def _labels():
    """Each name that a query can use, with its labels; `up` is Prometheus's own."""
    found = {"up": {"job", "instance"}}
    for family in FAMILIES:
        for suffix in _SUFFIXES[family.type]:
            labels = {label for sample in family.samples for label in sample.labels}
            found[f"{family.name}{suffix}"] = labels - ({"le"} if suffix in {"_sum", "_count"} else set())
    return found


LABELS = _labels()


def _names(query):
    """The metrics of a query with the labels that it matches: pairs of a name and what is in its braces."""
    return re.findall(rf"\b({PREFIX}\w+|up)\b(?:\{{([^}}]*)\}})?", query)


def _check(query):
    """Every metric and every label of a query exist; returns the labels of its metrics."""
    names = _names(query)
    assert names, query
    known = set()
    for name, matchers in names:
        assert name in LABELS, f"{name} in {query}"
        assert set(re.findall(r"(\w+) ?(?:=~|!~|!=|=)", matchers)) <= LABELS[name], query
        known |= LABELS[name]
    for labels in re.findall(r"\b(?:by|on|without|ignoring) ?\(([^)]*)\)", query):
        assert set(re.split(r", ?", labels)) <= known, query
    return known


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_complete_and_uses_what_there_is(rule):
    """An alert has a severity and says what is wrong; its metrics and labels exist."""
    known = _check(rule["expr"])
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["annotations"].keys() == {"summary", "description"}
    told = " ".join(rule["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", told)) <= known
    assert set(re.findall(rf"\b{PREFIX}\w+", told)) <= LABELS.keys()
    assert "{{ $labels.instance }}" in rule["annotations"]["summary"]


def test_the_dashboard_uses_what_there_is():
    """Every query and legend of the dashboard uses metrics and labels that exist, and no panel covers another."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            known = _check(target["expr"])
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    instances = DASHBOARD["templating"]["list"][1]["definition"]
    name, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", instances).groups()
    assert label in LABELS[name]
    cells = [
        (place["x"] + x, place["y"] + y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["w"])
        for y in range(place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_page_lists_every_metric():
    """Name, labels and meaning of each metric on the page are those that are exposed, and there is no other."""
    rows = re.findall(rf"^\| `({PREFIX}\w+)` \| ([^|]*) \| (.*) \|$", PAGE, re.MULTILINE)
    suffixes = {"counter": "_total"}
    assert rows == [
        (
            f"{family.name}{suffixes.get(family.type, '')}",
            ", ".join(sorted({label for sample in family.samples for label in sample.labels} - {"le"})),
            family.documentation,
        )
        for family in FAMILIES
    ]


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool (Debian package prometheus)")
def test_promtool_accepts_the_alerts_and_every_query(tmp_path):
    """The alerts fire for what they are for and for nothing else, and the dashboard's queries are PromQL."""
    queries = [{"record": f"query_{number}", "expr": one} for number, one in enumerate(QUERIES)]
    for rule in queries:
        rule["expr"] = rule["expr"].replace("$instance", "prod")
    as_rules = tmp_path / "queries.json"
    as_rules.write_text(json.dumps({"groups": [{"name": "queries", "rules": queries}]}))
    tests = ROOT / "tests" / "data" / "alerts_test.yml"
    for arguments in (["check", "rules", FOLDER / "alerts.yml", as_rules], ["test", "rules", tests]):
        done = subprocess.run(
            ["promtool", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
