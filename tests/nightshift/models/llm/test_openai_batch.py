"""Batch files against a provider on this machine: what was paid for is neither sent twice nor lost."""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nightshift.errors import ConfigError, IntegrityError, ModelUnavailable
from nightshift.models.llm import LLMSettings, build_llm, identify
from nightshift.models.llm.base import LLM, Answer, Decoding, Request
from nightshift.models.llm.batch_lines import custom_id
from nightshift.models.llm.batch_state import BatchFolder, BatchState
from nightshift.models.llm.conformance import LLMConformance
from nightshift.models.llm.openai import OpenAISettings
from nightshift.models.llm.openai_batch import BatchBlock, OpenAIBatchLLM
from tests.loopback_batches import Fate, Provider
from tests.web_server import free_port

pytestmark = pytest.mark.loopback
KEY = "sk-secret-of-the-night-0123456789"
Make = Callable[..., OpenAIBatchLLM]


def make_batched(
    url: str, folder: Path, server: dict[str, Any] | None = None, **batch: Any
) -> OpenAIBatchLLM:
    asked = {"base_url": url, "retries": 2, "timeout_seconds": 20.0} | (server or {})
    settings = OpenAISettings.model_validate({"model": "tiny@r1", "server": asked})
    return OpenAIBatchLLM(
        settings, BatchBlock.model_validate({"poll_seconds": 0.02} | batch), folder, first_wait=0.01
    )


@pytest.fixture
def llm_for(tmp_path: Path) -> Iterator[Make]:
    made: list[OpenAIBatchLLM] = []

    def make(url: str, server: dict[str, Any] | None = None, **batch: Any) -> OpenAIBatchLLM:
        made.append(make_batched(url, tmp_path / "batches", server, **batch))
        return made[-1]

    yield make
    for llm in made:
        llm.close()


def films(count: int, decoding: Decoding = Decoding(max_new_tokens=20)) -> list[Request]:
    return [
        Request(f"k{n}", "Sum up.\n\n", f"Movie: Film {n}\nAbout: Drama\nSummary:", decoding)
        for n in range(count)
    ]


def reasons(answers: list[Answer]) -> list[str]:
    return [answer.finish_reason for answer in answers]


@pytest.fixture(scope="class")
def kind_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[OpenAIBatchLLM]]:
    with Provider(Fate(polls=0)) as provider:
        TestConformance.url, TestConformance.opened = provider.url, []
        TestConformance.folder = tmp_path_factory.mktemp("batches")
        yield TestConformance.opened
        for llm in TestConformance.opened:
            llm.close()


@pytest.mark.usefixtures("kind_provider")
class TestConformance(LLMConformance):
    scores = False
    url: ClassVar[str]
    folder: ClassVar[Path]
    opened: ClassVar[list[OpenAIBatchLLM]]

    def make_llm(self) -> LLM:
        self.opened.append(make_batched(self.url, self.folder))
        return self.opened[-1]


def test_a_batch_is_sent_awaited_and_read(llm_for: Make, tmp_path: Path) -> None:
    with Provider(Fate(polls=2)) as provider:
        answers = llm_for(provider.url).answer(films(3))
    assert [answer.key for answer in answers] == ["k0", "k1", "k2"]
    assert [answer.text for answer in answers] == [f" Film {n}: Drama." for n in range(3)]
    assert all(answer.prompt_tokens > 0 and not answer.estimated for answer in answers)
    (batch,) = provider.batches
    row = provider.rows(batch)[0]
    assert (row["method"], row["url"]) == ("POST", "/v1/chat/completions")
    assert row["body"]["messages"][0] == {"role": "system", "content": "Sum up.\n\n"}
    assert len(set(provider.sent())) == 3
    assert batch.metadata["nightshift_intent"] in {
        path.stem for path in (tmp_path / "batches").glob("*.json")
    }


def test_the_key_of_an_answer_is_that_of_the_direct_backend() -> None:
    assert identify(LLMSettings(backend="openai_batch", model="a@1")) == identify(
        LLMSettings(backend="openai", model="a@1")
    )


def test_a_second_attempt_of_a_row_is_another_request() -> None:
    first, again = films(1)[0], films(1, Decoding(max_new_tokens=20, temperature=0.7, seed=2))[0]
    assert custom_id(first).startswith("k0-")
    assert custom_id(first) != custom_id(again)


def test_completions_and_schemas_go_into_the_body(llm_for: Make) -> None:
    schema = '{"type":"object","properties":{},"required":[],"additionalProperties":false}'
    with Provider() as provider:
        llm_for(provider.url, {"endpoint": "completions"}).answer(films(1, Decoding(json_schema=schema)))
    (row,) = provider.rows(provider.batches[0])
    assert row["url"] == "/v1/completions"
    assert row["body"]["prompt"] == films(1)[0].prompt
    assert row["body"]["json_schema"] == json.loads(schema)
    assert "extra_body" not in row["body"]


def test_rows_are_split_by_the_providers_limits_and_worked_on_side_by_side(llm_for: Make) -> None:
    with Provider(Fate(polls=3)) as provider:
        answers = llm_for(provider.url, max_requests=4).answer(films(10))
        assert [len(provider.rows(batch)) for batch in provider.batches] == [4, 4, 2]
        assert reasons(answers) == ["stop"] * 10
        first_look = provider.asked.index("GET /batches/batch_0")
        assert provider.asked[:first_look].count("POST /batches") == 3, (
            "all are sent before the first is awaited"
        )
    with Provider() as provider:
        llm = llm_for(provider.url, max_bytes=1_000)
        answers = llm.answer([*films(5), Request("long", "", "x" * 2_000)])
    assert len(provider.batches) > 1
    assert all(len(provider.files[batch.input_file_id]) <= 1_000 for batch in provider.batches)
    assert reasons(answers) == ["stop"] * 5 + ["error"]
    assert "max_bytes" in answers[-1].text


def test_an_expired_batch_keeps_what_was_answered_and_only_the_rest_is_sent_again(llm_for: Make) -> None:
    with Provider(Fate(status="expired", answered=lambda place: place < 2), Fate()) as provider:
        answers = llm_for(provider.url).answer(films(5))
        assert reasons(answers) == ["stop", "stop", "error", "error", "error"]
        assert "expired" in answers[4].text
        again = llm_for(provider.url).answer(films(5))
        assert reasons(again) == ["stop"] * 5
    assert [len(provider.rows(batch)) for batch in provider.batches] == [5, 3]


def test_a_cancelled_batch_gives_output_and_error_file(llm_for: Make) -> None:
    with Provider(
        Fate(status="cancelled", answered=lambda place: place != 3, failed=lambda place: place == 1)
    ) as provider:
        answers = llm_for(provider.url).answer(films(4))
    assert reasons(answers) == ["stop", "error", "stop", "error"]
    assert answers[1].text == "status 500: the model is overloaded"
    assert "in neither file" in answers[3].text


def test_completed_with_every_row_failed_is_no_answer_at_all(llm_for: Make) -> None:
    with Provider(Fate(failed=lambda place: True)) as provider:
        answers = llm_for(provider.url).answer(films(3))
        assert provider.batches[0].output_file_id is None
    assert reasons(answers) == ["error"] * 3
    assert {(answer.prompt_tokens, answer.new_tokens) for answer in answers} == {(0, 0)}


def test_a_file_that_fails_validation_says_why(llm_for: Make) -> None:
    with Provider(Fate(status="failed", refusal="enqueued token limit reached")) as provider:
        answers = llm_for(provider.url).answer(films(2))
    assert reasons(answers) == ["error"] * 2
    assert "enqueued token limit reached" in answers[0].text


def test_a_batch_that_vanished_is_asked_again_once(llm_for: Make) -> None:
    with Provider(Fate(polls=10**6)) as provider:
        assert reasons(llm_for(provider.url, max_wait_hours=0.05 / 3600).answer(films(2))) == ["waiting"] * 2
        provider.batches.clear()
        provider.fates = [Fate()]
        assert reasons(llm_for(provider.url).answer(films(2))) == ["stop"] * 2
    assert len(provider.batches) == 1


def test_lines_that_come_twice_or_broken_or_unasked_do_no_harm(
    llm_for: Make, caplog: pytest.LogCaptureFixture
) -> None:
    def mangled(lines: list[str]) -> list[str]:
        stranger = lines[0].replace('"k0-', '"zz-')
        empty = json.dumps(json.loads(lines[1]) | {"response": None, "error": {"message": "lost"}})
        return ["[]", stranger, empty, *lines, lines[0].replace("Film 0", "Film 9"), '{"custom_id": "k', "3"]

    with Provider(Fate(lines=mangled)) as provider:
        answers = llm_for(provider.url).answer(films(3))
    assert [answer.text for answer in answers] == [f" Film {n}: Drama." for n in range(3)]
    assert "3 lines of a batch's files cannot be read" in caplog.text


def test_a_wait_that_is_over_publishes_and_the_next_run_takes_the_batch_up(
    llm_for: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with Provider(Fate(polls=10**6)) as provider:
        answers = llm_for(provider.url, max_wait_hours=0.1 / 3600).answer(films(3))
        assert reasons(answers) == ["waiting"] * 3
        assert "batch_0" in answers[0].text
        assert "in_progress, 0/3 rows" in caplog.text
        provider.batches[0].fate.polls = 0
        assert reasons(llm_for(provider.url).answer(films(4))) == ["stop"] * 4
    assert [len(provider.rows(batch)) for batch in provider.batches] == [3, 1], "only the new row is sent"


def test_answers_that_never_reached_a_ledger_are_read_from_disk_not_bought(llm_for: Make) -> None:
    with Provider() as provider:
        llm_for(provider.url).answer(films(3))
        provider.files.clear()
        assert reasons(llm_for(provider.url).answer(films(3))) == ["stop"] * 3
    assert len(provider.batches) == 1


def test_looking_survives_rate_limits_and_outages(llm_for: Make) -> None:
    looks = iter([(429, {"error": {"message": "slow down"}}), (500, "oops"), (503, "x")])
    with Provider(Fate(polls=0)) as provider:
        provider.before = lambda verb, path: next(looks, None) if path == "/batches/batch_0" else None
        assert reasons(llm_for(provider.url).answer(films(2))) == ["stop"] * 2
    assert provider.asked.count("GET /batches/batch_0") == 4
    assert len(provider.batches) == 1


@pytest.mark.parametrize("lie", [(500, "oops"), (200, "{"), (200, {"object": "batch"}), (408, "late")])
def test_a_submission_whose_reply_is_lost_is_found_not_repeated(llm_for: Make, lie: tuple[int, Any]) -> None:
    lies = iter([lie])
    with Provider() as provider:
        provider.after = lambda verb, path: next(lies, None) if (verb, path) == ("POST", "/batches") else None
        assert reasons(llm_for(provider.url).answer(films(2))) == ["stop"] * 2
    assert len(provider.batches) == 1
    assert "GET /batches" in provider.asked


def test_an_upload_that_fails_is_made_again(llm_for: Make) -> None:
    failures = iter([(500, "oops")])
    with Provider() as provider:
        provider.before = lambda verb, path: next(failures, None) if path == "/files" else None
        assert reasons(llm_for(provider.url).answer(films(2))) == ["stop"] * 2
    assert len(provider.batches) == 1


def run_and_kill(provider: Provider, folder: Path, moment: str) -> None:
    """A run in a process of its own that kills itself with SIGKILL at a moment of its night."""
    code = f"""
import os, signal
from pathlib import Path
from nightshift.models.llm.base import Decoding, Request
from nightshift.models.llm.batch_server import BatchServer
from nightshift.models.llm.batch_state import BatchFolder, BatchState
from nightshift.models.llm.openai import OpenAISettings
from nightshift.models.llm.openai_batch import BatchBlock, OpenAIBatchLLM

class Killed(BatchServer):
    async def upload(self, name, content):
        found = await super().upload(name, content)
        return os.kill(os.getpid(), signal.SIGKILL) if {moment!r} == "uploaded" else found

    async def submit(self, *given):
        found = await super().submit(*given)
        return os.kill(os.getpid(), signal.SIGKILL) if {moment!r} == "submitted" else found

    async def progress(self, batch_id):
        found = await super().progress(batch_id)
        return os.kill(os.getpid(), signal.SIGKILL) if {moment!r} == "polled" else found

settings = OpenAISettings.model_validate({{"model": "tiny@r1", "server": {{"base_url": {provider.url!r}}}}})
llm = OpenAIBatchLLM(settings, BatchBlock(poll_seconds=0.02), Path({str(folder)!r}))
llm._server = Killed(llm._direct.connection, 0.01, 1.0)
rows = [(f"k{{n}}", f"Movie: Film {{n}}\\nAbout: Drama\\nSummary:") for n in range(3)]
llm.answer([Request(key, "Sum up.\\n\\n", text, Decoding(max_new_tokens=20)) for key, text in rows])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr


@pytest.mark.parametrize(("moment", "made_before"), [("uploaded", 0), ("submitted", 1), ("polled", 1)])
def test_a_killed_run_is_taken_up_and_nothing_is_sent_twice(
    llm_for: Make, tmp_path: Path, moment: str, made_before: int
) -> None:
    with Provider(Fate(polls=1)) as provider:
        run_and_kill(provider, tmp_path / "batches", moment)
        assert len(provider.batches) == made_before
        (state,) = [json.loads(path.read_text()) for path in (tmp_path / "batches").glob("*.json")]
        assert (state["batch_id"] is None) == (moment != "polled")
        answers = llm_for(provider.url).answer(films(3))
    assert reasons(answers) == ["stop"] * 3
    assert len(provider.batches) == 1
    assert sorted(provider.sent()) == sorted(set(provider.sent()))
    assert len(list((tmp_path / "batches").glob("*.json"))) == 1


def test_another_providers_batches_are_left_alone(llm_for: Make) -> None:
    with Provider() as first, Provider() as second:
        llm_for(first.url).answer(films(2))
        llm_for(second.url).answer(films(2))
        assert (len(first.batches), len(second.batches)) == (1, 1)


def test_old_states_are_swept(llm_for: Make, tmp_path: Path) -> None:
    with Provider() as provider:
        llm_for(provider.url).answer(films(1))
        (path,) = (tmp_path / "batches").glob("*.json")
        path.write_text(json.dumps(json.loads(path.read_text()) | {"created_at": "2020-01-01T00:00:00Z"}))
        llm_for(provider.url).answer(films(1))
        assert not path.exists()
    assert len(provider.batches) == 2


def test_a_state_that_another_run_sweeps_while_states_are_read_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder, read = "http://127.0.0.1:1/v1", BatchFolder(tmp_path), Path.read_text
    states = {
        f"{state.intent}.json": state
        for state in (BatchState(base_url=url, endpoint="chat", rows=[]) for _ in range(2))
    }
    for state in states.values():
        folder.save(state)

    def swept(path: Path, encoding: str) -> str:
        monkeypatch.undo()
        folder.forget(next(state for name, state in states.items() if name != path.name))
        return read(path, encoding)

    monkeypatch.setattr(Path, "read_text", swept)
    assert len(folder.states(url)) == 1


def test_a_state_that_cannot_be_read_stops_the_run_and_says_what_to_do(llm_for: Make, tmp_path: Path) -> None:
    (tmp_path / "batches").mkdir()
    (tmp_path / "batches" / "abc.json").write_text('{"intent": "ab')
    with (
        Provider() as provider,
        pytest.raises(IntegrityError, match=r"abc\.json cannot be read.*remove the file"),
    ):
        llm_for(provider.url).answer(films(1))
    assert not provider.batches


def test_a_refused_key_and_an_absent_provider_stop_the_run(llm_for: Make) -> None:
    with Provider() as provider:
        provider.before = lambda verb, path: (401, {"error": {"message": "bad key"}})
        with pytest.raises(ModelUnavailable, match="OPENAI_API_KEY"):
            llm_for(provider.url).answer(films(1))
    with pytest.raises(ModelUnavailable, match="cannot be used"):
        llm_for(f"http://127.0.0.1:{free_port()}/v1").answer(films(1))


def test_the_key_is_in_no_file_and_no_log(
    llm_for: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NIGHT_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    with Provider(Fate(failed=lambda place: place == 0)) as provider:
        lies = iter([(500, {"error": {"message": f"Incorrect key {KEY}"}})])
        provider.after = lambda verb, path: next(lies, None) if path == "/files" else None
        llm_for(provider.url, {"api_key_env": "NIGHT_KEY"}).answer(films(2))
    assert f"Bearer {KEY}" in provider.keys
    assert KEY not in caplog.text
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_looks_come_at_growing_distances_up_to_the_setting(llm_for: Make) -> None:
    with Provider(Fate(polls=4)) as provider:
        began = time.monotonic()
        llm_for(provider.url, poll_seconds=0.1).answer(films(1))
    assert 0.4 < time.monotonic() - began < 5


def test_without_a_home_the_backend_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="home"):
        build_llm(LLMSettings(backend="openai_batch"), tmp_path)


def test_scores_are_not_pretended(llm_for: Make) -> None:
    with pytest.raises(ModelUnavailable, match="cannot weigh choices"):
        llm_for("http://127.0.0.1:1/v1").score(films(1), [])
