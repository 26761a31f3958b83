"""Dagster's pages, as far as the story walks through them: where things are, what to click, what a page
must show."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOCATION = "jobs.definitions"
PATIENT = 180_000
"""Milliseconds that a page may take to show what it must, on a loaded machine."""
SIZE = {"width": 1400, "height": 900}
UPRIGHT = """localStorage.setItem("asset-graph-direction", '"vertical"')"""
"""The choice "vertical orientation" of the graph's menu: the whole graph fits into sight. A script to run
before the first page."""


@dataclass
class Ui:
    """One browser tab on one running Dagster, and what went wrong in it."""

    page: Any
    url: str
    folder: Path
    """Where screenshots go."""
    complaints: list[str] = field(default_factory=list)
    """Uncaught errors, errors on the console, answers of 400 and above, requests to other machines."""

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENT)
        self.page.add_init_script(UPRIGHT)
        self.page.on("pageerror", lambda error: self._complain(True, f"uncaught: {error}"))
        self.page.on("console", lambda said: self._complain(said.type == "error", f"console: {said.text}"))
        self.page.on(
            "response", lambda reply: self._complain(reply.status >= 400, f"{reply.status}: {reply.url}")
        )
        self.page.on(
            "request", lambda asked: self._complain(_leaves(asked.url), f"left the machine: {asked.url}")
        )

    def _complain(self, wrong: bool, what: str) -> None:
        if wrong:
            self.complaints.append(what)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def shot(self, name: str) -> Path:
        """A picture of what is in sight."""
        place = self.folder / f"{name}.png"
        self.page.screenshot(path=place)
        return place

    def see(self, text: str | re.Pattern[str], count: int | None = None) -> None:
        """Wait until the text stands somewhere on the page, as the whole text of an element; `count` times
        when given."""
        from playwright.sync_api import expect

        found = self.page.get_by_text(text, exact=True).filter(visible=True)
        if count is None:
            expect(found.first).to_be_visible(timeout=PATIENT)
        else:
            expect(found).to_have_count(count, timeout=PATIENT)

    def open_graph(self) -> None:
        """The whole lineage with every group open, fitted into sight."""
        self.open("/asset-groups")
        self.see("sources")
        self.page.keyboard.press("Alt+e")  # the graph's own shortcut: Expand all groups
        self.page.wait_for_url("**expanded=**")
        self.page.reload()  # the graph is fitted into sight when it is opened, not when it grows
        self.see("ranking_examples")

    def choose_nights(self, job: str, nights: str) -> Any:
        """The dialog that materializes a job's assets, with these nights chosen: `2024-01-04`, or
        `[2024-01-05...2024-01-07]`."""
        self.open(f"/locations/{LOCATION}/jobs/{job}")
        self.page.get_by_role("button", name="Materialize all…").click()
        chosen = self.page.get_by_placeholder(re.compile("^ex:"))
        chosen.fill(nights)
        chosen.press("Tab")
        return self.page.get_by_role("button", name=re.compile("^Launch"))

    def materialize(self, job: str, nights: str) -> None:
        """Launch from the dialog and follow the link that Dagster offers: to the run of one night, or to
        the backfill of several."""
        self.choose_nights(job, nights).click()
        self.page.get_by_text(re.compile("^Launched|^Created")).first.wait_for()
        self.page.get_by_role("link", name="View", exact=True).click()

    def open_asset(self, name: str, view: str = "overview") -> None:
        self.open(f"/assets/{name}?view={view}")

    def metadata(self, name: str) -> Any:
        """The cell that an asset's page shows beside a name, for the newest night that was materialized."""
        return self.page.locator(f"xpath=//tr[td[1][normalize-space()='{name}']]/td[last()]").first

    def filter_log(self, query: str) -> None:
        """Only these events of a run's log."""
        self.page.get_by_placeholder(re.compile("^Filter")).fill(query)

    def reexecute_from_failure(self) -> None:
        """A failed run's own way on: what succeeded is not run again. Ends on the new run's page."""
        failed = self.page.url.split("?")[0]
        self.page.get_by_role("button", name="arrow_drop_down").filter(visible=True).last.click()
        self.page.get_by_text("From failure", exact=True).click()
        self.page.wait_for_url(lambda url: url.split("?")[0] != failed)


def _leaves(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:"))
