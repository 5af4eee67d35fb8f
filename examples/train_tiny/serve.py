"""The shortest server with OpenAI's chat completions API for one model on this machine: `serve.py FOLDER PORT`."""

from __future__ import annotations

import base64
import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor


def main(folder: str, port: int) -> None:
    """Serve until the process is stopped."""
    model = AutoModelForImageTextToText.from_pretrained(folder).eval()
    processor = AutoProcessor.from_pretrained(folder)
    # One request at a time uses all cores.
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply({"object": "list", "data": [{"id": folder, "object": "model"}]})

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                text, ended, tokens = _answer(model, processor, request)
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": "stop" if ended else "length"}
            usage = dict(zip(("prompt_tokens", "completion_tokens"), tokens, strict=True))
            reply = {"id": "0", "object": "chat.completion", "created": 0, "model": folder, "choices": [choice]}
            self._reply({**reply, "usage": {**usage, "total_tokens": sum(tokens)}})

        def _reply(self, content: dict) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print(f"serving {folder} at http://127.0.0.1:{server.server_port}/v1", flush=True)
    server.serve_forever()


@torch.no_grad()
def _answer(model: torch.nn.Module, processor: AutoProcessor, request: dict) -> tuple[str, bool, tuple[int, int]]:
    messages = [
        {"role": message["role"], "content": [_read_part(part) for part in _parts(message["content"])]}
        for message in request["messages"]
    ]
    inputs = processor.apply_chat_template(
        [messages], add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    most = request.get("max_completion_tokens") or request.get("max_tokens") or 256
    made = model.generate(**inputs, max_new_tokens=most, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    text = processor.tokenizer.decode(made, skip_special_tokens=True)
    return text, int(made[-1]) == processor.tokenizer.eos_token_id, (inputs["input_ids"].shape[1], len(made))


def _parts(content: str | list) -> list:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _read_part(part: dict) -> dict:
    if part["type"] != "image_url":
        return part
    content = base64.b64decode(part["image_url"]["url"].partition(",")[2])
    return {"type": "image", "image": Image.open(io.BytesIO(content)).convert("RGB")}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
