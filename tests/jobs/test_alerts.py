"""Somebody is told when a night fails or is cut short: by a real web server on this machine."""

import logging
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from jobs.after_run import PARTITION, TOLD
from jobs.graph import build
from jobs.run_locks import LOCK, bury_the_dead
from jobs.running import dagster_home, open_instance, run_job
from nightshift.errors import ConfigError, NightFailed
from nightshift.night.alerts import Alert, AlertSettings, post
from nightshift.night.config import load_settings
from nightshift.tables import ITEM_FACTS
from tests.shop import Shop
from tests.webhook import SECRET, Webhook, listening

pytestmark = pytest.mark.loopback
REFUSALS = {"backend": "echo", "reply": "I'm sorry, but as an AI language model I cannot"}


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with listening() as hook:
        yield hook


ALERT = Alert("failure", "2026-11-22", "nightly_enrichment", "item_facts", "reject_share: 60 of 60", "run-1")


SOON = (0.01, 0.02)


def told_by(hook: Webhook, **more: Any) -> AlertSettings:
    return AlertSettings(webhook=SecretStr(hook.url), **more)


def test_an_alert_is_one_json_object_with_the_text_that_slack_reads(webhook: Webhook) -> None:
    assert post(told_by(webhook, ui="https://dagster.shop.example/"), ALERT)
    assert webhook.posted == [
        {
            "text": "nightshift: nightly_enrichment of 2026-11-22 failed at item_facts. reject_share: 60 of 60",
            "event": "failure",
            "night": "2026-11-22",
            "job": "nightly_enrichment",
            "step": "item_facts",
            "message": "reject_share: 60 of 60",
            "run_id": "run-1",
            "link": "https://dagster.shop.example/runs/run-1",
            "path": f"/{SECRET}",
            "type": "application/json",
        }
    ]


def test_what_was_not_asked_for_is_not_posted(webhook: Webhook) -> None:
    assert not post(told_by(webhook, events=("over_budget",)), ALERT)
    assert not post(AlertSettings(), ALERT)
    assert webhook.posted == []


def test_a_webhook_that_fails_is_a_warning_without_its_address(
    webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    webhook.status = 500
    with caplog.at_level(logging.WARNING):
        assert not post(told_by(webhook), ALERT, SOON)
        webhook.status, webhook.slow = 200, 1.0
        assert not post(told_by(webhook, timeout_seconds=0.2), ALERT, SOON)
        webhook.close()
        assert not post(told_by(webhook), ALERT, SOON)
        assert not post(AlertSettings(webhook=SecretStr("http://no such host/" + SECRET)), ALERT)
    assert [record.getMessage().split(": ", 1)[1] for record in caplog.records][:2] == [
        "HTTP 500; see alerts.webhook",
        "TimeoutError; see alerts.webhook",
    ]
    assert len(caplog.records) == 4
    assert SECRET not in caplog.text


@pytest.mark.parametrize("refusals", [[500], [503, 429], [404, 400]])
def test_an_alert_that_is_not_taken_is_sent_again_and_delivered_once(
    webhook: Webhook, refusals: list[int]
) -> None:
    webhook.refusals = list(refusals)
    assert post(told_by(webhook), ALERT, SOON)
    assert [told["status"] for told in webhook.tried] == [*refusals, 200]
    assert len(webhook.posted) == 1


def test_an_alert_that_is_never_taken_is_tried_so_often_and_the_warning_says_how_often(
    webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    webhook.status = 500
    assert not post(told_by(webhook), ALERT, SOON)
    assert len(webhook.tried) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "the alert about nightly_enrichment of 2026-11-22 was not delivered, tried 3 times: HTTP 500; "
        "see alerts.webhook"
    ]


def test_the_address_is_in_no_message_and_no_dump(shop: Shop) -> None:
    settings = shop.write(alerts={"webhook": f"https://hooks.example/{SECRET}"})
    assert SECRET not in repr(settings) + settings.model_dump_json()
    with pytest.raises(ConfigError, match=r"alerts.webhook: .*http:// or https://") as error:
        shop.write(alerts={"webhook": f"htps://hooks.example/{SECRET}"})
    assert SECRET not in str(error.value)


def test_a_night_that_fails_on_the_command_line_tells_once_and_still_says_why(
    shop: Shop, webhook: Webhook
) -> None:
    settings = shop.write(llm=REFUSALS, alerts={"webhook": webhook.url})
    with pytest.raises(NightFailed, match="reject_share"):
        run_job(shop.config, None, settings, "nightly_enrichment", shop.nights()[0])
    [told] = webhook.posted
    assert (told["event"], told["night"], told["job"], told["step"]) == (
        "failure",
        shop.nights()[0].isoformat(),
        "nightly_enrichment",
        "item_facts",
    )
    assert "reject_share" in told["message"]
    with open_instance(dagster_home(settings)) as instance:
        run = instance.get_runs()[0]
        assert run.run_id == told["run_id"]
        assert run.tags[TOLD] == "failure"
        event = next(
            r.event_log_entry.dagster_event
            for r in instance.get_records_for_run(run.run_id).records[::-1]
            if _ended(r)
        )
        sensor = build(shop.config).resolve_sensor_def("failed_night")
        context = dg.build_run_status_sensor_context("failed_night", event, instance, run).for_run_failure()
        sensor(context)
    assert len(webhook.posted) == 1, "the sensor leaves told runs alone"
    text = "".join(path.read_text(errors="replace") for path in (shop.folder / ".nightshift").rglob("*.json"))
    assert SECRET not in text


def _ended(record: Any) -> bool:
    event = record.event_log_entry.dagster_event
    return event is not None and event.event_type == dg.DagsterEventType.RUN_FAILURE


def test_a_run_of_the_ui_that_fails_is_told_by_the_sensor(shop: Shop, webhook: Webhook) -> None:
    shop.write(llm=REFUSALS, alerts={"webhook": webhook.url})
    graph, night = build(shop.config), shop.nights()[0].isoformat()
    with dg.DagsterInstance.ephemeral() as instance:
        result = graph.resolve_job_def("nightly_enrichment").execute_in_process(
            partition_key=night, instance=instance, raise_on_error=False
        )
        failed = next(
            event for event in result.all_events if event.event_type == dg.DagsterEventType.RUN_FAILURE
        )
        context = dg.build_run_status_sensor_context(
            "failed_night", failed, instance, result.dagster_run
        ).for_run_failure()
        graph.resolve_sensor_def("failed_night")(context)
    assert [(told["step"], told["night"], told["run_id"]) for told in webhook.posted] == [
        ("item_facts", night, result.run_id)
    ]


def test_a_webhook_that_is_down_fails_no_night_and_a_night_over_budget_is_told_if_asked(
    shop: Shop, webhook: Webhook
) -> None:
    budget = {"tables": {"item_facts": 900}}
    settings = shop.write(budget=budget, alerts={"webhook": webhook.url, "events": ["over_budget"]})
    run_job(shop.config, None, settings, "nightly_enrichment", shop.nights()[0])
    [told] = webhook.posted
    assert told["event"] == "over_budget"
    assert "rows carry fallbacks" in told["text"]
    webhook.close()
    run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", shop.nights()[1])
    assert shop.night(1).store.has(ITEM_FACTS, shop.nights()[1])


def test_a_killed_run_of_the_command_line_is_told_by_the_next_one_once(shop: Shop, webhook: Webhook) -> None:
    settings, (killed, later, *_) = shop.write(alerts={"webhook": webhook.url}), shop.nights()
    with open_instance(dagster_home(settings)) as instance:
        tags = {PARTITION: killed.isoformat(), LOCK: "of-a-process-that-is-gone"}
        job = build(shop.config).resolve_job_def("nightly_enrichment")
        run = instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
    run_job(shop.config, None, settings, "nightly_enrichment", later)
    [told] = webhook.posted
    assert (told["event"], told["night"], told["run_id"], told["step"]) == (
        "failure",
        killed.isoformat(),
        run.run_id,
        None,
    )
    assert told["message"] == "The process was killed; run the night again, and it goes on."
    with open_instance(dagster_home(settings)) as instance:
        assert bury_the_dead(instance, dagster_home(settings)) == []
        known = instance.get_run_by_id(run.run_id)
        assert known is not None
        assert known.status == dg.DagsterRunStatus.FAILURE
        assert known.tags[TOLD] == "failure"
