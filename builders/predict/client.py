"""Requests to a server with OpenAI's chat completions API, and their responses."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

import openai

from builders.core.errors import SARChatError, Secrets, one_line, split_secrets
from builders.core.resources import load_json
from builders.predict.bounded_http import UNBOUNDED, BoundedClient, find_fault
from builders.predict.questions import Question

KEY_VARIABLE = "OPENAI_API_KEY"
# The client requires a key; local servers ignore it.
_NO_KEY = "none"
# The client's own retries, with its back-off and the server's `Retry-After`: about 40 seconds in all.
_RETRIES = 8
_CONNECT_SECONDS = 10.0
_LONGEST_MESSAGE = 200
# Above real numbers of tokens, and with few digits.
_LARGEST_COUNT = 10**12
# Servers write minus infinity as a large number, or not at all.
_LOWEST_LOGPROB = -9999.0
# Usual parts of a server's path; any other part may be a key, and is not shown.
_PATH_PARTS = re.compile(r"(v\d+(beta)?|api|openai|inference|compatible-mode|paas|llm|models|chat|)")


# Texts of an answer that are a word or a name: one short line.
_WORDS = ("finish_reason", "server_model")


class Answer(NamedTuple):
    """The response of a model.

    Attributes:
        text: the answer; empty if the model gave none or refused.
        refused: whether it refused, or its answer was filtered.
        finish_reason: why it ended: `stop`, `length`, ...; `None` if the server does not say.
        prompt_tokens: tokens of the question with its image; `None` if the server does not say.
        completion_tokens: tokens of the answer; `None` if the server does not say.
        latency: seconds from the successful request to its response, without earlier tries and waits.
        reasoning: the model's reasoning, if the server returns it separately; else empty.
        server_model: the model's name as given by the server.
        retries: the number of failed requests before.
        exposed: whether the response repeated a secret, which was replaced.
        logprobs: of each token of the answer that has a digit, where it starts and ends in `text`, and the logarithm of
            its probability; `None` if they are not known.
    """

    text: str
    refused: bool
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    latency: float
    reasoning: str
    server_model: str
    retries: int
    exposed: bool = False
    logprobs: Sequence[tuple[int, int, float]] | None = None

    def cleaned(self, secrets: Secrets) -> Answer:
        """Return the answer with texts that any file can hold, without secrets."""
        texts = {name: value for name, value in self._asdict().items() if isinstance(value, str)}
        # JSON allows lone surrogates, which a text file cannot contain.
        plain = {name: _replace_surrogates(text) for name, text in texts.items()}
        hidden: dict[str, Any] = {name: secrets.hide_in_answer(text) for name, text in plain.items()}
        words = {name: _shorten(one_line(hidden[name])) for name in _WORDS if name in hidden}
        # The places in a text that was changed are unknown.
        logprobs = self.logprobs if hidden["text"] == self.text else None
        return self._replace(**hidden | words, exposed=hidden != plain, logprobs=logprobs)

    def to_line(self, record_id: str, image_hash: str) -> dict[str, Any]:
        """Return the line of the answers file; the hash is that of the image's file."""
        line: dict[str, Any] = {
            "id": record_id,
            "prediction": self.text,
            "finish_reason": self.finish_reason,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "latency_s": round(self.latency, 3),
            "image": image_hash,
        }
        if self.logprobs is not None:
            line["logprobs"] = [[start, end, round(logprob, 6)] for start, end, logprob in self.logprobs]
        return {**line, "reasoning": self.reasoning} if self.reasoning else line


class RequestFailure(Exception):
    """A question without an answer.

    Attributes:
        kind: the kind of failure, in the same words for all failures of that kind.
        message: the error of the server or the network, without secrets.
        is_final: whether no other question can succeed either, for example because of a wrong key or model.
        is_of_image: whether it may be caused by the question's image, so that another image may succeed.
    """

    def __init__(self, kind: str, message: str, *, is_final: bool = False, is_of_image: bool = False) -> None:
        """Set all attributes."""
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind = kind
        self.message = message
        self.is_final = is_final
        self.is_of_image = is_of_image


class ChatClient:
    """Client for one model on one server.

    Attributes:
        public_url: the server's address without secrets, see `strip_credentials`.
        secrets: the key, and what may be one in the address and the parameters.
    """

    def __init__(
        self, base_url: str, model: str, *, system: str | None, timeout: float, parameters: Mapping[str, Any]
    ) -> None:
        """Set the server and the model without sending anything.

        Args:
            base_url: the address that `/chat/completions` is appended to.
            model: the model's name.
            system: the system message, if any.
            timeout: seconds within which a request must have its whole answer, or it counts as failed.
            parameters: further arguments of each request.

        Raises:
            SARChatError: if the address is not an HTTP URL.
        """
        key = os.environ.get(KEY_VARIABLE, "").strip()
        self.public_url = strip_credentials(base_url)
        self.secrets = Secrets([key, *split_secrets(parameters)[1], *_list_secrets(base_url)])
        self._base_url = base_url
        self._system: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
        self._parameters = {"model": model, **parameters}
        self._client = openai.AsyncOpenAI(
            api_key=key or _NO_KEY,
            base_url=base_url,
            max_retries=_RETRIES,
            timeout=openai.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS)),
            http_client=BoundedClient(timeout),
        )

    def check_server(self) -> None:
        """Check that a server answers at the address, whatever it answers.

        Raises:
            SARChatError: if none does within a few seconds.
        """
        fault = find_fault(f"{self._base_url.rstrip('/')}/models")
        if fault is not None:
            raise SARChatError(
                f"no server answers at {self.public_url} ({self._tidy(_innermost(fault))}); start it, or correct "
                "--base-url"
            )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(self, question: Question) -> Answer:
        """Ask one question.

        Raises:
            RequestFailure: if there is no answer after all retries.
        """
        content: list[Any] = [
            {"type": "image_url", "image_url": {"url": question.image_url}},
            {"type": "text", "text": question.text},
        ]
        messages: list[Any] = [*self._system, {"role": "user", "content": content}]
        try:
            # Raw, because the responses of servers are looser than the package's types.
            response = await self._client.chat.completions.with_raw_response.create(
                messages=messages, **self._parameters
            )
        except openai.APITimeoutError as error:
            raise RequestFailure("timeout", "no answer within --timeout") from error
        except openai.APIConnectionError as error:
            raise RequestFailure("no connection", self._tidy(_innermost(error))) from error
        except openai.APIStatusError as error:
            raise self._explain_status(error) from error
        try:
            answer = _read_completion(
                response.content, response.elapsed.total_seconds(), getattr(response, "retries_taken", 0)
            )
        except ValueError as error:
            raise RequestFailure("no chat completion", self._tidy(f"{error}: {response.text}")) from error
        return answer.cleaned(self.secrets)

    def _explain_status(self, error: openai.APIStatusError) -> RequestFailure:
        status = error.status_code
        if reason := error.response.extensions.get(UNBOUNDED):
            return RequestFailure("response not read", reason)
        if target := error.response.headers.get("location") if 300 <= status < 400 else None:
            # Following it would send image and key to a server that the user did not choose.
            message = f"not followed: a redirect to {target}"
            return RequestFailure(f"status {status}", self._tidy(message), is_final=True)
        said = error.body if isinstance(error.body, str) else ""
        return RequestFailure(
            f"status {status}",
            self._tidy(error.message if said in error.message else f"{error.message} - {said}"),
            is_final=status in (401, 403, 404, 405),
            is_of_image=status in (400, 413, 422),
        )

    def _tidy(self, text: object) -> str:
        """Shorten a message to one line without secrets and tags."""
        # Secrets first: a part of one could be left at the cut end.
        start = self.secrets.hide_in_answer(str(text))[: 10 * _LONGEST_MESSAGE]
        return _shorten(self.secrets.hide(one_line(re.sub(r"<[^>]*>", " ", start))))


def _shorten(line: str) -> str:
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[: _LONGEST_MESSAGE - 3]}..."


def strip_credentials(base_url: str) -> str:
    """Return an address without user and password, and with `***` for parts of its path that may be a key.

    Raises:
        SARChatError: if it is not an HTTP URL or has a query.
    """
    try:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        netloc = host if parts.port is None else f"{host}:{parts.port}"
    except ValueError as error:
        raise SARChatError(
            "--base-url must be an address such as http://localhost:8000/v1: http or https, a host, and no query"
        ) from error
    path = "/".join(part if _PATH_PARTS.fullmatch(part) else "***" for part in parts.path.rstrip("/").split("/"))
    return urlunsplit((parts.scheme, netloc, path, "", ""))


def _list_secrets(base_url: str) -> list[str]:
    parts = urlsplit(base_url)
    credentials = [text for text in (parts.username, parts.password) if text]
    plain = [unquote(text) for text in credentials]
    # In the form of the header `Authorization`.
    encoded = base64.b64encode(":".join(plain).encode()).decode() if plain else ""
    in_path = [part for part in parts.path.split("/") if not _PATH_PARTS.fullmatch(part)]
    return [encoded, *credentials, *plain, *in_path, *map(unquote, in_path)]


def _innermost(error: BaseException) -> str:
    """Return the message of the root cause of a broken connection."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _read_completion(content: bytes, latency: float, retries: int) -> Answer:
    """Read the body of a response.

    Raises:
        ValueError: if it is not a chat completion.
    """
    try:
        body = load_json(content)
    except ValueError as error:
        raise ValueError("the answer is not JSON") from error
    if not isinstance(body, dict):
        raise ValueError("the answer is not a JSON object")
    if body.get("error"):
        raise ValueError("the answer is an error")
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    if not isinstance(message, dict):
        raise ValueError("the answer has no message")
    text = _join_parts(message.get("content"))
    refusal = message.get("refusal")
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Answer(
        text=text,
        refused=bool(refusal) or choice.get("finish_reason") == "content_filter",
        finish_reason=_text_or_none(choice.get("finish_reason")),
        prompt_tokens=_int_or_none(usage.get("prompt_tokens")),
        completion_tokens=_int_or_none(usage.get("completion_tokens")),
        latency=latency,
        reasoning=_join_parts(message.get("reasoning_content") or message.get("reasoning")),
        server_model=_text_or_none(body.get("model")) or "",
        retries=retries,
        logprobs=_read_logprobs(choice.get("logprobs"), text),
    )


def _read_logprobs(found: object, text: str) -> list[tuple[int, int, float]] | None:
    """Return the tokens of a text that have a digit, see `Answer.logprobs`.

    A server may return tokens of reasoning before those of the answer, and tokens that show nothing after them. If the
    tokens do not spell the text, it is not known which belongs where.
    """
    content = found.get("content") if isinstance(found, dict) else None
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        return None
    tokens = [(_token_bytes(entry), entry.get("logprob")) for entry in content]
    spelled, wanted = b"".join(token for token, _ in tokens), text.encode("utf-8", "surrogatepass")
    # The last occurrence: an answer follows its reasoning.
    at = -spelled.rfind(wanted) if wanted else 1
    if at > 0:
        return None
    kept = []
    for token, logprob in tokens:
        start, at = at, at + len(token)
        if any(48 <= byte <= 57 for byte in token) and 0 <= start and at <= len(wanted):
            if type(logprob) not in (int, float) or not logprob <= 0:
                return None
            first, last = (len(wanted[:place].decode("utf-8", "ignore")) for place in (start, at))
            kept.append((first, last, float(max(logprob, _LOWEST_LOGPROB))))
    return kept


def _token_bytes(entry: Mapping[str, Any]) -> bytes:
    """Return the bytes of a token; a server may give only its text, in which part of a character cannot be shown."""
    listed, token = entry.get("bytes"), entry.get("token")
    if isinstance(listed, list) and all(type(byte) is int and 0 <= byte < 256 for byte in listed):
        return bytes(listed)
    return token.encode("utf-8", "surrogatepass") if isinstance(token, str) else b""


def _join_parts(content: object) -> str:
    """Return a message's text: a string, nothing, or a list of parts with `text`.

    Raises:
        ValueError: if it is none of these.
    """
    if content is None:
        return ""
    if isinstance(content, Sequence) and not isinstance(content, str):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    if not isinstance(content, str):
        raise ValueError("the message is not text")
    return content


def _replace_surrogates(text: str) -> str:
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _int_or_none(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= _LARGEST_COUNT else None
