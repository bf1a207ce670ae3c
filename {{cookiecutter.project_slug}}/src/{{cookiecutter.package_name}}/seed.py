"""The initial data of a development database."""

from datetime import date

from sqlalchemy import select

from .database import db
from .database import writes
from .models import Author
from .models import Book

SHELF: dict[str, dict[str, date | None]] = {
    "Mary Shelley": {"Frankenstein": date(1818, 1, 1), "The Last Man": date(1826, 1, 23)},
    "Jules Verne": {"The Mysterious Island": None},
}


@writes
def fill() -> None:
    """Add a few books if there are none."""
    if db.session.scalar(select(Book.id).limit(1)) is not None:
        return
    for name, titles in SHELF.items():
        books = [Book(title=title, published_on=published) for title, published in titles.items()]
        db.session.add(Author(name=name, books=books))
    db.session.commit()


def welcome(url: str) -> str:
    """Return example requests to *url*."""
    return f"""
Serving {url}, described at {url}/docs

  curl {url}/books
  curl '{url}/books?sort=-title&limit=1'
"""
