"""What servers send back, read as an answer or as a failure; secrets stay out of every message."""

import asyncio
import gzip
import json
import socket
import sys
import threading
import zlib

import pytest
from chat_server import ChatServer, complete

from builders.core.errors import SARChatError
from builders.predict import bounded_http
from builders.predict.bounded_http import LONGEST_RESPONSE, find_fault
from builders.predict.client import ChatClient, RequestFailure, strip_credentials
from builders.predict.questions import Question

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
    line = answer.to_line("a", "hash")
    assert list(line) == [
        "id",
        "prediction",
        "finish_reason",
        "prompt_tokens",
        "completion_tokens",
        "latency_s",
        "image",
    ]


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
    line = answer.to_line("a", "hash")
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


class Hostile(ChatServer):
    """Sends what a test makes of the completion: a status, headers, and the parts of the body with pauses between."""

    def __init__(self, make, pause=0.0):
        super().__init__(lambda asked: "yes")
        self.make, self.pause, self.sent = make, pause, 0

    async def _respond(self, asked, number, writer):
        status, headers, parts = self.make(json.dumps(complete(asked, "yes")).encode())
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {status} Status\r\nConnection: close\r\n{head}\r\n".encode())
        for part in parts:
            writer.write(part)
            self.sent += len(part)
            await writer.drain()
            await asyncio.sleep(self.pause)
        return False


def endless(part):
    while True:
        yield part


BLANK = b" " * 2**20


@pytest.mark.parametrize(
    "make",
    [
        lambda whole: (200, {}, endless(BLANK)),
        lambda whole: (500, {}, endless(BLANK)),
        lambda whole: (200, {"Content-Length": str(2**40)}, endless(BLANK)),
        lambda whole: (200, {"Content-Encoding": "gzip"}, [gzip.compress(BLANK * 16 + whole)]),
        lambda whole: (200, {"Content-Encoding": "deflate"}, [zlib.compress(BLANK * 16 + whole)]),
        lambda whole: (200, {"Content-Encoding": "gzip, gzip"}, [gzip.compress(gzip.compress(whole))]),
        lambda whole: (200, {"Content-Encoding": "gzip"}, [b"no gzip"]),
    ],
)
def test_a_response_without_end_is_a_failure_and_not_repeated(make):
    with Hostile(make) as server:
        with pytest.raises(RequestFailure, match="response not read: it "):
            ask(server.url)
        assert len(server.requests) == 1
        # What was sent and not taken is in buffers of the system.
        assert server.sent < 4 * LONGEST_RESPONSE


@pytest.mark.parametrize(
    ("encoding", "pack"), [("identity", bytes), ("gzip", gzip.compress), ("Deflate", zlib.compress)]
)
def test_a_long_answer_comes_whole_packed_or_not(encoding, pack):
    # As long as may be, and hard to pack.
    def make(whole):
        return 200, {"Content-Encoding": encoding}, [pack(whole.ljust(LONGEST_RESPONSE))]

    with Hostile(make) as server:
        assert ask(server.url).text == "yes"
        assert server.requests[0].headers["accept-encoding"] == "identity"


def test_the_timeout_is_for_the_whole_request(impatient):
    # A byte now and then, each long before the timeout.
    with (
        Hostile(lambda whole: (200, {}, endless(b" ")), pause=0.01) as server,
        pytest.raises(RequestFailure, match="timeout: no answer within --timeout"),
    ):
        ask(server.url, timeout=0.04)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status):
    with ChatServer(lambda asked: "from elsewhere") as elsewhere:
        target = f"http://user:passw0rd@127.0.0.1:{elsewhere.port}/v1/chat/completions?sig=s3cret"
        with (
            Hostile(lambda whole: (status, {"Location": target}, [])) as server,
            pytest.raises(RequestFailure, match=f"status {status}") as error,
        ):
            ask(server.url)
        assert not elsewhere.requests
    assert error.value.is_final
    assert f"not followed: a redirect to http://***@127.0.0.1:{elsewhere.port}/v1/chat/completions?***" in str(
        error.value
    )


def test_no_cookie_is_kept():
    def make(whole):
        return 200, {"Set-Cookie": "session=1; Path=/", "Content-Length": str(len(whole))}, [whole]

    async def run(url):
        client = ChatClient(url, "m", system=None, timeout=30, parameters={})
        await client.ask(QUESTION)
        await client.ask(QUESTION)
        await client.close()

    with Hostile(make) as server:
        asyncio.run(run(server.url))
    assert len(server.requests) == 2 and not any("cookie" in asked.headers for asked in server.requests)


def test_an_answers_words_can_be_written_to_any_file():
    answer = answer_to(
        {"content": "\ud83d", "model": "\udc80" * 999, "finish_reason": "\ud83d\n\x1b[2J", "reasoning": "\udcff"}
    )
    json.dumps(answer._asdict(), ensure_ascii=False).encode("utf-8")
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("\ufffd", "\ufffd", "\ufffd \ufffd[2J")
    assert len(answer.server_model) == 200


def test_numbers_of_tokens_that_are_none_are_left_out():
    def make(whole):
        usage = {"prompt_tokens": 10**4000, "completion_tokens": -1}
        return 200, {}, [json.dumps({**json.loads(whole), "usage": usage}).encode()]

    with Hostile(make) as server:
        answer = ask(server.url)
    assert (answer.prompt_tokens, answer.completion_tokens) == (None, None)


def test_a_character_set_that_is_none_is_not_used():
    with (
        Hostile(lambda whole: (400, {"Content-Type": "text/plain; charset=hex"}, [b"No."])) as server,
        pytest.raises(RequestFailure, match="status 400"),
    ):
        ask(server.url)


KEYS = ("sk-very-secret-123", "p@ssw0rd", "path-k3y-0001", "extra-k3y-0002", "header-k3y-0003")


@pytest.mark.parametrize("place", ["content", "reasoning", "model", "finish_reason", "error"])
def test_a_secret_that_the_server_repeats_is_hidden(monkeypatch, place):
    monkeypatch.setenv("OPENAI_API_KEY", KEYS[0])
    said = f"You sent {' '.join(KEYS)}."
    extra = {"api_key": KEYS[3], "headers": {"Authorization": f"Bearer {KEYS[4]}"}}
    fault = 400 if place == "error" else None

    class Echo(ChatServer):
        async def _send(self, writer, status, content, **more):
            return await super()._send(writer, status, said.encode() if status == 400 else content, **more)

    with Echo(lambda asked: {"content": "x", place: said}, lambda number: fault) as server:
        url = server.url.replace("http://", "http://alice:p%40ssw0rd@").replace("/v1", f"/{KEYS[2]}/v1")
        try:
            answer = ask(url, extra_body=extra)
            assert answer.exposed
            told = repr(answer)
        except RequestFailure as failure:
            told = str(failure)
        assert server.requests[0].body["api_key"] == KEYS[3]
    assert "You sent *** *** *** *** ***" in told
    assert not any(key in told for key in KEYS)
    assert strip_credentials(url) == server.url.replace("/v1", "/***/v1")


def test_an_answer_with_the_words_of_a_short_key_is_unchanged(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "ship")
    answer = answer_to("There is 1 ship.")
    assert (answer.text, answer.exposed) == ("There is 1 ship.", False)


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        yield listening


def url_of(listener):
    return f"http://127.0.0.1:{listener.getsockname()[1]}/v1/models"


def test_a_server_that_says_nothing_is_there(listener, monkeypatch):
    monkeypatch.setattr(bounded_http, "_READ_SECONDS", 0.05)
    assert find_fault(url_of(listener)) is None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse what Linux leaves without a reply")
def test_an_address_without_a_reply_is_no_server(listener, monkeypatch):
    monkeypatch.setattr(bounded_http, "_CONNECT_SECONDS", 0.05)
    # As many as the queue takes; nobody accepts them.
    with socket.create_connection(listener.getsockname()), socket.socket() as second:
        second.setblocking(False)
        second.connect_ex(listener.getsockname())
        assert "ConnectTimeout" in repr(find_fault(url_of(listener)))


def test_a_tunnel_without_a_server_behind_it_is_no_server(listener):
    def drop():
        for _ in range(2):
            listener.accept()[0].close()

    threading.Thread(target=drop, daemon=True).start()
    assert find_fault(url_of(listener)) is not None


def spelled(*tokens: str) -> dict:
    """Token probabilities as OpenAI's API has them; each is a hundredth less likely than the one before."""
    return {
        "content": [
            {"token": token, "logprob": -0.01 * number, "bytes": list(token.encode()), "top_logprobs": []}
            for number, token in enumerate(tokens)
        ]
    }


TOKENS = ("Schiff", "é", " {<", "12", ">", "<", "3", "4>", "}")
TEXT = "".join(TOKENS)


@pytest.mark.parametrize(
    "tokens",
    [TOKENS, ("I count 2.", *TOKENS), (*TOKENS, "<|im_end|>"), ("{<12>", *TOKENS, "")],
    ids=["alone", "after reasoning", "before an end", "after the same numbers"],
)
def test_the_probabilities_of_numbers_are_kept_with_their_places(tokens):
    answer = answer_to({"content": TEXT, "logprobs": spelled(*tokens)})
    shift = tokens.index("Schiff")
    assert [TEXT[start:end] for start, end, _ in answer.logprobs] == ["12", "3", "4>"]
    assert [logprob for _, _, logprob in answer.logprobs] == pytest.approx([-0.01 * (shift + n) for n in (3, 6, 7)])
    assert [len(entry) for entry in answer.to_line("a", "hash")["logprobs"]] == [3, 3, 3]


def test_a_character_of_several_tokens_moves_no_place():
    parts = ["\U0001f6a2".encode()[:2], "\U0001f6a2".encode()[2:], b" 7"]
    found = {"content": [{"token": "?", "bytes": [*part], "logprob": -0.5} for part in parts]}
    answer = answer_to({"content": "\U0001f6a2 7", "logprobs": found})
    assert answer.logprobs == [(1, 3, -0.5)]


@pytest.mark.parametrize(
    "found",
    [
        None,
        {"content": None},
        {"content": [{"token": "other"}]},
        {"content": [{"token": TEXT, "logprob": "high"}]},
        {"content": [{"token": TEXT, "logprob": 1.5}]},
        {"content": ["12"]},
        "none",
        spelled(*TOKENS[:-1]),
    ],
)
def test_probabilities_that_do_not_belong_to_the_answer_are_not_kept(found):
    answer = answer_to({"content": TEXT, "logprobs": found})
    assert answer.logprobs is None and "logprobs" not in answer.to_line("a", "hash")


def test_a_text_in_which_a_secret_was_hidden_has_no_probabilities(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-1234567890")
    text = "my key is sk-secret-1234567890, 12"
    answer = answer_to({"content": text, "logprobs": spelled(text)})
    assert answer.exposed and answer.logprobs is None
