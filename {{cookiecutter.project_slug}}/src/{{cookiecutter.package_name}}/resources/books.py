"""Books. Everybody may read them.

A resource to copy for the next one: rename the nouns, and add it to ``RESOURCES``.
"""

from datetime import date
from datetime import datetime

from flask import Blueprint
from flask import url_for
from flask.views import MethodView
from pydantic import Field
from sqlalchemy import select

from ..accounts import auth  # feature: auth
from ..carafe.errors import Fault
from ..carafe.errors import Invalid
from ..carafe.operation import check_if_match
from ..carafe.operation import Headers
from ..carafe.operation import operation
from ..carafe.schema import Body
from ..carafe.schema import Id
from ..carafe.schema import Line
from ..carafe.schema import optional
from ..carafe.schema import Representation
from ..carafe.schema import Timestamp
from ..database import db
from ..database import lock_or_404
from ..extensions import cache  # feature: cache
from ..lists import Page
from ..lists import page
from ..lists import PageQuery
from ..lists import Search
from ..lists import searched
from ..lists import Sort
from ..lists import sortable
from ..models import Author
from ..models import Book
from .authors import AuthorOut

bp = Blueprint("books", __name__, url_prefix="/books")


class BookIn(Body):
    """A new book."""

    title: Line = Field(examples=["Frankenstein"])
    author_id: Id
    published_on: date | None = None


class BookChanges(Body):
    """Changes to a book."""

    title: Line = optional()
    author_id: Id = optional()
    published_on: date | None = None


class BookOut(Representation):
    """A book, with its author."""

    id: int
    title: str
    author_id: int
    author: AuthorOut
    published_on: date | None
    created_at: datetime
    updated_at: datetime


class BookQuery(PageQuery):
    """The arguments of the list of books."""

    sort: Sort = sortable(BookOut, Book.title, Book.created_at, Book.published_on)
    q: Search = searched(Book.title)
    author_id: Id = optional()
    created_at_min: Timestamp = optional()
    created_at_max: Timestamp = optional()
    published_on_min: date = optional()
    published_on_max: date = optional()


class BookListView(MethodView):
    cache_namespace = "BookView"  # feature: cache

    @cache.cached_view()  # feature: cache
    @operation()
    def get(self, query: BookQuery) -> tuple[Page[BookOut], Headers]:
        """List books, by default in the order in which they were added."""
        return page(BookOut, select(Book), query)

    @auth.require.login()  # feature: auth
    @operation(201)
    def post(self, body: BookIn) -> tuple[BookOut, Headers]:
        """Add a book."""
        book = Book()
        book.user_id = auth.user_id  # feature: auth
        db.session.add(_changed(book, body))
        db.session.commit()
        return BookOut.model_validate(book), {"Location": url_for(".item", id=book.id)}


class BookView(MethodView):
    @cache.cached_view(include_request_args=False)  # feature: cache
    @operation(problems=[404])
    def get(self, id: int) -> BookOut:
        """Show a book."""
        return BookOut.model_validate(db.get_or_404(Book, id))

    @auth.require.login()  # feature: auth
    @operation(problems=[404, 412])
    def put(self, id: int, body: BookIn) -> BookOut:
        """Replace a book."""
        return self._change(id, body)

    @auth.require.login()  # feature: auth
    @operation(problems=[404, 412])
    def patch(self, id: int, body: BookChanges) -> BookOut:
        """Change a book."""
        return self._change(id, body)

    @auth.require.login()  # feature: auth
    @operation(204, problems=[404, 412])
    def delete(self, id: int) -> None:
        """Delete a book."""
        db.session.delete(self._existing(id))
        db.session.commit()

    def _change(self, id: int, body: Body) -> BookOut:
        _changed(self._existing(id), body)
        db.session.commit()
        return BookOut.model_validate(db.get_or_404(Book, id))  # It may be deleted by now.

    def _existing(self, id: int) -> Book:
        """The book, locked until the commit, if the client may change it as it is now."""
        book = lock_or_404(Book, id)
        auth.require.owner(book.user_id, "admin").check()  # feature: auth
        check_if_match(self.get, id)
        return book


def _changed(book: Book, body: Body) -> Book:
    values = body.model_dump(exclude_unset=isinstance(body, BookChanges))
    if "author_id" in values and not _exists(values["author_id"]):
        raise Invalid([Fault(place="body", path="author_id", detail="There is no such author.")])
    for name, value in values.items():
        setattr(book, name, value)
    return book


def _exists(author_id: int) -> bool:
    """Whether the author exists, whom nobody can delete until the commit."""
    lock = {"key_share": True, "read": True}
    return db.session.get(Author, author_id, with_for_update=lock) is not None


bp.add_url_rule("", view_func=BookListView.as_view("list"))
bp.add_url_rule("/<int(max=2147483647):id>", view_func=BookView.as_view("item"))
