"""What the tests of `sarchat predict` share."""

import ssl
from functools import cache

import pytest
from asked_models import Gold
from built_fixture import small_build


@pytest.fixture(scope="session")
def gold():
    return Gold(small_build())


@pytest.fixture
def impatient(monkeypatch):
    """The client's own retries with a fiftieth of its waits."""
    base_client = pytest.importorskip("openai._base_client")
    monkeypatch.setattr(base_client, "INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr(base_client, "MAX_RETRY_DELAY", 0.16)


@pytest.fixture(autouse=True, scope="session")
def certificates_read_once():
    """Each client reads all certificates, though the servers here need none: it takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
