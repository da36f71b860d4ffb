"""Clients that read the outside world: the sources file, and the files that others deliver."""

from de_assets.sources.config import Calendar, Sources, TableSource, load_sources
from de_assets.sources.files import FileSource
from de_assets.sources.index import IndexedDelivery
from de_assets.sources.locations import Delivery, Ignored

__all__ = [
    "Calendar",
    "Delivery",
    "FileSource",
    "Ignored",
    "IndexedDelivery",
    "Sources",
    "TableSource",
    "load_sources",
]
