import json
import re
from base64 import b64encode
from hashlib import sha256
from urllib.parse import urljoin

import pytest
from carafe import FlaskCarafe
from carafe import openapi


@pytest.fixture
def client():
    app = FlaskCarafe("shop")
    openapi.init_app(app)
    return app.test_client()


def test_the_page_and_its_assets_come_from_the_app(client):
    page = client.get("/docs/")
    found = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assets = [urljoin("/docs/", asset) for asset in found]
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert len(assets) >= 5
    assert all(asset.startswith("/docs/") for asset in assets)
    assert {client.get(asset, buffered=True).status_code for asset in assets} == {200}


def test_the_page_shows_this_document_and_calls_no_validator(client):
    [config] = re.findall("user_config = ({.*?});", client.get("/docs/").text)
    assert json.loads(config) == {
        "dom_id": "#swagger-ui",
        "url": "../openapi.json",
        "layout": "StandaloneLayout",
        "deepLinking": True,
        "validatorUrl": None,
        "oauth2RedirectUrl": "./oauth2-redirect.html",
    }


def test_the_page_names_no_host(client):
    assert not re.findall(r"//([\w.-]+\.?\w+)[/\":]", client.get("/docs/").text)


def test_the_page_may_load_its_own_files_run_the_script_in_it_and_call_the_api(client):
    page = client.get("/docs/")
    (script,) = re.findall(r"(?s)<script>(.*?)</script>", page.text)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = page.headers["Content-Security-Policy"]
    assert dict(each.split(" ", 1) for each in policy.split("; ")) == {
        "default-src": "'none'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "script-src": f"'self' 'sha256-{digest}'",
        "style-src": "'self' 'unsafe-inline'",
    }
    with client.get("/docs/oauth2-redirect.html") as file:
        assert "script-src 'self' ;" in file.headers["Content-Security-Policy"]


def test_the_page_is_found_without_its_slash(client):
    assert client.get("/docs").location.endswith("/docs/")


def test_an_asset_that_is_not_there_is_a_404(client):
    for path in ["/docs/nothing.js", "/docs/../__init__.py", "/docs/%2e%2e/__init__.py"]:
        assert client.get(path).status_code == 404
