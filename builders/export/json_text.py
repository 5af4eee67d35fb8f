"""JSON text. A format whose rows all have one structure writes it directly, in half the time of encoding a dict."""

from __future__ import annotations

import json
from json.encoder import encode_basestring

# The JSON text of a value, and of a string.
to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
quote = encode_basestring


def write_messages(question: str, answer: str) -> str:
    """Return a question and its answer as OpenAI's list of messages."""
    return f'[{{"role":"user","content":{quote(question)}}},{{"role":"assistant","content":{quote(answer)}}}]'
