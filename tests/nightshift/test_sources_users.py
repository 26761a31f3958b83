"""Groups of users: what is read, what is refused."""

from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from nightshift.errors import SourceError
from nightshift.sources import UsersSource, read_users, source_digest


def read(folder: Path, text: str, **changed: object) -> pl.DataFrame:
    (folder / "users.csv").write_text(text)
    given = {"path": "users.csv", "user_id": "uid", "groups": ["gender", "age"]} | changed
    return read_users(UsersSource.model_validate(given), folder)


def test_groups_are_text_whatever_they_were_and_the_missing_is_unknown(tmp_path: Path) -> None:
    found = read(tmp_path, "uid,gender,age,name\n2,M,18-24,Bob\n1,F,,Eve\n1,F,,Eve\n")
    assert found.rows() == [("1", "F", None), ("2", "M", "18-24")]
    frame = pl.DataFrame({"uid": [7, 8], "gender": [True, False], "age": [30, None]})
    frame.write_parquet(tmp_path / "users.parquet")
    found = read(tmp_path, "", path="users.parquet")
    assert found.rows() == [("7", "true", "30"), ("8", "false", None)]


def test_a_user_in_two_groups_is_named_with_its_rows(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"user '1' \(column 'uid'\) stands in two groups: users.csv row 1, users.csv row 3"
    ):
        read(tmp_path, "uid,gender,age\n1,F,a\n2,F,a\n1,M,a\n")


def test_a_column_that_is_no_grouping_is_refused_with_the_way_out(tmp_path: Path) -> None:
    rows = "".join(f"{n},F,{n}\n" for n in range(26))
    with pytest.raises(
        SourceError,
        match=r"column 'age' of users.csv has 26 values \('0', '1', .*ranges.*sources.users.groups",
    ):
        read(tmp_path, f"uid,gender,age\n{rows}")
    pl.DataFrame({"uid": ["a"], "gender": [["F"]], "age": ["x"]}).write_parquet(tmp_path / "users.parquet")
    with pytest.raises(SourceError, match=r"column 'gender' of users.parquet is List\(String\)"):
        read(tmp_path, "", path="users.parquet")


def test_a_missing_column_and_nameless_rows_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError,
        match=r"users.csv has no column 'gender', which sources.users.groups names; did you mean 'Gender'",
    ):
        read(tmp_path, "uid,Gender,age\n1,F,a\n")
    with pytest.raises(
        SourceError,
        match=r"1 of 2 rows of users.csv have no user id, .*max_rejected_share 0.05 allows, first in "
        r"users.csv row 2",
    ):
        read(tmp_path, "uid,gender,age\n1,F,a\n,M,a\n")
    assert read(tmp_path, "uid,gender,age\n1,F,a\n,M,a\n", max_rejected_share=0.5).height == 1
    with pytest.raises(SourceError, match=r"users.csv has no rows"):
        read(tmp_path, "uid,gender,age\n")


def test_no_group_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="groups"):
        UsersSource.model_validate({"path": "users.csv", "user_id": "uid", "groups": []})
    (tmp_path / "users.csv").write_text("uid\n")
    one, other = (UsersSource(path="users.csv", user_id="uid", groups=(name,)) for name in ("a", "b"))
    assert source_digest(one, tmp_path) != source_digest(other, tmp_path)
