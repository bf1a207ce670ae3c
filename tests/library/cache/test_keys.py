import os
from unicodedata import normalize
from urllib.parse import parse_qsl
from urllib.parse import quote
from urllib.parse import unquote

import pytest
from carafe.ext.cache.entry import token_key
from carafe.ext.cache.entry import variant_key
from carafe.ext.cache.entry import view_key
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

often = settings(max_examples=int(os.environ.get("EXAMPLES", "100")), deadline=None, database=None)

SEEDS = "a ab a=1 & = ? ; + % %20 %2F %3F %FF %25FF %s {0} :view: :token # ~ / // .. é é \0 \r\n"
pieces = st.sampled_from([*SEEDS.split(" "), "", " ", "1", "A", "a:b", "b:c"])
texts = st.lists(pieces, max_size=4).map("".join)
pairs = st.lists(st.tuples(texts, texts), max_size=3)
requests = st.tuples(texts, texts.map("/".__add__), pairs)


def query(pairs):
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs).encode()


def key(namespace, path, pairs):
    return view_key(namespace, path, query(pairs))


def meaning(namespace, path, pairs):
    """What of a request makes a difference: the order of names does not, that of values does."""
    return namespace, path, sorted(pairs, key=lambda pair: pair[0])


MUTATORS = {
    "the query moves into the path": lambda n, p, q: (n, f"{p}?{query(q).decode()}", []),
    "the path moves into the namespace": lambda n, p, q: (f"{n}:view:{p}", "/", q),
    "the namespace moves into the path": lambda n, p, q: ("", f"/{n}:view:{p}", q),
    "arguments are one": lambda n, p, q: (n, p, [("&".join("=".join(pair) for pair in q), "")]),
    "names and values are exchanged": lambda n, p, q: (n, p, [(v, k) for k, v in q]),
    "arguments change places": lambda n, p, q: (n, p, q[::-1]),
    "values change places": lambda n, p, q: (
        (n, p, q) if not q else (n, p, [(k, q[-1 - i][1]) for i, (k, _) in enumerate(q)])
    ),
    "the first argument is repeated": lambda n, p, q: (n, p, q[:1] + q),
    "a value is split": lambda n, p, q: (n, p, [(k, c) for k, v in q for c in v]),
    "an argument is empty": lambda n, p, q: (n, p, [*q, ("", "")]),
    "spaces are plus signs": lambda n, p, q: (n, p, [(k, v.replace(" ", "+")) for k, v in q]),
    "the path has a slash more": lambda n, p, q: (n, f"{p}/", q),
    "the case is another": lambda n, p, q: (n.swapcase(), p.swapcase(), q),
    "the text is composed": lambda n, p, q: (normalize("NFC", n), normalize("NFC", p), q),
    "the text is quoted": lambda n, p, q: (quote(n), quote(p), q),
    "the text is unquoted": lambda n, p, q: (unquote(n), unquote(p), q),
}


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
    path, _, arguments = url.partition("?")
    assert view_key("ns", path, arguments.encode()) == expected


@pytest.mark.parametrize("name", MUTATORS)
@often
@given(request=requests)
def test_requests_that_nearly_mean_the_same_differ_if_they_do(name, request):
    other = MUTATORS[name](*request)
    assert (key(*request) == key(*other)) is (meaning(*request) == meaning(*other))


@often
@given(one=requests, other=requests)
def test_requests_have_one_key_if_they_mean_the_same(one, other):
    assert (key(*one) == key(*other)) is (meaning(*one) == meaning(*other))


@often
@given(request=requests)
def test_a_key_can_be_read_back(request):
    made = key(*request)
    start, _, asked = made.partition("?")
    namespace, _, path = start.rpartition(":view:")
    found = parse_qsl(asked, keep_blank_values=True)
    assert (unquote(namespace), unquote(path), found) == meaning(*request)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b"a=+", b"a=%20", True),
        (b"a=%2B", b"a=%20", False),
        (b"a=%2F", b"a=/", True),
        (b"a=%FF", b"a=%25FF", False),
        (b"a=%FF", b"a=%FE", False),
        (b"a=1;b=2", b"a=1&b=2", False),
        (b"a", b"a=", True),
        (b"a=1&&b=2", b"a=1&b=2", True),
    ],
)
def test_spellings_of_a_query(one, other, same):
    assert (view_key("ns", "/", one) == view_key("ns", "/", other)) is same


def test_the_arguments_of_a_query():
    made = view_key("ns", "/", b"a=1&b=%C3%A9&a=2&c&=d")
    assert made == "ns:view:/?=d&a=1&a=2&b=%C3%A9&c="


@often
@given(text=st.text(), query=st.binary(max_size=300))
def test_a_key_is_printable_ascii(text, query):
    view = view_key(text, f"/{text}", query)
    for made in (view, token_key(text), variant_key(view, [("a", text)])):
        assert made.isascii() and made.isprintable() and " " not in made


@often
@given(values=st.lists(st.tuples(texts, texts), min_size=1, max_size=3), text=texts)
def test_a_variant_and_a_token_are_no_view(values, text):
    view = view_key("ns", "/a", b"")
    made = {view, variant_key(view, values), token_key("ns")}
    assert len(made) == 3
    assert view_key("ns", f"/a#{text}", b"") not in made
