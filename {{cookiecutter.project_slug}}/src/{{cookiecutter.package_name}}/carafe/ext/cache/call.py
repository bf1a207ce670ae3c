"""A call of a cached view, and what the view was declared with."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import timedelta
from typing import Any

from .keys import namespace_of
from .timeouts import seconds_of


@dataclass(frozen=True)
class Options:
    """What ``cached_view`` was told."""

    timeout: int | timedelta | None
    namespace: str | None
    unless: Callable[..., Any] | None
    include_request_args: bool | Sequence[str]
    statuses: Sequence[int]
    public: bool
    seconds: int | None = field(init=False)

    def __post_init__(self) -> None:
        if isinstance(self.include_request_args, str):
            raise ValueError("include_request_args is a text. Give a list of arguments, or a bool.")
        seconds = None if self.timeout is None else seconds_of("timeout", self.timeout, 0)
        object.__setattr__(self, "seconds", seconds)

    def counts(self, argument: str) -> bool:
        """Whether this query argument makes another answer."""
        wanted = self.include_request_args
        return wanted if isinstance(wanted, bool) else argument in wanted


@dataclass(slots=True)
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
