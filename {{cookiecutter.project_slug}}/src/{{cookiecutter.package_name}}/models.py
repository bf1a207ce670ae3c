"""The tables."""

from datetime import date

from sqlalchemy import ForeignKey
from sqlalchemy import Index
from sqlalchemy import String
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm import relationship

from .database import Base as Base
from .database import db as db
from .database import Timestamps


class Author(Timestamps, Base):
    """An author of books."""

    __tablename__ = "authors"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))

    books: Mapped[list["Book"]] = relationship(back_populates="author", passive_deletes="all")


class Book(Timestamps, Base):
    """A book by one author."""

    __tablename__ = "books"
    __table_args__ = (Index(None, "title", "id"), Index(None, "created_at", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    published_on: Mapped[date | None]
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)  # feature: auth

    author: Mapped[Author] = relationship(back_populates="books", lazy="joined")
