import re

from carafe import config
from carafe import FlaskCarafe
from carafe import openapi
from carafe.operation import operation


def make_client(**settings):
    app = FlaskCarafe("shop")
    app.config.update(settings)
    openapi.init_app(app)
    return app, app.test_client


def test_the_page_links_the_documentation_and_what_can_be_read():
    app, client = make_client()

    @app.get("/books")
    @operation()
    def books() -> list[str]:
        """List books."""
        return []

    @app.get("/books/<int:id>")
    @operation()
    def book(id: int) -> str: ...

    config.check(app)
    page = client().get("/")
    assert page.mimetype == "text/html"
    links = re.findall('href="(.*?)"', page.text)
    assert links == ["/docs/", "/openapi.json", "/books"]
    assert {client().get(link).status_code for link in links} == {200}
    assert "List books." in page.text


def test_the_page_and_the_document_are_called_as_they_are_configured():
    app, client = make_client(OPENAPI_TITLE="A & <B>", OPENAPI_DESCRIPTION='"<i>"')
    config.check(app)
    info = client().get("/openapi.json").json["info"]
    assert (info["title"], info["description"]) == ("A & <B>", '"<i>"')
    page = client().get("/").text
    assert "A &amp; &lt;B&gt;" in page and "<i>" not in page


def test_a_view_of_the_app_stays():
    app, client = make_client()
    app.add_url_rule("/", "mine", lambda: {"mine": True})
    config.check(app)
    assert client().get("/").json == {"mine": True}
