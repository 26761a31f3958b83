"""The command line in processes of its own: help, exit codes, messages."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


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
