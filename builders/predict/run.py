"""Concurrent requests: answers are written as they arrive, and failures are counted."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice

from tqdm import tqdm

from builders.core.signals import active_handlers
from builders.predict.answers import AnswersFile
from builders.predict.client import Answer, ChatClient, RequestFailure
from builders.predict.questions import Question

# With 8 retries each, this many consecutive failures are not a coincidence.
_MOST_FAILURES_IN_A_ROW = 5
_UNREADABLE_IMAGE = "unreadable image"


@dataclass
class Tally:
    """The counts of a run.

    Attributes:
        answered: questions with an answer, including empty ones and refusals.
        empty: answers without text.
        refused: refusals and filtered answers.
        cut_off: answers that ended at the token limit.
        exposed: answers that repeated a secret, which was replaced.
        prompt_tokens: of all answered questions, if the server reports them.
        completion_tokens: of all answers, likewise.
        retries: requests that failed before one succeeded.
        failures: questions without an answer, by kind.
        examples: the first message of each kind of failure.
        verdict: the reason for stopping before the last question; empty if there is none.
        signal: the signal that stopped the run, if any.
    """

    answered: int = 0
    empty: int = 0
    refused: int = 0
    cut_off: int = 0
    exposed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    retries: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    verdict: str = ""
    signal: signal.Signals | None = None

    def add(self, answer: Answer) -> None:
        """Count an answer."""
        self.answered += 1
        self.empty += not answer.text.strip()
        self.refused += answer.refused
        self.cut_off += answer.finish_reason == "length"
        self.exposed += answer.exposed
        self.prompt_tokens += answer.prompt_tokens or 0
        self.completion_tokens += answer.completion_tokens or 0
        self.retries += answer.retries

    def fail(self, failure: RequestFailure) -> None:
        """Count a failure."""
        self.failures[failure.kind] += 1
        self.examples.setdefault(failure.kind, failure.message)


class _Stopped(Exception):
    """Ends a run before its last question, with the reason."""


class _Streak:
    """Consecutive failures; those that may be caused by the same image count once."""

    def __init__(self) -> None:
        self._length = 0
        self._image = ""

    def end(self) -> None:
        self._length, self._image = 0, ""

    def grow(self, failure: RequestFailure, image_name: str) -> str:
        """Count a failure; return the reason for stopping, if any."""
        if failure.is_final:
            return f"no question can be answered: {failure}"
        if not (failure.is_of_image and image_name == self._image):
            self._length += 1
        self._image = image_name if failure.is_of_image else ""
        if self._length >= _MOST_FAILURES_IN_A_ROW:
            return f"{self._length} failures in a row, the last one: {failure}"
        return ""


def ask_all(
    questions: Iterator[Question], client: ChatClient, answers: AnswersFile, concurrency: int, total: int
) -> Tally:
    """Send all questions and write each answer as it arrives; return the counts of the run.

    Stops early after several consecutive failures, and on SIGINT, SIGTERM or SIGHUP; the file then contains the answers
    so far.

    Args:
        questions: the questions, which a thread reads slightly ahead of the requests.
        client: the client.
        answers: the file of answers.
        concurrency: the maximum number of simultaneous requests.
        total: the number of records including those answered before, for the progress bar.

    Raises:
        SARChatError: if the data cannot be read any further or an answer cannot be written.
    """
    return asyncio.run(_Run(questions, client, answers, concurrency, total).run())


@dataclass
class _Run:
    questions: Iterator[Question]
    client: ChatClient
    answers: AnswersFile
    concurrency: int
    total: int
    tally: Tally = field(default_factory=Tally)
    streak: _Streak = field(default_factory=_Streak)

    async def run(self) -> Tally:
        # Bounded, so that the reader waits for the requests and memory does not depend on the number of questions.
        queue: asyncio.Queue[Question | None] = asyncio.Queue(self.concurrency)
        self.answers.note("base_urls", self.client.public_url)
        done = len(self.answers.images)
        with (
            tqdm(total=self.total, initial=done, desc="Asking", unit=" records", disable=None) as self._bar,
            _stopping(self.tally),
        ):
            work = [self._feed(queue), *(self._work(queue) for _ in range(self.concurrency))]
            tasks = [asyncio.ensure_future(part) for part in work]
            try:
                await asyncio.gather(*tasks)
            except _Stopped as stopped:
                self.tally.verdict = str(stopped)
            except asyncio.CancelledError:
                if self.tally.signal is None:
                    raise
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await self.client.close()
        return self.tally

    async def _feed(self, queue: asyncio.Queue[Question | None]) -> None:
        while batch := await asyncio.to_thread(lambda: list(islice(self.questions, self.concurrency))):
            for question in batch:
                await queue.put(question)
        for _ in range(self.concurrency):
            await queue.put(None)

    async def _work(self, queue: asyncio.Queue[Question | None]) -> None:
        while (question := await queue.get()) is not None:
            try:
                if question.image_url is None:
                    raise RequestFailure(_UNREADABLE_IMAGE, question.fault, is_of_image=True)
                answer = await self.client.ask(question)
            except RequestFailure as failure:
                self.tally.fail(failure)
                if reason := self.streak.grow(failure, question.image_name):
                    raise _Stopped(reason) from failure
            else:
                self.answers.append(answer.to_line(question.id, question.image_hash))
                if answer.server_model:
                    self.answers.note("server_models", answer.server_model)
                self.tally.add(answer)
                self.streak.end()
                self._bar.update()
            self._show()

    def _show(self) -> None:
        tally = self.tally
        tokens = tally.prompt_tokens + tally.completion_tokens
        failed = sum(tally.failures.values())
        self._bar.set_postfix_str(f"failed={failed:,} retried={tally.retries:,} tokens={tokens:,}", refresh=False)


@contextmanager
def _stopping(tally: Tally) -> Iterator[None]:
    """Cancel the running task at a signal."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    handlers = active_handlers()

    def stop(number: int) -> None:
        # A second signal does not interrupt the shutdown after the first one.
        if tally.signal is None:
            tally.signal = signal.Signals(number)
            if task is not None:
                task.cancel()

    for number in handlers:
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, handler)
