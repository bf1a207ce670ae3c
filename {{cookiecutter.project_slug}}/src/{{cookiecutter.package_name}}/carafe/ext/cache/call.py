"""A call of a cached view, and what the view was declared with."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .keys import namespace_of


@dataclass(frozen=True)
class Options:
    """What ``cached_view`` was told."""

    timeout: int | timedelta | None
    namespace: str | None
    unless: Callable[..., Any] | None
    include_request_args: bool | Sequence[str]
    statuses: Sequence[int]
    public: bool

    def __post_init__(self) -> None:
        seconds = self.timeout
        if isinstance(seconds, timedelta):
            seconds = int(seconds.total_seconds())
        if seconds is None:
            return
        if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 1:
            raise ValueError("A timeout must be at least one whole second. Give it in seconds.")

    def counts(self, argument: str) -> bool:
        """Whether this query argument makes another answer."""
        wanted = self.include_request_args
        return wanted if isinstance(wanted, bool) else argument in wanted


@dataclass(frozen=True)
class Call:
    """A view and the arguments it is called with."""

    view: Callable[..., Any]
    run: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __call__(self) -> Any:
        return self.run(*self.args, **self.kwargs)

    @property
    def namespace(self) -> str:
        """A method's is its class's; Flask passes a function only keyword arguments."""
        return namespace_of(self.args[0] if self.args else self.view)
