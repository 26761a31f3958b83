import subprocess
import sys

import polars as pl

from nightshift.sources.languages import Languages, count_languages, languages_in_words
from nightshift.tables import ITEMS

TEXTS = {
    "en": "A dark comedy about a failing marriage in London after the war, told by the couple's youngest "
    "daughter.",
    "de": "Eine kabellose Maus mit leisen Tasten für das Büro, die auch auf Glas und auf dem Sofa gut zu "
    "führen ist.",
    "fr": "Une comédie sombre sur un mariage raté à Londres après la guerre, racontée par la plus jeune des "
    "filles.",
    "es": "Una comedia oscura sobre un matrimonio fracasado en Londres después de la guerra, contada por la "
    "hija menor.",
    "pl": "Bezprzewodowa mysz z cichymi przyciskami do biura, która działa także na szkle i na kanapie.",
    "ru": "Беспроводная мышь с тихими кнопками для офиса, которая хорошо работает и на стекле, и на диване.",
    "ja": "静かなボタンを備えたオフィス用のワイヤレスマウスで、ガラスの上でもソファの上でも使えます。",
    "zh": "适合办公室使用的静音按键无线鼠标，在玻璃和沙发上也能顺畅使用。",
    "tr": "Ofis için sessiz tuşlu, cam üzerinde ve kanepede de iyi çalışan kablosuz bir fare.",
}


def catalogue(texts: list[str | None], titles: list[str] | None = None) -> pl.DataFrame:
    ids = [f"i{number:05d}" for number in range(len(texts))]
    return ITEMS.conform(
        pl.DataFrame(
            {"item_id": ids, "title": titles or ids, "text": texts}, schema_overrides={"text": pl.String}
        ).with_columns(
            pl.lit(None, ITEMS.schema["attributes"]).alias("attributes"),
            pl.lit(None, ITEMS.schema["created_at"]).alias("created_at"),
        )
    )


def test_each_language_is_counted_where_there_is_a_sentence_to_read() -> None:
    assert count_languages(catalogue(list(TEXTS.values()))).counts == dict.fromkeys(sorted(TEXTS), 1)


def test_what_is_too_short_to_tell_is_undetermined_and_not_a_language() -> None:
    assert count_languages(catalogue([None, None, None], ["Heat", "4711", "🙂"])).counts == {"und": 3}


def test_at_most_the_sample_is_looked_at_and_the_order_of_rows_does_not_matter() -> None:
    items = catalogue([TEXTS["en"]] * 70 + [TEXTS["de"]] * 30)
    found = count_languages(items, sample=20)
    assert found.counts == {"en": 14, "de": 6}
    assert count_languages(items.reverse(), sample=20) == found


def test_words_name_the_five_most_frequent() -> None:
    assert (
        Languages({"en": 91, "und": 8, "de": 1}).words() == "en 91.0%, und 8.0%, de 1.0% of 100 sampled items"
    )
    assert Languages(dict.fromkeys("abcdefg", 1)).words().endswith("e 14.3% and 2 more of 7 sampled items")
    assert Languages({}).words() == "no items"


def test_without_the_detector_a_night_goes_on_and_says_how_to_have_it() -> None:
    program = """
import sys
sys.modules["py3langid"] = None
import polars as pl
from nightshift.sources.languages import languages_in_words
print(languages_in_words(pl.DataFrame({"item_id": ["a"], "title": ["b"], "text": ["c"]})))
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert (
        told.strip()
        == "not counted: languages are counted by py3langid, which is not installed: pip install "
        "'nightshift[languages]'"
    )
    assert languages_in_words(catalogue([TEXTS["en"]])) == "en 100.0% of 1 sampled items"
