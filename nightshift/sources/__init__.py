"""The user's own data: files are mapped, read, cleaned and checked here, before anything is paid for.

items = read_items(settings.items, root)
events = read_interactions(settings.interactions, root, items.frame, before=night, now=datetime.now(UTC))
print(*describe(settings, items, events).lines(), sep="\\n")
"""

from nightshift.sources.cleaning import clean_text
from nightshift.sources.files import source_digest
from nightshift.sources.interactions import read_interactions
from nightshift.sources.items import read_items
from nightshift.sources.reads import EventsRead, ItemsRead, Read
from nightshift.sources.settings import InteractionsSource, ItemsSource, SourcesSettings, UsersSource
from nightshift.sources.summary import Description, describe
from nightshift.sources.users import read_users

__all__ = [
    "Description",
    "EventsRead",
    "InteractionsSource",
    "ItemsRead",
    "ItemsSource",
    "Read",
    "SourcesSettings",
    "UsersSource",
    "clean_text",
    "describe",
    "read_interactions",
    "read_items",
    "read_users",
    "source_digest",
]
