"""What columns and values are called in other people's files. Stems: `categor` is met by `category` and
`categories`."""


def _words(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


ITEM = _words(
    "item product sku asin isbn article movie film book video song track news doc content listing "
    "recipe game artist business offer job "
    "course app goods"
)
"""Ids of items."""
USER = _words(
    "user customer uid visitor member account profile reader viewer client person buyer shopper "
    "reviewer listener player subscriber cust "
    "household guest"
)
"""Ids of users."""
LIST = _words("request impression session slate query search list event order transaction invoice basket")
"""Ids that are neither an item's nor a user's."""
REQUEST = _words("request impression slate list search query recommendation session page")
"""Ids of a list that was shown, the surest first."""

TITLE = _words("title name headline caption subject")
"""Titles, the surest first."""
TEXT = _words(
    "description desc text summary abstract body overview plot synopsis about detail feature bullet "
    "content review lyrics story note "
    "ingredients specification"
)
"""Descriptive text, the surest first."""
ATTRIBUTES = _words(
    "categor genre dept department tags tag topic section type class collection subject shelf shelves "
    "style brand cuisine mechanic keyword"
)
"""Attributes, the surest first."""
NEVER = _words(
    "url link image img photo thumbnail email mail phone address seller vendor merchant password "
    "owner lang language currency locale"
)
"""Columns that describe no item, or belong to somebody."""

TIME = _words("time timestamp ts date datetime at when day moment unixtime")
"""When something happened."""
CLOCK = _words("time timestamp ts datetime")
"""When, to the second."""
PROCESSED = _words("updated loaded ingested processed birth")
"""Times that say when a row was handled, not when somebody did something."""
CREATED = _words("created added listed published release released launch available publication year")
"""When an item entered the catalogue."""
ORDER = _words("position order rank seq sequence step index pos number idx")
"""A place in an order."""

RATING = _words("rating stars star score overall rate grade")
"""Ratings."""
CLICK = _words(
    "click clicked label converted conversion engaged liked like purchased bought watched response target hit"
)
"""0 or 1 beside what was shown."""
KIND = _words("event type action behavior behaviour kind interaction activity verb")
"""Columns with kinds of events."""
LOOK = _words(
    "view viewed pv pageview page impression impress show shown exposure expose detail scroll search "
    "hover display seen visit visited"
)
"""Kinds of events that say that somebody looked, not that somebody chose."""
AGAINST = _words(
    "remove removed dislike return returned refund refunded skip skipped unlike cancel cancelled "
    "delete hide block report "
    "unsubscribe negative"
)
"""Kinds of events that say the opposite of a choice."""

NOUNS = {
    word: noun
    for noun, words in {
        "Product": "product sku asin goods",
        "Movie": "movie film",
        "Book": "book isbn",
        "Song": "song track",
        "Article": "news article",
        "Game": "game",
        "Recipe": "recipe",
        "Video": "video",
        "Artist": "artist",
        "Job": "job",
        "Course": "course",
        "App": "app",
        "Business": "business",
    }.items()
    for word in words.split()
}
"""What an item is called in a prompt, by a word of its file's or its columns' names."""
