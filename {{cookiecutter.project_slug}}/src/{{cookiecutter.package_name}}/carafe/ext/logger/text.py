"""Text that cannot forge a line, drive a terminal or fail to be written."""

import re

# C0 and C1 controls, bidirectional controls, line and paragraph separators, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_MAX_LENGTH = 16_384


def escape(text: str) -> str:
    """*text* on one line, each unsafe character as its Python escape."""
    return _UNSAFE.sub(_as_escape, text)


def _as_escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def escape_lines(text: str) -> str:
    """*text* with its own newlines, indented so that no line looks like a record."""
    return "\n".join(f"  {escape(line)}" for line in text.split("\n"))


def shorten(text: str) -> str:
    """*text* without its middle, if it is very long."""
    if len(text) <= _MAX_LENGTH:
        return text
    half = _MAX_LENGTH // 2
    return f"{text[:half]} ... ({len(text) - 2 * half} characters) ... {text[-half:]}"
