"""The playbook's alert rules as a rule file: valid by Prometheus's own judge, and about the team's metrics."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from harness import monitoring

from warroom.config.loading import load_playbook
from warroom.config.settings import Settings
from warroom.reports.alert_rules import Metrics, prometheus_rules

BOOK = load_playbook(Settings()).alerts


@pytest.mark.parametrize("services", [[], ["checkout-api"], ["checkout-api", 'odd "name" \\ ü: {x}']])
@pytest.mark.parametrize("metrics", [Metrics(), Metrics(label="svc", requests="rpc_total", failed='ok="false"')])
def test_promtool_accepts_the_six_rules_for_each_service(
    services: list[str], metrics: Metrics, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yml"
    rules = prometheus_rules(BOOK.critical, BOOK.warning, services, metrics)
    assert rules.unknown == ()
    file.write_text(rules.text)
    judged = subprocess.run(
        [monitoring.program("promtool"), "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert f"{6 * max(1, len(services))} rules found" in judged.stdout


def test_the_number_in_a_rules_name_is_its_threshold() -> None:
    rules = prometheus_rules(["error_rate_30percent", "service_down_2min"], ["queue_depth_500"], [])
    assert "> 0.3" in rules.text and "for: 2m" in rules.text and "> 500" in rules.text
    assert rules.text.count('"severity": "critical"') == 2


def test_a_rule_of_an_unknown_form_is_named_and_left_out(tmp_path: Path) -> None:
    rules = prometheus_rules(["moon_phase"], [], ["x"])
    assert rules.unknown == ("moon_phase",) and rules.text.endswith("rules: []\n")
