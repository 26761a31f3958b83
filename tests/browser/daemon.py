"""Dagster's GraphQL interface, as far as an on-call engineer uses the pages: switch a sensor on, read its
ticks and runs, run again."""

import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
LOCATION, REPOSITORY = "jobs.definitions", "__repository__"
PATIENCE = 420.0
"""Seconds that something may take to happen on a crowded machine; on an idle one the slowest takes one
minute."""
FINISHED = ("SUCCESS", "FAILURE", "CANCELED")

SWITCH_ON = (
    "mutation ($sensor: SensorSelector!) {startSensor(sensorSelector: $sensor) {__typename ... on "
    "PythonError {message}}}"
)
TICKS = """query ($sensor: SensorSelector!) {sensorOrError(sensorSelector: $sensor) {
  __typename ... on Sensor {sensorState {status ticks(limit: 50) {timestamp status skipReason runIds runKeys error {message}}}}}}"""
RUNS = """query ($filter: RunsFilter) {runsOrError(filter: $filter) {
  ... on Runs {results {runId parentRunId rootRunId status jobName tags {key value} stepStats {stepKey status}}}}}"""
AGAIN = """mutation ($again: ReexecutionParams!) {launchRunReexecution(reexecutionParams: $again) {
  __typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
BACKFILL = """mutation ($wanted: LaunchBackfillParams!) {launchPartitionBackfill(backfillParams: $wanted) {
  __typename ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}"""
BACKFILL_AGAIN = """mutation ($again: ReexecutionParams!) {reexecutePartitionBackfill(reexecutionParams: $again) {
  __typename ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}"""
BACKFILLED = """query ($id: String!) {partitionBackfillOrError(backfillId: $id) {
  __typename ... on PartitionBackfill {status error {message} runs {runId} partitionNames}}}"""


@dataclass(frozen=True)
class Daemon:
    """A running Dagster at an address."""

    url: str

    def ask(self, query: str, **variables: Any) -> Any:
        """The one field that a query or mutation asks for. Raises AssertionError with what Dagster said
        when it refused."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        asked = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=PATIENCE) as reply:
            told = json.load(reply)
        assert "errors" not in told, told["errors"]
        [answer] = told["data"].values()
        assert not str(answer.get("__typename", "")).endswith("Error"), answer
        return answer

    def switch_on(self, sensor: str) -> None:
        self.ask(SWITCH_ON, sensor=_sensor(sensor))

    def ticks(self, sensor: str) -> list[dict[str, Any]]:
        """The ticks that have ended, newest first."""
        told = self.ask(TICKS, sensor=_sensor(sensor))["sensorState"]["ticks"]
        return [tick for tick in told if tick["status"] != "STARTED"]

    def tick(self, sensor: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The newest tick that is as wanted, once there is one."""
        return until(
            lambda: next((tick for tick in self.ticks(sensor) if wanted(tick)), None),
            lambda: self.ticks(sensor),
        )

    def runs(self, **wanted: Any) -> list[dict[str, Any]]:
        """Runs, newest first, their tags and steps as dicts."""
        found = self.ask(RUNS, filter=wanted)["results"]
        return [
            run
            | {
                "tags": {tag["key"]: tag["value"] for tag in run["tags"]},
                "steps": {step["stepKey"]: step["status"] for step in run["stepStats"]},
            }
            for run in found
        ]

    def finished(self, run_id: str) -> dict[str, Any]:
        """The run, once it has ended."""
        return until(
            lambda: next((run for run in self.runs(runIds=[run_id]) if run["status"] in FINISHED), None),
            self.runs,
        )

    def reexecute(self, run_id: str) -> str:
        """Run again what failed and what comes after it. Returns the new run's id."""
        return str(self.ask(AGAIN, again={"parentRunId": run_id, "strategy": "FROM_FAILURE"})["run"]["runId"])

    def backfill(self, assets: list[str], nights: list[str]) -> str:
        """Launch a backfill as the dialog of several assets does. Returns its id."""
        wanted = {"assetSelection": [{"path": [asset]} for asset in assets], "partitionNames": nights}
        return str(self.ask(BACKFILL, wanted=wanted)["backfillId"])

    def backfill_again(self, backfill: str) -> str:
        """Launch what a backfill left undone. Returns the new backfill's id."""
        return str(
            self.ask(BACKFILL_AGAIN, again={"parentRunId": backfill, "strategy": "FROM_FAILURE"})[
                "backfillId"
            ]
        )

    def backfilled(self, backfill: str) -> dict[str, Any]:
        """The backfill, once it has ended."""
        return until(
            lambda: (
                told
                if (told := self.ask(BACKFILLED, id=backfill))["status"] not in ("REQUESTED", "FAILING")
                else None
            )
        )


def _sensor(name: str) -> dict[str, str]:
    return {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY, "sensorName": name}


def until(look: Callable[[], T | None], seen: Callable[[], object] = lambda: None) -> T:
    """What `look` finds, once it finds something. Raises AssertionError with what was `seen` instead."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if (found := look()) is not None:
            return found
        time.sleep(0.5)
    raise AssertionError(f"not within {PATIENCE:.0f} s; there is {seen()}")
