"""No token, password or signature is printed, whichever way it got into a command."""

from __future__ import annotations

import string

import pytest
from built_fixture import sample_build
from hypothesis import given
from hypothesis import strategies as st
from support import refusal

from builders.core.errors import SARChatError, Secrets, redact, split_secrets

SECRET = "Sw0rdf1shSw0rdf1sh"
words = st.text(string.ascii_letters + string.digits, min_size=1, max_size=12)
passwords = st.text(string.ascii_letters + string.digits + "!$&()*+,;=:%-._~@/", max_size=20).map(
    lambda text: f"{SECRET}{text}"
)


@given(words, words, passwords, words)
def test_password_of_a_url_is_hidden(scheme, user, password, path):
    shown = redact(f"cannot open h{scheme}://{user}:{password}@host.org/{path}/a.zip: no answer; check the URL")
    assert SECRET not in shown
    assert shown.endswith("no answer; check the URL")


@given(words, passwords)
def test_query_of_a_url_is_hidden(path, signature):
    shown = redact(f"cannot read https://host.org/{path}.zip?x=1&Signature={signature} (403)")
    assert shown == f"cannot read https://host.org/{path}.zip?*** (403)"
    assert SECRET not in redact(f"Max retries exceeded with url: /{path}?Signature={signature}")


@pytest.mark.parametrize(
    "text",
    [
        f"Illegal header value b'Bearer hf_{SECRET}\\x0b{SECRET}'",
        f"Authorization: Basic {SECRET}",
        f"Incorrect API key provided: sk-{SECRET}.",
        f"zip://Annotations/train.json::https://user:{SECRET}@host.org/a.zip?key={SECRET}",
        f"https://{SECRET}@host.org:8080/a",
    ],
)
def test_secret_is_hidden(text):
    assert SECRET not in redact(text)
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "hf://datasets/owner/name@main/a.zip",
        "https://huggingface.co/datasets/a/b",
        "http://localhost:8080/a@b",
        "tell user@host.org; is that right?",
        "folder/a.json, line 3: id 'referring/test/0000026/0' is not known",
        "C:\\data\\a.zip",
    ],
)
def test_what_holds_no_secret_stays(text):
    assert redact(text) == text


def test_every_error_is_redacted():
    assert SECRET not in str(SARChatError(f"no file at https://me:{SECRET}@host.org/a"))


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{SECRET}@127.0.0.1:1/SARDet_100K",
        f"https://127.0.0.1:1/SARDet_100K.zip?Signature={SECRET}",
        f"unknown://me:{SECRET}@host/a",
        f"https://me:{SECRET}/x@127.0.0.1:1/a.zip",
        f"zip://a::https://me:{SECRET}@127.0.0.1:1/a.zip",
    ],
)
def test_source_shows_no_secret(tmp_path, capsys, url):
    assert SECRET not in refusal(capsys, "build", url, "--out", tmp_path / "out")


@pytest.mark.parametrize("strange", ["\x0b", "\u200b", "\x00", "é", "\n", " "])
def test_token_with_a_strange_character_is_not_shown(capsys, monkeypatch, strange):
    monkeypatch.setattr("builders.hub.publish.get_token", lambda: f"hf_{SECRET}{strange}{SECRET}")
    line = refusal(capsys, "push", "dataset", sample_build(("counting",), ("test",)), "owner/name")
    assert "token" in line and SECRET not in line


@pytest.mark.slow
def test_password_of_the_endpoint_is_not_shown(capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://me:{SECRET}@127.0.0.1:1")
    monkeypatch.setattr("builders.hub.publish._WAITS", ())
    monkeypatch.setattr("builders.hub.publish.get_token", lambda: f"hf_{SECRET}")
    line = refusal(capsys, "push", "dataset", sample_build(("counting",), ("test",)), "owner/name")
    assert SECRET not in line


@pytest.mark.parametrize(
    "name",
    "api_key apiKey API-KEY x-api-key key Authorization access_token clientSecret password cookie auth".split(),
)
def test_a_value_under_the_name_of_a_secret_is_hidden(name):
    shown, found = split_secrets({"options": [{name: SECRET, "top_k": 1}, {name: {"inner": ["a", 2]}}]})
    assert shown == {"options": [{name: "***", "top_k": 1}, {name: {"inner": ["***", 2]}}]}
    assert SECRET in found


def test_settings_of_a_model_are_no_secrets():
    settings = {
        "max_tokens": 5,
        "eos_token": "</s>",
        "stop_token_ids": [1],
        "skip_special_tokens": False,
        "keys": ["a"],
    }
    assert split_secrets(settings) == (settings, [])
    shown, found = split_secrets({"headers": {"X-Custom": f"Bearer {SECRET}"}, "hook": f"https://u:{SECRET}@h/x"})
    assert shown == {"headers": {"X-Custom": "Bearer ***"}, "hook": "https://***@h/x"}
    assert SECRET in found


def test_a_known_secret_is_hidden_and_a_short_one_only_in_messages():
    secrets = Secrets(["", "abc", "ship", f"{SECRET}-long", SECRET])
    assert secrets.hide(f"{SECRET}-long {SECRET} ship abc") == "*** *** *** abc"
    assert secrets.hide_in_answer(f"{SECRET}-long {SECRET} ship abc") == "*** *** ship abc"
