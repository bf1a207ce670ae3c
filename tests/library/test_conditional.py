"""Conditional requests to operations, as an owner writes them."""

import os
import subprocess
import sys

import pytest
from carafe import conditional
from carafe import errors
from carafe import FlaskCarafe
from carafe import JSONClient
from carafe.conditional import is_known
from carafe.conditional import tags_of
from carafe.operation import check_if_match
from carafe.operation import Headers
from carafe.operation import operation
from carafe.schema import Body
from flask import abort
from flask import request
from flask import Response
from flask import session
from flask.views import MethodView
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic import create_model

TAG = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters='"\x7f'))
TAGS = st.lists(st.builds('{}"{}"'.format, st.sampled_from(["", "W/"]), TAG), min_size=1)
OTHER = '"0"'
OLD, DATE = "Tue, 21 Oct 2014 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT"
SENT = {"Cache-Control": "max-age=9", "Vary": "Accept", "Link": '</pens?page=2>; rel="next"'}
MALFORMED = ["", " ", ",", "abc", '"a', 'a"', '*, "a"', '"a", *', "*,*"]
MALFORMED += ['"a" "b"', '""""', 'w/"a"', 'W/ "a"', 'x, "a"']


class Pen(BaseModel):
    color: str


class PenIn(Body):
    color: str


class Page(BaseModel):
    items: list[Pen]


class Query(BaseModel):
    verbose: bool = False


def lookup(pens, id):
    return pens.get(id) or abort(404)


class PenView(MethodView):
    def __init__(self, pens):
        self.pens = pens

    @operation(problems=[404])
    def get(self, id: int, query: Query) -> Pen:
        """Show a pen."""
        pen = lookup(self.pens, id)
        return Pen(color=f"{pen} for {session.get('name')}" if query.verbose else pen)

    @operation(problems=[404, 412])
    def put(self, id: int, body: PenIn) -> Pen:
        """Replace a pen."""
        lookup(self.pens, id)
        check_if_match(self.get, id)
        if body.color == "none":
            abort(422)
        self.pens[id] = body.color
        return Pen(color=body.color)

    @operation(204, problems=[404, 412])
    def delete(self, id: int) -> None:
        """Delete a pen."""
        lookup(self.pens, id)
        check_if_match(self.get, id)
        del self.pens[id]


@pytest.fixture
def pens():
    return {1: "red"}


@pytest.fixture
def app(pens):
    app = FlaskCarafe(__name__)
    app.config.update(TESTING=True)
    app.secret_key = "a key for tests"
    app.test_client_class = JSONClient
    errors.init_app(app)
    app.add_url_rule("/pens/<int:id>", view_func=PenView.as_view("pen", pens))

    @app.get("/pens")
    @operation()
    def pen_list() -> tuple[Page, Headers]:
        """List pens."""
        return Page(items=[Pen(color=color) for color in pens.values()]), SENT

    @app.post("/pens")
    @operation(201)
    def add(body: PenIn) -> tuple[Pen, Headers]:
        """Add a pen."""
        pens[2] = body.color
        return Pen(color=body.color), {"Location": "/pens/2"}

    return app


@pytest.fixture
def client(app):
    return app.test_client()


def etag_of(client, path="/pens/1"):
    return client.get(path).headers["ETag"]


@given(TAGS, st.sampled_from([",", ", ", " ,\t", ",,"]))
def test_a_list_of_entity_tags_is_read(tags, separator):
    assert tags_of(separator.join(tags)) == tags
    known = {tag.removeprefix("W/") for tag in tags}
    for etag in (*known, '"unknown tag"'):
        environ = {"HTTP_IF_NONE_MATCH": separator.join(tags)}
        assert is_known(environ, etag) == (etag in known)


@pytest.mark.parametrize("sent", MALFORMED)
def test_what_is_no_list_of_entity_tags_is_malformed(sent):
    assert tags_of(sent) is None


@pytest.mark.parametrize(
    ("sent", "is_it_known"),
    [
        ({"IF_NONE_MATCH": "*"}, True),
        ({"IF_NONE_MATCH": " * "}, True),
        ({"IF_NONE_MATCH": 'W/"a"'}, True),
        ({"IF_NONE_MATCH": "a"}, False),
        ({"IF_NONE_MATCH": '"b"', "IF_MODIFIED_SINCE": DATE}, False),
        ({"IF_NONE_MATCH": "malformed", "IF_MODIFIED_SINCE": DATE}, True),
        ({"IF_MODIFIED_SINCE": DATE}, True),
        ({"IF_MODIFIED_SINCE": OLD}, False),
        ({"IF_MODIFIED_SINCE": "yesterday"}, False),
        ({"IF_MATCH": '"b"', "IF_NONE_MATCH": '"a"'}, True),
        ({}, False),
    ],
)
def test_a_client_may_know_it_by_its_tag_or_its_date(sent, is_it_known):
    environ = {f"HTTP_{name}": value for name, value in sent.items()}
    for etag in ('"a"', 'W/"a"'):
        assert is_known(environ, etag, DATE) == is_it_known


@pytest.mark.parametrize("path", ["/pens", "/pens/1"])
def test_a_200_has_a_strong_etag_of_its_body(client, pens, path):
    first, again = client.get(path), client.head(path)
    etag, is_weak = first.get_etag()
    assert etag and not is_weak
    assert again.headers["ETag"] == first.headers["ETag"]
    pens[1] = "blue"
    assert etag_of(client, path) != first.headers["ETag"]


def test_an_etag_is_the_same_in_every_process():
    code = "from carafe.conditional import etag_of; print(etag_of(b'red'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,
    )
    assert done.stdout.decode().strip() == conditional.etag_of(b"red")


@pytest.mark.parametrize("known", ["{}", "W/{}", '"x", {}', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_a_client_has_is_a_304(client, known, method):
    headers = {"If-None-Match": known.format(etag_of(client))}
    response = client.open("/pens/1", method=method, headers=headers)
    assert (response.status_code, response.data) == (304, b"")
    assert response.headers["ETag"] == etag_of(client)
    assert "Content-Type" not in response.headers


def test_a_304_has_the_headers_of_the_200(client):
    unchanged = client.get("/pens", headers={"If-None-Match": etag_of(client, "/pens")})
    assert unchanged.status_code == 304
    assert {name: unchanged.headers[name] for name in SENT} == SENT


@pytest.mark.parametrize("sent", [OTHER, *MALFORMED])
def test_what_a_client_does_not_have_is_sent(client, sent):
    assert client.get("/pens/1", headers={"If-None-Match": sent}).status_code == 200


def test_a_refusal_is_never_a_304(app, client):
    @app.get("/gone")
    @operation()
    def show() -> Response:
        """Show that it is gone."""
        return Response("gone", 410)

    assert client.get("/gone", headers={"If-None-Match": "*"}).status_code == 410
    assert client.get("/pens/7", headers={"If-None-Match": "*"}).status_code == 404
    assert client.get("/pens/1?verbose=x", headers={"If-None-Match": "*"}).status_code == 422


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_change_needs_the_etag_of_what_is_there(client, pens, method):
    def change(if_match):
        headers = {"If-Match": if_match}
        return client.open("/pens/1", method=method, headers=headers, json={"color": "blue"})

    etag = etag_of(client)
    for other in (OTHER, f"W/{etag}", f'{OTHER}, W/"x"'):
        assert change(other).status_code == 412
        assert pens == {1: "red"}
    for malformed in MALFORMED:
        assert change(malformed).status_code == 400
    assert change(f"{OTHER}, {etag}").status_code in (200, 204)
    assert pens != {1: "red"}
    assert change(etag).status_code == 412
    assert change("*").status_code == (412 if method == "DELETE" else 200)


def test_the_response_to_a_change_has_the_new_etag(client):
    changed = client.put("/pens/1", {"color": "blue"}, headers={"If-Match": etag_of(client)})
    assert changed.headers["ETag"] == etag_of(client)
    made = client.post("/pens", {"color": "green"})
    assert made.headers["ETag"] == etag_of(client, "/pens/2")


def test_what_is_not_there_does_not_match(client, app):
    for required in (False, True):
        app.config["REQUIRE_IF_MATCH"] = required
        for sent, status in [({}, 404), ({"If-Match": "*"}, 412), ({"If-Match": OTHER}, 412)]:
            assert client.delete("/pens/7", headers=sent).status_code == status
        assert client.delete("/pens/7", headers={"If-Match": "x"}).status_code == 400


def test_if_match_may_be_required_of_what_evaluates_it(client, app, pens):
    @app.put("/note")
    @operation(204)
    def replace() -> None:
        """Replace the note, whoever changed it."""

    app.config["REQUIRE_IF_MATCH"] = True
    for refused in (client.put("/pens/1", {"color": "none"}), client.delete("/pens/1")):
        assert refused.status_code == 428
    assert client.post("/pens", {"color": "green"}).status_code == 201
    assert client.put("/note").status_code == 204
    assert client.delete("/pens/1", headers={"If-Match": "*"}).status_code == 204


def test_the_body_is_judged_last(client):
    wrong, bad = {"color": "none"}, {"If-Match": OTHER}
    assert client.put("/pens/1", {"colour": "x"}, headers=bad).status_code == 422
    assert client.put("/pens/1", wrong, headers=bad).status_code == 412
    assert client.put("/pens/1", wrong).status_code == 422


def test_if_none_match_counts_only_for_get(client):
    sent = {"If-None-Match": "*"}
    assert client.put("/pens/1", {"color": "blue"}, headers=sent).status_code == 200


def test_it_is_what_get_returns_without_arguments_to_this_client(app, client):
    class Verbose(Query):
        verbose: bool = True

    class OwnView(PenView):
        @operation()
        async def get(self, id: int, query: Verbose) -> Pen:
            """Show a pen."""
            return Pen(color=f"{self.pens[id]} for {session.get('name')}")

        @operation(problems=[412])
        def patch(self, id: int) -> Page:
            """Return something else."""
            check_if_match(self.get, id)
            return Page(items=[])

    app.add_url_rule("/own/<int:id>", view_func=OwnView.as_view("own", {1: "red"}))
    app.post("/name/<name>", endpoint="name")(lambda name: session.update(name=name) or {})
    of_a_stranger = etag_of(client, "/own/1")
    client.post("/name/ada")
    own = etag_of(client, "/own/1")
    assert own == etag_of(client, "/own/1?verbose=0") != of_a_stranger
    for etag, status in [(of_a_stranger, 412), (own, 200)]:
        changed = client.patch("/own/1", headers={"If-Match": etag})
        assert changed.status_code == status
    assert changed.headers["ETag"] == own


def test_what_is_not_there_after_the_etag_matched_is_a_404(app, client):
    @app.put("/moved/<int:id>")
    @operation(204, problems=[404, 412])
    def move(id: int) -> None:
        """Miss something else."""
        check_if_match(app.view_functions["pen_list"])
        abort(404)

    for if_match in (etag_of(client, "/pens"), "*"):
        assert client.put("/moved/1", headers={"If-Match": if_match}).status_code == 404


def test_what_get_does_not_show_has_no_etag(app, client):
    hidden = {1: False}

    @app.get("/draft/<int:id>")
    @operation(problems=[404])
    def show(id: int) -> Pen:
        """Show it, if it is not hidden."""
        return abort(404) if hidden[id] else Pen(color="red")

    @app.put("/draft/<int:id>")
    @operation(problems=[404, 412])
    def hide(id: int) -> Pen:
        """Hide it."""
        check_if_match(show, id)
        hidden[id] = True
        return Pen(color="red")

    etag = etag_of(client, "/draft/1")
    changed = client.put("/draft/1", headers={"If-Match": etag})
    assert (changed.status_code, changed.headers.get("ETag")) == (200, None)
    assert client.put("/draft/1", headers={"If-Match": etag}).status_code == 412


@pytest.mark.parametrize(("sent", "status"), [({}, 201), ({"If-Match": "*"}, 412)])
def test_what_a_change_would_make_is_not_there_yet(app, client, pens, sent, status):
    class Made(PenView):
        @operation(201, problems=[412])
        def put(self, id: int, body: PenIn) -> Pen:
            """Replace or add a pen."""
            check_if_match(self.get, id)
            self.pens[id] = body.color
            return Pen(color=body.color)

    app.add_url_rule("/made/<int:id>", view_func=Made.as_view("made", pens))
    assert client.put("/made/7", {"color": "blue"}, headers=sent).status_code == status
    assert (7 in pens) is (status == 201)


def test_a_get_that_requires_an_argument_has_no_etag_to_check(app, client, pens):
    class Picked(PenView):
        @operation()
        def get(self, id: int, query: create_model("Pick", verbose=(bool, ...))) -> Pen:
            """Show a pen."""

    app.add_url_rule("/picked/<int:id>", view_func=Picked.as_view("picked", pens))
    with pytest.raises(RuntimeError, match="Picked.get"):
        client.put("/picked/1", {"color": "blue"})
    assert pens == {1: "red"}


def test_the_arguments_of_the_change_are_not_those_of_get(app, client):
    @app.get("/greeting")
    @operation()
    def show() -> Pen:
        """Read arguments without a model."""
        return Pen(color=request.args.get("color", "red"))

    @app.put("/greeting")
    @operation(problems=[412])
    def change() -> Pen:
        """Read them, too."""
        check_if_match(show)
        return Pen(color=request.args["color"])

    etag = etag_of(client, "/greeting")
    changed = client.put("/greeting?color=blue", headers={"If-Match": etag})
    assert (changed.json, changed.headers["ETag"]) == ({"color": "blue"}, etag)


def test_async_views_evaluate_if_match(app, client, pens):
    @app.get("/async")
    @operation()
    async def show() -> Pen:
        """Show a pen."""
        return Pen(color=pens[1] + str(session.get("name")))

    @app.put("/async")
    @operation(204, problems=[412])
    async def change(body: PenIn) -> None:
        """Change it."""
        check_if_match(show)
        pens[1] = body.color

    etag = etag_of(client, "/async")
    for status in (204, 412):
        changed = client.put("/async", {"color": "blue"}, headers={"If-Match": etag})
        assert changed.status_code == status


def test_functions_are_views_too_and_an_etag_of_their_own_stays(app, client):
    @app.get("/note")
    @operation()
    def show() -> Response:
        """Show the note."""
        return Response("text", headers={"ETag": '"mine"'})

    @app.put("/note")
    @operation(204, problems=[412])
    def replace() -> None:
        """Replace the note."""
        check_if_match(show)

    assert etag_of(client, "/note") == '"mine"'
    assert client.get("/note", headers={"If-None-Match": '"mine"'}).status_code == 304
    assert client.put("/note", headers={"If-Match": OTHER}).status_code == 412
    assert client.put("/note", headers={"If-Match": '"mine"'}).status_code == 204


def test_a_stream_is_sent_while_it_is_made_and_has_no_etag(app, client):
    @app.get("/stream")
    @operation()
    def show() -> Response:
        """Show it part by part."""
        return Response(part for part in "ab")

    response = client.get("/stream")
    assert (response.text, "ETag" in response.headers) == ("ab", False)


def test_who_forgets_a_half_learns_it_at_once(app, client):
    @app.put("/declared")
    @operation(204, problems=[412])
    def declared() -> None:
        """Declare 412, and check nothing."""

    @app.put("/checked")
    @operation(204)
    def checked() -> None:
        """Check, and do not declare it."""
        check_if_match(app.view_functions["pen_list"])

    for path in ("/declared", "/checked"):
        with pytest.raises(RuntimeError, match="412"):
            client.put(path)
