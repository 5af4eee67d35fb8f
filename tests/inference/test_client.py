"""What servers send back, read as an answer or as a failure; secrets stay out of every message."""

import asyncio
import json

import pytest
from chat_server import ChatServer

from builders.errors import SARChatError
from builders.inference.client import ChatClient, RequestFailure, strip_credentials
from builders.inference.questions import Question

QUESTION = Question("referring/test/1/0", "[refer] Where?", "1.png", "data:image/png;base64,AAAA")


def ask(url, timeout=30.0, **options):
    async def run():
        client = ChatClient(url, "m", system=options.pop("system", None), timeout=timeout, parameters=options)
        try:
            return await client.ask(QUESTION)
        finally:
            await client.close()

    return asyncio.run(run())


def answer_to(reply, fault=lambda number: None):
    with ChatServer(lambda asked: reply, fault) as server:
        return ask(server.url)


def test_an_answer_with_all_its_figures():
    answer = answer_to({"content": "There are 2 ships.", "finish_reason": "length", "model": "served"})
    assert answer.text == "There are 2 ships."
    assert (answer.finish_reason, answer.refused, answer.server_model) == ("length", False, "served")
    assert (answer.prompt_tokens, answer.completion_tokens, answer.retries) == (300, 12, 0)
    assert 0 <= answer.latency < 30
    line = answer.to_line("a")
    assert list(line) == ["id", "prediction", "finish_reason", "prompt_tokens", "completion_tokens", "latency_s"]


def test_the_image_comes_first_and_the_options_are_sent():
    with ChatServer(lambda asked: "") as server:
        ask(server.url, system="Be brief.", temperature=0.5, max_tokens=7, extra_body={"top_k": 1})
    (asked,) = server.requests
    assert asked.path == "/v1/chat/completions"
    assert asked.body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    {"type": "text", "text": "[refer] Where?"},
                ],
            },
        ],
        "temperature": 0.5,
        "max_tokens": 7,
        "top_k": 1,
    }


@pytest.mark.parametrize(
    ("reply", "text", "refused", "reasoning"),
    [
        ({"content": None}, "", False, ""),
        ({"content": ""}, "", False, ""),
        ({}, "", False, ""),
        ({"content": None, "refusal": "I cannot help with that."}, "", True, ""),
        ({"content": "", "finish_reason": "content_filter"}, "", True, ""),
        ({"content": "2", "reasoning_content": "I count 2."}, "2", False, "I count 2."),
        ({"content": "2", "reasoning": "I count 2."}, "2", False, "I count 2."),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab", False, ""),
        ({"content": "half \ud83d of a pair"}, "half � of a pair", False, ""),
        ({"content": "Schiff \U0001f6a2 é"}, "Schiff \U0001f6a2 é", False, ""),
    ],
)
def test_what_counts_as_an_answer(reply, text, refused, reasoning):
    answer = answer_to(reply)
    assert (answer.text, answer.refused, answer.reasoning) == (text, refused, reasoning)
    line = answer.to_line("a")
    assert line["prediction"] == text and line.get("reasoning", "") == reasoning
    json.dumps(line, ensure_ascii=False).encode("utf-8")


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("page", "no chat completion", "Gateway The service is starting."),
        ("not JSON", "no chat completion", "not JSON"),
        ("no choices", "no chat completion", "no message"),
        (400, "status 400", "it failed for"),
        (401, "status 401", "it failed for"),
        (404, "status 404", "it failed for"),
    ],
)
def test_what_counts_as_a_failure(fault, kind, message):
    with pytest.raises(RequestFailure) as error:
        answer_to("", lambda number: fault)
    assert error.value.kind == kind and message in error.value.message
    assert error.value.is_final is (fault in (401, 404))
    assert error.value.is_of_image is (fault == 400)


@pytest.mark.parametrize("content", [3, {"text": "a"}, True])
def test_a_message_of_another_type_is_a_failure(content):
    with pytest.raises(RequestFailure, match="no chat completion: the message is not text"):
        answer_to({"content": content})


@pytest.mark.parametrize("fault", ["busy", "busy, no hint", "failing", "cut off", "cut in half"])
def test_the_client_repeats_what_may_succeed(impatient, fault):
    answer = answer_to("yes", lambda number: fault if number < 3 else None)
    assert (answer.text, answer.retries) == ("yes", 3)


def test_a_request_is_not_repeated_for_ever(impatient):
    with ChatServer(lambda asked: "", lambda number: "failing") as server:
        with pytest.raises(RequestFailure, match="status 500"):
            ask(server.url)
        assert len(server.requests) == 9


def test_a_server_that_hangs(impatient):
    with pytest.raises(RequestFailure, match="timeout"), ChatServer(lambda asked: "", lambda number: "hang") as server:
        ask(server.url, timeout=0.05)
    # On a busy machine a request may time out before the server has read it.
    assert 1 < len(server.requests) <= 9


def test_a_server_that_is_not_there(impatient):
    with ChatServer(lambda asked: "") as server:
        port = server.port
    with pytest.raises(RequestFailure, match="no connection: ConnectionRefusedError"):
        ask(f"http://127.0.0.1:{port}/v1")


def test_the_key_is_sent_and_never_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-123")
    with ChatServer(lambda asked: "", lambda number: 403) as server:
        with pytest.raises(RequestFailure) as error:
            ask(server.url)
        assert server.requests[0].headers["authorization"] == "Bearer sk-very-secret-123"
    assert "it failed for Bearer ***" in error.value.message
    assert "secret" not in str(error.value)


def test_credentials_in_the_address_are_sent_and_never_shown():
    with ChatServer(lambda asked: "", lambda number: 403) as server:
        url = server.url.replace("http://", "http://alice:p%40ssw0rd@")
        with pytest.raises(RequestFailure) as error:
            ask(url)
        # Base64 of alice:p@ssw0rd.
        assert server.requests[0].headers["authorization"] == "Basic YWxpY2U6cEBzc3cwcmQ="
        assert strip_credentials(url) == server.url
    assert "ssw0rd" not in str(error.value) and "YWxpY2U6" not in str(error.value)


@pytest.mark.parametrize(
    "url", ["localhost:8000/v1", "ftp://host/v1", "http://", "", "http://h/v1?key=secret", "http://h:port/v1"]
)
def test_an_address_that_is_none_is_refused_without_showing_it(url):
    with pytest.raises(SARChatError, match="--base-url must be an address such as") as error:
        strip_credentials(url)
    assert "secret" not in str(error.value)
