"""What a request has read so far, which must not be cached as if it were read now."""

from typing import Any

from sqlalchemy import event

from .database import db

_WROTE = "wrote"


def end_snapshot() -> bool:
    """End the transaction, so that the next query reads afresh; False if it has to write first."""
    session = db.session
    if session.new or session.dirty or session.deleted or session.info.get(_WROTE):
        return False
    session.rollback()
    return True


@event.listens_for(db.session, "after_flush")
def _on_flush(session: Any, context: Any) -> None:
    session.info[_WROTE] = True


@event.listens_for(db.session, "do_orm_execute")
def _on_execute(execution: Any) -> None:
    if execution.is_insert or execution.is_update or execution.is_delete:
        execution.session.info[_WROTE] = True


@event.listens_for(db.session, "after_commit")
@event.listens_for(db.session, "after_rollback")
def _on_end(session: Any) -> None:
    session.info.pop(_WROTE, None)
