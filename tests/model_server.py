"""A server on loopback that speaks OpenAI's protocol, well or badly, as told.

Whole answers it also gives in the protocols of Anthropic and of Gemini, by the path that is asked.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Fault = Literal[
    "429", "429-now", "500", "503", "hang", "reset", "malformed", "empty", "length", "cut", "400",
    "401", "404", "context",
]  # fmt: skip
Say = Callable[[list[dict[str, Any]]], str]


@dataclass
class Seen:
    """One request as it came.

    Attributes:
        at: monotonic seconds.
        fault: how it was ill-treated; None when it was answered.
    """

    at: float
    body: dict[str, Any]
    fault: str | None
    key: str

    @property
    def prompt(self) -> str:
        """All that was said."""
        return "\n".join(str(message["content"]) for message in self.body["messages"])


@dataclass
class ModelServer:
    """The server's behaviour and its diary.

    Attributes:
        say: the model: from messages to the text of the answer.
        latency: seconds an answer takes.
        capacity: requests at once before it answers 429; 0 means no limit.
        per_window: requests in any ``window`` seconds before it answers 429; 0 means no limit.
        hang: seconds before a hanging request is hung up on.
        faults: how the next requests are ill-treated, in order of arrival; None is well.
        most: requests that were inside at once, at the utmost.
    """

    say: Say = lambda messages: "Yes."
    latency: float = 0.0
    capacity: int = 0
    per_window: int = 0
    window: float = 1.0
    retry_after: str = "0.1"
    hang: float = 3.0
    faults: deque[Fault | None] = field(default_factory=deque)
    seen: list[Seen] = field(default_factory=list)
    inside: int = 0
    most: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def answered(self) -> int:
        """Requests that were answered well."""
        return sum(request.fault is None for request in self.seen)

    def enter(self, body: dict[str, Any], key: str) -> Fault | None:
        """Note a request; says how it is to be treated."""
        now = time.monotonic()
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            fault = self.faults.popleft() if self.faults else None
            recent = sum(s.at > now - self.window and s.fault != "429" for s in self.seen)
            if self.capacity and self.inside > self.capacity:
                fault = "429"
            if self.per_window and recent >= self.per_window:
                fault = "429"
            self.seen.append(Seen(now, body, fault, key))
        return fault

    def leave(self) -> None:
        """A request is done."""
        with self.lock:
            self.inside -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: _Server

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body["messages"] = heard(self.path, body)
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        key = key or self.headers.get("x-api-key") or self.headers.get("x-goog-api-key") or ""
        stub = self.server.stub
        fault = stub.enter(body, key)
        try:
            self._treat(stub, body, fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            stub.leave()

    def _treat(self, stub: ModelServer, body: dict[str, Any], fault: Fault | None) -> None:
        if fault in ("400", "401", "404", "429", "429-now", "500", "503", "context"):
            self._refuse(stub, fault)
            return
        if fault == "hang":
            time.sleep(stub.hang)
            self.close_connection = True
            return
        if fault == "reset":
            self.close_connection = True
            self.connection.close()
            return
        time.sleep(stub.latency)
        text = "" if fault == "empty" else stub.say(body["messages"])
        finish = "length" if fault == "length" else "stop"
        if fault == "malformed":
            self._send(200, b'{"id": "x", "choices": [{"mess')
        elif body.get("stream"):
            self._stream(text, finish, cut=fault == "cut")
        else:
            self._send(200, json.dumps(completion(self.path, body, text, finish)).encode())

    def _refuse(self, stub: ModelServer, fault: str) -> None:
        code = "context_length_exceeded" if fault == "context" else "made_up"
        status = 400 if fault == "context" else int(fault.removesuffix("-now"))
        error = {"error": {"message": f"refused: {fault}", "code": code, "type": "made_up"}}
        headers = {"Retry-After": stub.retry_after} if fault == "429" else {}
        self._send(status, json.dumps(error).encode(), headers)

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, text: str, finish: str, *, cut: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        words = text.split(" ")
        for number, word in enumerate(words[: len(words) // 2] if cut else words):
            self._event({"delta": {"content": word if not number else f" {word}"}})
        if not cut:
            self._event({"delta": {}, "finish_reason": finish})
            usage = {"prompt_tokens": 11, "completion_tokens": len(words), "total_tokens": 0}
            self._event(None, usage=usage)
            self.wfile.write(b"data: [DONE]\n\n")
        self.wfile.flush()

    def _event(self, choice: dict[str, Any] | None, **more: Any) -> None:
        chunk = {
            "id": "s1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "stub",
            "choices": [{"index": 0, "finish_reason": None, **choice}] if choice else [],
            **more,
        }
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        self.wfile.flush()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    stub: ModelServer


def heard(path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The conversation, in OpenAI's form."""
    if "generateContent" in path:
        parts = body.get("systemInstruction", {}).get("parts", [])
        said = [{"role": "system", "content": part["text"]} for part in parts]
        return said + [
            {"role": turn["role"], "content": part["text"]}
            for turn in body["contents"]
            for part in turn["parts"]
        ]
    if not path.endswith("/messages"):
        return list(body["messages"])
    system = body.get("system") or []
    blocks = [{"text": system}] if isinstance(system, str) else system
    said = [{"role": "system", "content": block["text"]} for block in blocks]
    for message in body["messages"]:
        content = message["content"]
        texts = [content] if isinstance(content, str) else [part["text"] for part in content]
        said += [{"role": message["role"], "content": text} for text in texts]
    return said


def completion(path: str, body: dict[str, Any], text: str, finish: str) -> dict[str, Any]:
    """The document that the protocol of a path answers with."""
    prompt = sum(len(str(message["content"])) for message in body["messages"]) // 4
    answer = len(text) // 4
    if "generateContent" in path:
        content = {"role": "model", "parts": [{"text": text}]}
        return {
            "candidates": [{"content": content, "finishReason": finish.upper(), "index": 0}],
            "usageMetadata": {
                "promptTokenCount": prompt,
                "candidatesTokenCount": answer,
                "totalTokenCount": prompt + answer,
                "cachedContentTokenCount": prompt // 2,
            },
        }
    if path.endswith("/messages"):
        return {
            "id": "m1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [{"type": "text", "text": text}],
            "stop_reason": "max_tokens" if finish == "length" else "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": prompt - prompt // 2,
                "cache_read_input_tokens": prompt // 2,
                "cache_creation_input_tokens": 0,
                "output_tokens": answer,
            },
        }
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": answer,
            "total_tokens": prompt + answer,
            "prompt_tokens_details": {"cached_tokens": prompt // 2},
        },
    }


@contextmanager
def serving(say: Say | None = None, **options: Any) -> Iterator[ModelServer]:
    """A server for the time of the block."""
    stub = ModelServer(**options)
    if say is not None:
        stub.say = say
    server = _Server(("127.0.0.1", 0), _Handler)
    server.stub = stub
    stub.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def last_words(messages: Sequence[dict[str, Any]]) -> str:
    """What was said last."""
    return str(messages[-1]["content"])
