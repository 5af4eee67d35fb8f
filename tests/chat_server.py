"""A server with OpenAI's chat completions on loopback: it gives the answers it is set to give, with faults on demand.

Run as a program, it answers every question with the same words, quickly; that is what the benchmark measures against.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

FAULTS = ("busy", "busy, no hint", "failing", "cut off", "cut in half", "slow", "not JSON", "page", "no choices")
# What the client cannot repeat by itself: these come with status 200.
LOST = ("not JSON", "page", "no choices")
PAGE = b"<html><head><title>Gateway</title></head><body>The service is starting.</body></html>"


@dataclass
class Asked:
    """A request as it came in."""

    body: dict[str, Any]
    headers: dict[str, str]
    path: str

    @property
    def content(self) -> list[dict[str, Any]]:
        return self.body["messages"][-1]["content"]

    @property
    def question(self) -> str:
        return self.content[1]["text"]

    @property
    def media_type(self) -> str:
        return self.content[0]["image_url"]["url"].partition(";")[0].removeprefix("data:")

    @property
    def image(self) -> bytes:
        return self.image_of(self.content[0])

    @staticmethod
    def image_of(part: dict[str, Any]) -> bytes:
        return base64.b64decode(part["image_url"]["url"].partition(",")[2], validate=True)


class ChatServer:
    """Answers with what `answer` returns: a text, or a dict that replaces fields of the completion's message.

    `fault` gets the number of the request, from 0, and returns one of `FAULTS`, a status, or `None` for none.
    """

    def __init__(
        self,
        answer: Callable[[Asked], str | dict | None],
        fault: Callable[[int], str | int | None] = lambda number: None,
        delay: float = 0.0,
    ) -> None:
        self.answer, self.fault, self.delay = answer, fault, delay
        self.requests: list[Asked] = []
        self.most_at_a_time = 0
        self._at_a_time = 0

    def __enter__(self) -> ChatServer:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(started)), daemon=True)
        self._thread.start()
        started.wait()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _run(self, started: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**26)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._stop.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
                }
                if head[0].startswith("GET "):
                    # What asks whether the server is there.
                    await self._send(writer, 404, b"")
                    continue
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                asked = Asked(json.loads(body), headers, head[0].split()[1])
                self.requests.append(asked)
                self._at_a_time += 1
                self.most_at_a_time = max(self.most_at_a_time, self._at_a_time)
                try:
                    goes_on = await self._respond(asked, len(self.requests) - 1, writer)
                finally:
                    self._at_a_time -= 1
                if not goes_on:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _respond(self, asked: Asked, number: int, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(self.delay)
        fault = self.fault(number)
        if fault == "slow":
            await asyncio.sleep(0.2)
        elif fault == "hang":
            await asyncio.sleep(3600)
        elif fault == "cut off":
            return False
        elif fault in ("busy", "busy, no hint"):
            hint = {"Retry-After-Ms": "20"} if fault == "busy" else {}
            return await self._send(writer, 429, b'{"error": {"message": "too many requests"}}', **hint)
        elif fault == "failing" or isinstance(fault, int):
            said = {"error": {"message": f"it failed for {asked.headers.get('authorization', '')}"}}
            return await self._send(writer, fault if isinstance(fault, int) else 500, json.dumps(said).encode())
        elif fault == "page":
            return await self._send(writer, 200, PAGE, **{"Content-Type": "text/html"})
        elif fault == "not JSON":
            return await self._send(writer, 200, b'{"choices": [{"message": {"content": "It ')
        elif fault == "no choices":
            return await self._send(writer, 200, b'{"id": "1", "choices": []}')
        try:
            content = json.dumps(complete(asked, self.answer(asked))).encode()
        except Exception as error:
            said = {"error": {"message": f"the test's model cannot answer: {error!r}"}}
            return await self._send(writer, 401, json.dumps(said).encode())
        if fault == "cut in half":
            await self._send(writer, 200, content, half=True)
            return False
        return await self._send(writer, 200, content)

    async def _send(
        self, writer: asyncio.StreamWriter, status: int, content: bytes, *, half: bool = False, **more: str
    ) -> bool:
        headers = {"Content-Type": "application/json", "Content-Length": str(len(content)), **more}
        head = f"HTTP/1.1 {status} Status\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(head.encode() + b"\r\n" + (content[: len(content) // 2] if half else content))
        await writer.drain()
        return True


def complete(asked: Asked, answer: str | dict | None) -> dict[str, Any]:
    """A chat completion as vLLM writes it."""
    fields = answer if isinstance(answer, dict) else {"content": answer}
    choice = {
        "index": 0,
        "finish_reason": fields.pop("finish_reason", "stop"),
        "logprobs": fields.pop("logprobs", None),
    }
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": fields.pop("model", asked.body["model"]),
        "choices": [{**choice, "message": {"role": "assistant", "refusal": None, **fields}}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 12, "total_tokens": 312},
    }


def at_random(seed: int, shares: dict[str, float]) -> Callable[[int], str | None]:
    """Faults by chance: each request has each fault with its share of all requests."""
    rng = random.Random(seed)

    def draw(number: int) -> str | None:
        point = rng.random()
        for fault, share in shares.items():
            point -= share
            if point < 0:
                return fault
        return None

    return draw


if __name__ == "__main__":
    with ChatServer(lambda asked: "There is 1 instance. {<10><10><50><50>}", delay=float(sys.argv[1])) as running:
        # Nothing is kept of a request: the memory of long runs is the client's affair.
        running.requests = type("Nothing", (list,), {"append": lambda self, value: None, "__len__": lambda self: 1})()
        print(running.url, flush=True)
        sys.stdin.read()
