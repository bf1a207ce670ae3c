"""What the document says is enough for a generated client, and for "Try it out"."""

import subprocess
import sys
from threading import Thread

import pytest
from accounts import log_in  # feature: auth
from accounts import make_user  # feature: auth
from werkzeug.serving import make_server
from werkzeug.utils import import_string

GENERATOR = "openapi-python-client==0.29.1"

WALK = """
import sys
from http import HTTPStatus

from client import AuthenticatedClient  # feature: auth
from client import Client
from client.api.authors import create_author, delete_author, list_authors, update_author
from client.api.books import create_book, delete_book, get_book, list_books, replace_book
from client.api.login import get_login, log_in, log_out  # feature: auth
from client.api.tokens import create_token  # feature: auth
from client.models import AuthorChanges, AuthorIn, BookIn, Problem
from client.models import Credentials, TokenIn  # feature: auth

client = session = Client(sys.argv[1], raise_on_unexpected_status=True)
ada = Credentials("ada@example.com", "correct horse")  # feature: auth
user = log_in.sync(client=session, body=ada)  # feature: auth
token = create_token.sync(client=session, body=TokenIn("Walk")).token  # feature: auth
client = AuthenticatedClient(sys.argv[1], token)  # feature: auth
assert get_login.sync(client=client) == user  # feature: auth

names = ["Mary Shelley", "Jules Verne", "Octavia E. Butler"]
authors = [create_author.sync(client=client, body=AuthorIn(name)) for name in names]
found, page = [], list_authors.sync(client=client, limit=2)
while True:
    found += page.items
    if page.next_ is None:
        break
    page = list_authors.sync(client=client, limit=2, cursor=page.next_)
assert found == authors

mary = authors[0]
book = create_book.sync(client=client, body=BookIn("Frankenstein", mary.id))
assert get_book.sync(book.id, client=client) == book
assert list_books.sync(client=client).items == [book]
changed = update_author.sync(mary.id, client=client, body=AuthorChanges(name="M. Shelley"))
replaced = replace_book.sync(book.id, client=client, body=BookIn("The Last Man", mary.id))
assert (replaced.title, replaced.author) == ("The Last Man", changed)

refused = create_book.sync(client=client, body=BookIn("", 0))
assert isinstance(refused, Problem) and len(refused.errors) == 2
assert delete_author.sync(mary.id, client=client).status == 409
assert delete_book.sync_detailed(book.id, client=client).status_code == HTTPStatus.NO_CONTENT
assert get_book.sync(book.id, client=client).status == 404
log_out.sync_detailed(client=session)  # feature: auth
assert get_login.sync(client=session).status == 401  # feature: auth
"""


@pytest.fixture
def url(lasting):
    """Where the application is served."""
    server = make_server("localhost", 0, lasting, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("lasting", ["sqlite"], indirect=True)
def test_a_generated_client_walks_the_api(lasting, url, tmp_path):
    make_user(lasting, "editor")  # feature: auth
    generate = ["generate", "--meta=none", "--output-path=client", f"--url={url}/openapi.json"]
    generated = run("-m", "openapi_python_client", *generate, folder=tmp_path)
    assert "warning" not in generated.lower()
    run("-c", WALK, url, folder=tmp_path)


def run(*command, folder):
    """What Python prints, in an environment of its own that has the generator."""
    uv = [sys.executable, "-m", "uv", "run", "--no-project", "--quiet", "--with", GENERATOR]
    done = subprocess.run(
        [*uv, "--python", sys.executable, "python", *command],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_every_example_of_a_body_is_accepted_by_a_fresh_development_database(lasting):
    client = lasting.test_client()
    client = log_in(lasting, "admin", "editor")  # feature: auth
    with lasting.app_context():
        import_string(f"{lasting.import_name}.seed:fill")()
    paths = client.get("/openapi.json").json["paths"]
    tried = {
        described["operationId"]: client.open(
            path.replace("{id}", "1"), method=method.upper(), json=example(described)
        )
        for path, methods in paths.items()
        for method, described in methods.items()
        if "requestBody" in described
    }
    assert tried
    refused = {name: each.status_code for name, each in tried.items() if each.status_code >= 300}
    wrong_password = {}
    wrong_password = {"log_in": 401, "change_password": 403}  # feature: auth
    assert refused == wrong_password


def example(described):
    return described["requestBody"]["content"]["application/json"]["example"]
