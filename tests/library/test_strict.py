import gc
import json
import os
import time
import timeit

import pytest
from carafe import strict

SAME = "The body has an object with a duplicate name."
NUL = "The body has a NUL character."
LARGE = "The body has a number that is too large."
DEEP = "The body is nested deeper than 64."
NOT_JSON = "The body is not valid JSON."

REFUSED = [
    (b'{"a": 1, "a": 1}', SAME),
    (b'{"a": 1, "b": 2, "a": 3}', SAME),
    (b'{"a": 1, "\\u0061": 1}', SAME),
    (b'{"a:": 1, "a:": 1}', SAME),
    (b'{"": 1, "": 1}', SAME),
    (b'{"a": {"b": 1, "b": 1}}', SAME),
    (b'[[{"a": ":", "b": [{"c": 1, "c": ":"}]}]]', SAME),
    (b'{"a": "\\":", "a": "\\\\"}', SAME),
    (b'{"a": {"b": 1}, "a": {"c": 1}}', SAME),
    (b'{"a": "\\u0000"}', NUL),
    (b'{"a\\u0000": 1}', NUL),
    (b'["\\\\\\u0000"]', NUL),
    (b"1e999", LARGE),
    (b'{"a": [-1e999]}', LARGE),
    (b'{"a": 1.0e+400}', LARGE),
    (b"9" * 400 + b".0", LARGE),
    (b"[" * 65 + b"1" + b"]" * 65, DEEP),
    (b'{"a":' * 65 + b"1" + b"}" * 65, DEEP),
    (b'[{"a":' * 33 + b"1" + b"}]" * 33, DEEP),
    (b"[" * 1000 + b"]" * 1000, NOT_JSON),
    (b'{"a":' * 100_000, NOT_JSON),
    (b"", NOT_JSON),
    (b"{", NOT_JSON),
    (b"[NaN]", NOT_JSON),
    (b"[Infinity]", NOT_JSON),
    (b"-Infinity", NOT_JSON),
    (b'"\\ud800"', NOT_JSON),
    (b'"\\udc00\\ud800"', NOT_JSON),
    (b'"\xed\xa0\x80"', NOT_JSON),
    (b'"\xff"', NOT_JSON),
    (b'"\x00"', NOT_JSON),
    (b"\xef\xbb\xbf{}", NOT_JSON),
    ("{}".encode("utf-16"), NOT_JSON),
    ("{}".encode("utf-32"), NOT_JSON),
    (b"1" * 5000, NOT_JSON),
]

READ = [
    b"{}",
    b"null",
    b' [1, 2.5, "a", null, true] ',
    b'{"a": "b: c", "d:": ["e:f", {"a": 1}]}',
    b'{"a": "\\"", ":": "\\\\", "b": "\\":\\""}',
    b'[{"a": 1}, {"a": 1}]',
    b'{"a": {"a": {"a": 1}}}',
    b'["\\\\u0000"]',
    b'["\\ud83d\\ude00"]',
    b'{"A": 1, "a": 2}',
    b"[1e308, 1e-999]",
    b"[" * 64 + b"1" + b"]" * 64,
    b'{"a":' * 64 + b"1" + b"}" * 64,
    str(2**70).encode(),
]

ORDINARY = b"[" + b'{"id": 1, "name": "Mary Shelley", "born": 1797},' * 22_000 + b"1]"

LONG = {
    "brackets": b"[" * 2**20,
    "closed brackets": b"[" + b"[]," * 2**18 + b"[]]",
    "braces": b"[" + b"{}," * 2**18 + b"{}]",
    "numbers": b"[" + b"1," * 2**19 + b"1]",
    "colons": b'["' + b":" * 2**20 + b'"]',
    "texts with colons": b"[" + b'":",' * 2**18 + b'""]',
    "quotes": b'["' + b'\\"' * 2**19 + b':"]',
    "backslashes": b'["' + b"\\\\" * 2**19 + b'u0000:"]',
    "an open text": b'["' + b"\\\\" * 2**19,
    "one name": b"{" + b'"a":1,' * 2**17 + b'"a":1}',
}


@pytest.mark.parametrize(("body", "reason"), REFUSED, ids=lambda part: repr(part[:30]))
def test_what_parsers_think_differently_of_is_refused(body, reason):
    with pytest.raises(ValueError) as refused:
        strict.loads(body)
    assert str(refused.value) == reason


@pytest.mark.parametrize("body", READ, ids=lambda body: repr(body[:30]))
def test_all_else_that_is_json_is_read(body):
    assert strict.loads(body) == json.loads(body)


@pytest.mark.skipif(os.name == "nt", reason="Windows counts processor time in steps of 16 ms")
@pytest.mark.parametrize("body", LONG.values(), ids=LONG)
def test_no_long_body_takes_much_longer_than_an_ordinary_one(body):
    gc.freeze()  # What pytest holds is not walked over each time that memory is collected.
    ordinary, long = seconds(ORDINARY), seconds(body)
    gc.unfreeze()
    assert long < 20 * ordinary


def seconds(body):
    """The processor time that a body takes."""
    return min(timeit.repeat(lambda: outcome(body), number=1, timer=time.process_time))


def outcome(body):
    """What is read, or why it is refused."""
    try:
        return strict.loads(body)
    except ValueError as error:
        return error
