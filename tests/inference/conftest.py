"""What the tests of `sarchat predict` share."""

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


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
