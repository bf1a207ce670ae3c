"""A session that opens its cookie on first use."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask.sessions import SecureCookieSession

from .seal import Content


class Session(SecureCookieSession):
    """What Flask's ``session`` is; *read* opens the cookie."""

    is_open = False
    content: Content | None = None
    """What the cookie held, unless it was cleared since."""

    def __init__(self, read: Callable[[], Content | None], permanent: bool) -> None:
        super().__init__()
        self._read = read
        self._is_permanent = permanent

    @property
    def permanent(self) -> bool:
        """Whether the cookie outlives the browser: what was set here, else configured."""
        return bool(self.get("_permanent", self._is_permanent))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self["_permanent"] = bool(value)

    def clear(self) -> None:
        """Forget everything, also when the session began."""
        self.open()
        super().clear()
        self.content = None

    def open(self) -> None:
        """Read the cookie, once."""
        if not self.is_open:
            self.is_open = True
            self.content = self._read()
            if self.content is not None:
                dict.update(self, self.content.data)


def _opening(name: str) -> Callable[..., Any]:
    method = getattr(SecureCookieSession, name)

    @wraps(method)
    def call(self: Session, *args: Any, **kwargs: Any) -> Any:
        self.open()
        return method(self, *args, **kwargs)

    return call


for _name in (
    *("__contains__", "__delitem__", "__eq__", "__getitem__", "__ior__", "__iter__", "__len__"),
    *("__ne__", "__or__", "__repr__", "__reversed__", "__ror__", "__setitem__", "copy"),
    *("get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"),
):
    setattr(Session, _name, _opening(_name))
