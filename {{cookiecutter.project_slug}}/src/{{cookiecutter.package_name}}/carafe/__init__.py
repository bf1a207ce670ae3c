"""A small library for JSON APIs on Flask.

It is yours: read it, change it, delete what you do not need. It imports nothing above itself, and
the extensions in ``ext`` do not import each other.
"""

from .app import FlaskCarafe as FlaskCarafe
from .app import logger as logger
from .app import Response as Response
from .request import Request as Request
from .testing import Client as Client
from .testing import JSONClient as JSONClient
