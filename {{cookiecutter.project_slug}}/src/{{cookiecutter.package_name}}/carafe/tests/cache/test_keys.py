from itertools import combinations

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from ...ext.cache.keys import token_key
from ...ext.cache.keys import view_key


def key(url, namespace="ns"):
    path, _, query = url.partition("?")
    environ = EnvironBuilder(path=path, query_string=query).get_environ()
    return view_key(namespace, Request(environ), lambda name: True)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/books", "ns:view:/books"),
        ("/books/", "ns:view:/books/"),
        ("/books/12", "ns:view:/books/12"),
        ("/books?b=2&a=1", "ns:view:/books?a=1&b=2"),
    ],
)
def test_the_key_of_a_plain_request_can_be_read(url, expected):
    assert key(url) == expected


DIFFERENT = [
    "/i/x?a=1",
    "/i/x%3Fa=1",
    "/i/x?a=1&b",
    "/i/x?a=1%26b=",
    "/i/x?a=1&a=2",
    "/i/x?a=2&a=1",
    "/i/x?a=12",
    "/i/x?a",
    "/i/x?=1",
    "/i/x?A=1",
    "/i/x/?a=1",
    "/i/x%25s",
    "/i/x%2525s",
    "/i/{0}",
    "/i/x?a=+",
    "/i/x?a=%2B",
    "/i/%C3%A9",
    "/i/e%CC%81",
    "/i/x:view:/y",
    "/i/x;a=1",
]


def test_different_requests_have_different_keys():
    assert len({key(url) for url in DIFFERENT}) == len(DIFFERENT)


def test_equal_requests_have_equal_keys():
    assert key("/i/x?a=+") == key("/i/x?a=%20")
    assert key("/i/x?a=1&b=2") == key("/i/x?b=2&a=1")


def test_a_namespace_cannot_reach_into_another():
    names = ["a", "a:view:/i", "a:view:", "a:token", "a%", "a%25", "a?b", "é"]
    paths = ["/i", "/i:view:/i", "/x:token"]
    keys = {key(path, name) for name in names for path in paths}
    keys |= {token_key(name) for name in names}
    assert len(keys) == len(names) * (len(paths) + 1)


@pytest.mark.parametrize(
    "url", ["/" + "x" * 20_000, "/x?a=" + "y" * 20_000, "/é中\r\n\0?%FF=%00" * 3]
)
def test_a_key_is_short_printable_ascii(url):
    for made in (key(url), key(url, "n" * 20_000), token_key("\r\n\0é" * 5_000)):
        assert len(made) <= 200
        assert made.isascii() and made.isprintable() and " " not in made


def test_long_keys_differ_in_their_digest():
    urls = [f"/{'x' * 300}{end}" for end in "abc"]
    for one, other in combinations(urls, 2):
        assert key(one) != key(other)
