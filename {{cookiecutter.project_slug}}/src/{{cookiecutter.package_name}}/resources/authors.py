"""Authors. Everybody may read them."""

from datetime import datetime

from flask import abort
from flask import Blueprint
from flask import url_for
from flask.views import MethodView
from pydantic import Field
from sqlalchemy import select

from ..accounts import auth  # feature: auth
from ..carafe.operation import check_if_match
from ..carafe.operation import Headers
from ..carafe.operation import operation
from ..carafe.schema import Body
from ..carafe.schema import Line
from ..carafe.schema import optional
from ..carafe.schema import Representation
from ..database import db
from ..database import lock_or_404
from ..extensions import cache  # feature: cache
from ..lists import Page
from ..lists import page
from ..lists import PageQuery
from ..models import Author
from ..models import Book

bp = Blueprint("authors", __name__, url_prefix="/authors")


class AuthorIn(Body):
    """A new author."""

    name: Line = Field(examples=["Octavia E. Butler"])


class AuthorChanges(Body):
    """Changes to an author."""

    name: Line = optional()


class AuthorOut(Representation):
    """An author."""

    id: int
    name: str
    created_at: datetime
    updated_at: datetime


class AuthorListView(MethodView):
    cache_namespace = "AuthorView"  # feature: cache

    @cache.cached_view()  # feature: cache
    @operation()
    def get(self, query: PageQuery) -> tuple[Page[AuthorOut], Headers]:
        """List authors, oldest first."""
        return page(AuthorOut, select(Author), query)

    @auth.require.editor()  # feature: auth
    @operation(201)
    def post(self, body: AuthorIn) -> tuple[AuthorOut, Headers]:
        """Add an author."""
        author = Author(**body.model_dump())
        db.session.add(author)
        db.session.commit()
        location = url_for(".item", id=author.id)
        return AuthorOut.model_validate(author), {"Location": location}


class AuthorView(MethodView):
    cache_cascade = ["BookView"]  # feature: cache

    @cache.cached_view(include_request_args=False)  # feature: cache
    @operation(problems=[404])
    def get(self, id: int) -> AuthorOut:
        """Show an author."""
        return AuthorOut.model_validate(db.get_or_404(Author, id))

    @auth.require.editor()  # feature: auth
    @operation(problems=[404, 412])
    def put(self, id: int, body: AuthorIn) -> AuthorOut:
        """Replace an author."""
        return self._change(id, body)

    @auth.require.editor()  # feature: auth
    @operation(problems=[404, 412])
    def patch(self, id: int, body: AuthorChanges) -> AuthorOut:
        """Change an author."""
        return self._change(id, body)

    @auth.require.editor()  # feature: auth
    @operation(204, problems=[404, 409, 412])
    def delete(self, id: int) -> None:
        """Delete an author who has no books."""
        author = self._existing(id)
        if db.session.scalar(select(Book.id).where(Book.author_id == id).limit(1)):
            abort(409, "The author has books.")
        db.session.delete(author)
        db.session.commit()

    def _change(self, id: int, body: Body) -> AuthorOut:
        author = self._existing(id)
        for name, value in body.model_dump(exclude_unset=True).items():
            setattr(author, name, value)
        db.session.commit()
        return AuthorOut.model_validate(db.get_or_404(Author, id))  # It may be deleted by now.

    def _existing(self, id: int) -> Author:
        """The author, locked until the commit, if the client may change it as it is now."""
        author = lock_or_404(Author, id)
        check_if_match(self.get, id)
        return author


bp.add_url_rule("", view_func=AuthorListView.as_view("list"))
bp.add_url_rule("/<int(max=2147483647):id>", view_func=AuthorView.as_view("item"))
