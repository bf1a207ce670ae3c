"""The suite of a project stays green after the changes that every owner makes first."""

import re

import pytest

from .conftest import copied

MODELS = "src/my_api/models.py"
AUTHORS = "src/my_api/resources/authors.py"
BOOKS = "src/my_api/resources/books.py"
RESOURCES = "src/my_api/resources/__init__.py"

TYPES = """from datetime import datetime
from decimal import Decimal
from enum import Enum

from sqlalchemy import DateTime
from sqlalchemy import JSON
from sqlalchemy import Numeric
"""

GENRE = '''
class Genre(Enum):
    """A kind of book."""

    NOVEL = "novel"
    POEM = "poem"


'''

COLUMNS = """
    subtitle: Mapped[str | None] = mapped_column(String(200))
    pages: Mapped[int | None]
    page_count: Mapped[int | None]
    genre: Mapped[Genre | None]
    printed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    tags: Mapped[list[str] | None] = mapped_column(JSON)
    isbn: Mapped[str | None] = mapped_column(String(17))
    language: Mapped[str] = mapped_column(String(20), default="en", server_default="en")
    copies: Mapped[int] = mapped_column(default=1, server_default="1")
"""

SENT_TYPES = """from decimal import Decimal

from pydantic import AwareDatetime
from pydantic import RootModel

from ..models import Genre
"""

ISBN = '''
class Isbn(RootModel[str]):
    """The number of an edition."""

    root: str = Field(max_length=17)


'''

OPTIONAL = """
    subtitle: str | None = None
    pages: Id | None = None
    page_count: int | None = Field(default=None, alias="pageCount")
    genre: Genre | None = None
    printed_at: AwareDatetime | None = None
    price: Decimal | None = Field(default=None, max_digits=10, decimal_places=2)
    tags: list[str] | None = None
    isbn: Isbn | None = None
"""

REQUIRED = """
    language: str
    copies: int
"""

SHELF = '''

class Shelf(Timestamps, Base):
    """A shelf by one author."""

    __tablename__ = "shelves"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    published_on: Mapped[date | None]
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)

    author: Mapped[Author] = relationship(lazy="joined")
'''


class Owner:
    """Changes a project, whose database has the tables of its models."""

    def __init__(self, project):
        self.project = project
        self.flask("db", "upgrade")

    def flask(self, *command):
        self.project.run("flask", "--app", self.project.package, *command, PYTHONPATH="src")

    def write(self, name, text):
        (self.project.path / name).write_bytes(text.encode())

    def change(self, name, pattern, text):
        """Put *text* in the place of what the pattern finds, which is there once."""
        changed, count = re.subn(
            pattern, lambda _: text, self.project.read(name), flags=re.MULTILINE
        )
        assert count == 1, f"{name} has {pattern} {count} times"
        self.write(name, changed)

    def add_imports(self, name, lines):
        before, first, after = self.project.read(name).partition("\nfrom ")
        self.write(name, f"{before}\n{lines}{first}{after}")

    def add_before(self, name, start, lines):
        """Add lines before the class that starts so."""
        self.change(
            name, re.escape(f"\n{start}"), f"{lines}\n{start}".replace("\n\n\n\n", "\n\n\n")
        )

    def add_fields(self, name, start, lines):
        """Add lines at the end of the class that starts so."""
        before, found, after = self.project.read(name).partition(start)
        assert found, f"{name} has no {start}"
        body, gap, after = after.partition("\n\n\n")
        self.write(name, f"{before}{start}{body.rstrip()}{lines.rstrip()}\n{gap}{after}")

    def copy(self, name, nouns):
        """Copy a file, and change the nouns in its text and in its name."""
        text = self.project.read(name)
        for old, new in nouns.items():
            text, name = text.replace(old, new), name.replace(old, new)
        self.write(name, text)

    def migrate(self, message):
        """Make the migration for what has changed in the models, and run it."""
        self.flask("db", "migrate", "-m", message)
        self.project.run("ruff", "check", "--fix", "--select=F401,I")
        self.project.run("ruff", "format")
        self.flask("db", "upgrade")
        self.flask("db", "check")

    def test(self):
        """Run the suite, in two processes."""
        self.project.run("pytest", "-q", "-n", "2", "tests")


@pytest.fixture
def owner(default, tmp_path):
    return Owner(copied(default, tmp_path))


def test_fields_of_every_common_type_are_added(owner):
    owner.add_imports(MODELS, TYPES)
    owner.add_before(MODELS, "class Book(Timestamps, Base):", GENRE)
    owner.add_fields(MODELS, "class Book(Timestamps, Base):", COLUMNS)
    owner.add_fields(
        MODELS, "class Author(Timestamps, Base):", "\n    country: Mapped[str | None]\n"
    )
    owner.add_imports(BOOKS, SENT_TYPES)
    owner.add_before(BOOKS, "class BookIn(Body):", ISBN)
    owner.add_fields(BOOKS, "class BookIn(Body):", OPTIONAL + REQUIRED)
    owner.add_fields(BOOKS, "class BookChanges(Body):", OPTIONAL)
    shown = OPTIONAL.replace("alias", "serialization_alias") + REQUIRED
    owner.add_fields(BOOKS, "class BookOut(Representation):", shown)
    for name in ("AuthorIn(Body)", "AuthorOut(Representation)"):
        owner.add_fields(AUTHORS, f"class {name}:", "\n    country: str | None = None\n")
    owner.change("tests/test_books.py", r"^BOOK = {", 'BOOK = {"language": "en", "copies": 1, ')
    owner.migrate("more about books")
    owner.test()


def test_a_third_resource_is_copied_from_books(owner):
    owner.write(MODELS, owner.project.read(MODELS) + SHELF)
    nouns = {"Books": "Shelves", "books": "shelves", "Book": "Shelf", "book": "shelf"}
    owner.copy(BOOKS, nouns)
    owner.copy("tests/test_books.py", nouns)
    owner.change(RESOURCES, "import books\n", "import books\nfrom . import shelves\n")
    owner.change(RESOURCES, "    books,\n", "    books,\n    shelves,\n")
    owner.change(AUTHORS, r'\["BookView"\]', '["BookView", "ShelfView"]')
    owner.migrate("add shelves")
    owner.test()
