"""Tokens for machines: how they are made, and the resource of a user's own tokens.

The text of a token is shown once, when it is made. Only a login makes and ends tokens, so that a
stolen token cannot make others.
"""

import secrets
from datetime import datetime
from datetime import timedelta
from datetime import UTC
from typing import Annotated

from flask import abort
from flask import Blueprint
from flask.views import MethodView
from pydantic import AfterValidator
from pydantic import ConfigDict
from sqlalchemy import delete
from sqlalchemy import func
from sqlalchemy import select

from ..carafe.errors import Fault
from ..carafe.errors import Invalid
from ..carafe.operation import Headers
from ..carafe.operation import operation
from ..carafe.request import TOKEN_PREFIX
from ..carafe.schema import Body
from ..carafe.schema import Line
from ..carafe.schema import optional
from ..carafe.schema import Representation
from ..carafe.schema import Timestamp
from ..database import db
from ..lists import Page
from ..lists import page
from ..lists import PageQuery
from . import audit
from .models import digest_of
from .models import Token
from .models import User
from .provider import auth
from .provider import locked_user

LIFETIME = timedelta(days=90)
MAX_LIFETIME = timedelta(days=366)
MAX_ROLES = 50
MAX_TOKENS = 50
"""Tokens of one user that have not expired."""

SHOWN_AFTER_EXPIRY = timedelta(days=30)

bp = Blueprint("tokens", __name__, url_prefix="/tokens")


def _soon(moment: datetime) -> datetime:
    if not timedelta(0) < moment - datetime.now(UTC) <= MAX_LIFETIME:
        raise ValueError(f"The time is not within the next {MAX_LIFETIME.days} days.")
    return moment


class TokenIn(Body):
    """A new token, which has all roles of its user unless some are named."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Nightly import"}]})

    name: Line
    roles: list[Line] = optional(min_length=1, max_length=MAX_ROLES)
    expires_at: Annotated[Timestamp, AfterValidator(_soon)] = optional(
        description=f"Expires after {LIFETIME.days} days by default, {MAX_LIFETIME.days} at most."
    )


class TokenOut(Representation):
    """A token, without its text. Without *roles* it has those of its user."""

    id: int
    name: str
    roles: list[str] | None
    last_four: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class NewToken(TokenOut):
    """A token and its text, which is not shown again."""

    token: str


class TokenListView(MethodView):
    @auth.require.session()
    @operation()
    def get(self, query: PageQuery) -> tuple[Page[TokenOut], Headers]:
        """List your tokens, oldest first."""
        is_shown = Token.expires_at > datetime.now(UTC) - SHOWN_AFTER_EXPIRY
        own = select(Token).where(Token.user_id == auth.user_id, is_shown)
        return page(TokenOut, own, query)

    @auth.require.session()
    @operation(201, problems=[409], headers={"Cache-Control": "No cache stores the token."})
    def post(self, body: TokenIn) -> tuple[NewToken, Headers]:
        """Make a token for a machine. Its text is shown only now."""
        user = locked_user()
        faults = [
            Fault(place="body", path=f"roles/{index}", detail="You do not have this role.")
            for index, role in enumerate(body.roles or ())
            if role not in user.roles
        ]
        if faults:
            raise Invalid(faults)
        try:
            token, text = make_token(user, body.name, body.roles, body.expires_at)
        except TooManyTokens as error:
            abort(409, str(error))
        shown = TokenOut.model_validate(token).model_dump()
        return NewToken(**shown, token=text), {"Cache-Control": "no-store"}


class TokenView(MethodView):
    @auth.require.session()
    @operation(204, problems=[404])
    def delete(self, id: int) -> None:
        """End one of your tokens."""
        own = select(Token).where(Token.user_id == auth.user_id, Token.id == id)
        db.session.delete(db.session.scalar(own) or abort(404))
        db.session.commit()
        audit.record("ended a token", user_id=auth.user_id, id=id)


class TooManyTokens(ValueError):
    """A user has as many tokens as one may have."""


def make_token(
    user: User, name: str, roles: list[str] | None = None, expires_at: datetime | None = None
) -> tuple[Token, str]:
    """Make a token of *user*, commit, and return it and its text. Raises TooManyTokens.

    Without *roles*, it has those that the user has at each request. Tokens that expired long ago
    are deleted.
    """
    own, now = Token.user_id == user.id, datetime.now(UTC)
    db.session.execute(delete(Token).where(own, Token.expires_at < now - SHOWN_AFTER_EXPIRY))
    live = select(func.count(Token.id)).where(own, Token.expires_at > now)
    if db.session.scalars(live).one() >= MAX_TOKENS:
        raise TooManyTokens(f"There are {MAX_TOKENS} tokens. End one that is not needed.")
    text = f"{TOKEN_PREFIX}{secrets.token_urlsafe(32)}"
    token = Token(
        user_id=user.id,
        name=name,
        digest=digest_of(text),
        last_four=text[-4:],
        roles=roles,
        expires_at=expires_at or now + LIFETIME,
    )
    db.session.add(token)
    db.session.commit()
    audit.record("made a token", user_id=user.id, id=token.id)
    return token, text


bp.add_url_rule("", view_func=TokenListView.as_view("list"))
bp.add_url_rule("/<int(max=2147483647):id>", view_func=TokenView.as_view("item"))
