"""The initial data of a development database."""

from sqlalchemy import select

from .database import db
from .database import writes
from .models import Author
from .models import Book

SHELF = {
    "Mary Shelley": ["Frankenstein", "The Last Man"],
    "Jules Verne": ["The Mysterious Island"],
}


@writes
def fill() -> None:
    """Add a few books if there are none."""
    if db.session.scalar(select(Book.id).limit(1)) is not None:
        return
    for name, titles in SHELF.items():
        db.session.add(Author(name=name, books=[Book(title=title) for title in titles]))
    db.session.commit()


def welcome(address: str) -> str:
    """Return a text with requests to try at *address*."""
    return f"""
Serving {address}, described at {address}/docs

  curl {address}/books
  curl '{address}/authors?limit=1'
"""
