"""The command line in processes of its own: help, exit codes, messages."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.cli import app
from nightshift import __version__
from nightshift.errors import NightshiftError


def nightshift(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jobs.cli", *words]
    root = Path(__file__).parents[2]
    return subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
    )


def test_help_names_every_command_and_the_exit_codes(tmp_path: Path) -> None:
    told = nightshift("--help", cwd=tmp_path).stdout
    for word in ("demo", "check", "plan", "run", "train", "show", "ui", "Exit codes"):
        assert word in told


def test_a_missing_configuration_is_exit_2_and_names_the_file(tmp_path: Path) -> None:
    done = nightshift("plan", cwd=tmp_path)
    assert done.returncode == 2
    assert "nightshift.yaml is not there" in done.stderr


def test_an_unknown_key_is_exit_2_with_the_nearest_known_one(shop) -> None:
    shop.config.write_text(shop.config.read_text().replace("nights:", "night:"))
    done = nightshift("check", cwd=shop.folder)
    assert done.returncode == 2
    assert "unknown key 'night'" in done.stderr
    assert "'nights'" in done.stderr


def test_the_version_is_one_line(tmp_path: Path) -> None:
    done = nightshift("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"nightshift {__version__}\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("pln", "No such command 'pln'. Did you mean 'plan'?"),
        ("PLAN", "No such command 'PLAN'. Did you mean 'plan'?"),
        ("show itm 3", "No such command 'itm'. Did you mean 'item'?"),
        ("item 3", "No such command 'item'. Did you mean 'show item'?"),
        ("zzzzzz", "No such command 'zzzzzz'."),
        ("plan --jsn", "No such option: --jsn (Possible options: --json)"),
        ("--hme x plan", "No such option: --hme (Possible options: --help, --home)"),
        ("--as-of 2024-01-01 run", "--as-of stands after the command: 'nightshift run --as-of ...'."),
        (
            "show --as-of 2024-01-01 user 3",
            "--as-of stands after the command: 'nightshift show user --as-of ...'.",
        ),
        ("--home x demo", "--home is no option of 'demo'; leave it out."),
        ("--home x", "Missing command."),
        ("export --to metarnk --out there", "did you mean metarank? destinations: duckdb"),
        ("export --to Feast --out there", "did you mean feast? destinations: duckdb"),
        ("retry --table item_fact", "did you mean item_facts? tables: group_facts"),
        ("dataset movielens-1n --from x --out y", "did you mean movielens-1m"),
    ],
)
def test_a_wrong_word_is_exit_2_and_names_the_nearest(words: str, says: str, shop) -> None:
    done = CliRunner().invoke(
        app,
        words.split(),
        prog_name="nightshift",
        env={"NIGHTSHIFT_CONFIG": str(shop.config), "COLUMNS": "120"},
    )
    found = done.output + (str(done.exception) if isinstance(done.exception, NightshiftError) else "")
    assert says in found
    assert (done.exit_code if done.exit_code != 1 else getattr(done.exception, "exit_code", 1)) == 2


@pytest.mark.parametrize(
    "words", ["--config {} plan", "plan --config {}", "--config none.yaml plan --config {}"]
)
def test_a_configuration_before_the_command_is_the_commands_own(words: str, shop) -> None:
    command = [*words.format(shop.config).split(), "--json", "--as-of", str(shop.nights()[0])]
    shown = CliRunner().invoke(app, command, env={"NIGHTSHIFT_CONFIG": "variables/lose.yaml"})
    assert shown.exception is None
    assert json.loads(shown.output)["as_of"] == str(shop.nights()[0])


@pytest.mark.parametrize("command", [["costs"], ["show", "item", "1"], ["report"]])
def test_a_home_before_the_command_reaches_every_command_that_has_one(
    command: list[str], shop, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere"
    done = CliRunner().invoke(app, ["--config", str(shop.config), "--home", str(other), *command])
    assert str(other) in done.output + str(done.exception)


def test_check_plan_run_and_show_work_in_the_folder_of_the_configuration(shop) -> None:
    assert "60" in nightshift("check", cwd=shop.folder).stdout
    first = shop.nights()[0].isoformat()
    planned = json.loads(nightshift("plan", "--as-of", first, "--json", cwd=shop.folder).stdout)
    assert planned["as_of"] == first
    assert {row["table"] for row in planned["tables"]} == {
        "group_facts",
        "item_tag_scores",
        "item_facts",
        "user_preferences",
    }
    assert all(row["why"] == {"new": row["pending"]} for row in planned["tables"])
    assert all(row["pending"] > 0 for row in planned["tables"])
    ran = nightshift("run", "--as-of", first, cwd=shop.folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "item_facts" in ran.stdout
    again = json.loads(nightshift("plan", "--as-of", first, "--json", cwd=shop.folder).stdout)
    assert [row["pending"] for row in again["tables"]] == [0, 0, 0, 0]
    item = shop.items()["item_id"][0]
    shown = nightshift("show", "item", str(item), cwd=shop.folder)
    assert "echo@" in shown.stdout
    unknown = nightshift("show", "item", "no-such-item", cwd=shop.folder)
    assert unknown.returncode == 2
    assert "no-such-item" in unknown.stderr


def test_a_night_over_budget_is_exit_3(shop) -> None:
    shop.write(budget={"tables": {"item_facts": 500}})
    done = nightshift("run", "--as-of", shop.nights()[0].isoformat(), cwd=shop.folder)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "did not afford" in done.stdout


def test_a_failed_night_is_exit_1_and_says_why(shop) -> None:
    shop.write(llm={"backend": "echo", "reply": "I'm sorry"})
    done = nightshift("run", "--as-of", shop.nights()[0].isoformat(), cwd=shop.folder)
    assert done.returncode == 1
    assert "reject_share" in done.stderr


def test_a_broken_source_is_exit_2_and_names_the_row(shop) -> None:
    shop.write_items(shop.items()[[0, 0, 1]])
    done = nightshift("run", "--as-of", shop.nights()[0].isoformat(), cwd=shop.folder)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "items.parquet" in done.stderr


@pytest.mark.parametrize(
    "module", ["torch", "transformers", "sentence_transformers", "apache_beam", "lightgbm", "scipy"]
)
def test_the_code_location_loads_without(module: str, shop) -> None:
    code = f"import sys; import jobs.definitions; sys.exit({module!r} in sys.modules)"
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=shop.folder,
        env={"PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{module} was imported: {done.stderr}"


def test_dagster_itself_finds_the_definitions(shop) -> None:
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "jobs.definitions"]
    environment = {"PYTHONPATH": root, "PATH": "/usr/bin:/bin", "DAGSTER_HOME": ""}
    done = subprocess.run(
        command, cwd=shop.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
