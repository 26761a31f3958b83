"""Rank over HTTP: one process, a night's features memory-mapped, no language model.

    pip install fastapi uvicorn
    NIGHTSHIFT_HOME=.nightshift uvicorn examples.serve_fastapi:app --port 8000
    curl -s localhost:8000/rank -H 'content-type: application/json' -d '{"user": "655", "candidates":
    ["50", "181", "258"]}' curl -s localhost:8000/events -H 'content-type: application/json' \\
         -d '{"events": [{"user_id": "655", "item_id": "50", "timestamp": "1998-04-23T00:01:00Z", "label":
         1}]}'

A background thread looks for a newer night every minute. Requests that are running finish on the night
they began with.
"""

import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import polars as pl
from fastapi import FastAPI
from pydantic import BaseModel

from nightshift.serving import Ranker

HOME = Path(os.environ.get("NIGHTSHIFT_HOME", ".nightshift"))
RANKER = os.environ.get("RANKER", "lightgbm")  # or din, where lift.rankers trained it
REFRESH_SECONDS = float(os.environ.get("REFRESH_SECONDS", "60"))


class Asked(BaseModel):
    user: str
    candidates: list[str]
    now: datetime | None = None  # a replay names its moment; a live request is now


class Event(BaseModel):
    user_id: str
    item_id: str
    timestamp: datetime
    label: float


class Events(BaseModel):
    events: list[Event]


def keep_fresh(ranker: Ranker, stop: threading.Event) -> None:
    while not stop.wait(REFRESH_SECONDS):
        ranker.features.refresh()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.ranker = Ranker.load(HOME, ranker=RANKER)
    stop = threading.Event()
    thread = threading.Thread(target=keep_fresh, args=(app.state.ranker, stop), daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()


app = FastAPI(title="Nightshift ranker", lifespan=lifespan)


@app.get("/health")
def health() -> dict[str, str]:
    ranker: Ranker = app.state.ranker
    return {"night": str(ranker.features.as_of), "ranker": str(ranker.as_of)}


@app.post("/rank")
def rank(asked: Asked) -> dict[str, object]:
    ranker: Ranker = app.state.ranker
    ranked = ranker.rank(asked.user, asked.candidates, asked.now)
    scored = zip(ranked.items, ranked.probabilities.tolist(), ranked.known.tolist(), strict=True)
    return {
        "night": str(ranked.as_of),
        "user_known": ranked.user_known,
        "items": [{"item": item, "probability": chance, "known": known} for item, chance, known in scored],
    }


@app.post("/events")
def events(given: Events) -> dict[str, int]:
    ranker: Ranker = app.state.ranker
    added = ranker.features.add_events(pl.DataFrame([event.model_dump() for event in given.events]))
    return {
        "known": added.known,
        "before_the_night": added.before_the_night,
        "of_unknown_items": added.of_unknown_items,
    }
