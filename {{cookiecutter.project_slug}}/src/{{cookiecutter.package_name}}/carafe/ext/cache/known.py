"""What was learnt of keys, so that the next request asks for the right one at once."""

_MANY = 4096


class Known:
    """Forgotten as a whole when it is too much: it is only a shortcut."""

    def __init__(self) -> None:
        self._varies: dict[str, list[str]] = {}
        self._unshared: dict[str, None] = {}

    def varies(self, key: str) -> list[str]:
        """The request headers that the answers under *key* depend on."""
        return self._varies.get(key, [])

    def learn_varies(self, key: str, names: list[str]) -> None:
        if len(self._varies) >= _MANY:
            self._varies.clear()
        self._varies[key] = names

    def is_shared(self, key: str) -> bool:
        """Whether it is worth waiting for somebody else's answer under *key*."""
        return key not in self._unshared

    def learn_shared(self, key: str, is_shared: bool) -> None:
        if is_shared:
            self._unshared.pop(key, None)
            return
        if len(self._unshared) >= _MANY:
            self._unshared.clear()
        self._unshared[key] = None
