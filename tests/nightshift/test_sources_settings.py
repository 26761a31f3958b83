import pytest
from pydantic import ValidationError

from nightshift.sources import InteractionsSource, ItemsSource, SourcesSettings

EVENTS = {"path": "e.csv", "user_id": "u", "item_id": "i", "timestamp": "t"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"feedback": "explicit"}, "needs label and positive_from"),
        ({"feedback": "explicit", "label": "r"}, "needs positive_from"),
        ({"feedback": "impressions", "label": "c"}, "needs group"),
        ({"label": "r"}, "label has no effect with feedback: implicit"),
        (
            {"feedback": "impressions", "label": "c", "group": "g", "positive_from": 1},
            "positive_from has no effect",
        ),
        ({"timestamp_unit": "h"}, "'s', 'ms', 'us', 'ns' or 'order'"),
        ({"timestampunit": "s"}, "Extra inputs are not permitted"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_in_words(more: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        InteractionsSource.model_validate(EVENTS | more)


def test_text_may_be_one_column_or_several() -> None:
    one = ItemsSource.model_validate({"path": "i.csv", "item_id": "id", "text": "d"})
    several = ItemsSource.model_validate({"path": "i.csv", "item_id": "id", "text": ["d", "b"]})
    assert (one.text_columns, several.text_columns) == (("d",), ("d", "b"))


@pytest.mark.parametrize("settings", [SourcesSettings, ItemsSource, InteractionsSource])
def test_every_field_says_what_it_does(settings: type[SourcesSettings]) -> None:
    assert [name for name, field in settings.model_fields.items() if not field.description] == []
