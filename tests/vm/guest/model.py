"""Stand-ins for the endpoint of a language model, on loopback."""

import contextlib
import json
import re
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def configured(port: int) -> str:
    """The part of a profile's configuration that has its gateway ask the model at this port."""
    return f"model:\n  provider: custom\n  default: fake\n  api_key: x\n  base_url: http://127.0.0.1:{port}/v1\n"


def text_of(message: dict) -> str:
    """What a message says, which is text or has parts of text."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)


def last_said(messages: list[dict]) -> int:
    """Which message a user said last."""
    return max((at for at, message in enumerate(messages) if message.get("role") == "user"), default=0)


class Endpoint:
    """A model that takes a request and never answers."""

    def __init__(self) -> None:
        self.asked = 0
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data = self.request.recv(65536)
                if b"POST" in data:
                    outer.asked += 1
                    threading.Event().wait()

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Echo:
    """A model that answers each `ping-X` of what a user said last with `pong-X`, after so many seconds."""

    def __init__(self, port: int = 0, takes: float = 0) -> None:
        # What it has answered.
        self.answered: list[str] = []
        # What a user said last in each request, and those of them in which hermes says that it interrupted the turn before.
        self.asked_for: list[str] = []
        self.restored: list[str] = []
        # What tools told it.
        self.told: list[str] = []
        self.asked = 0
        # It takes its time while this is not set.
        self.may_answer = threading.Event()
        self.may_answer.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.reply({"object": "list", "data": [{"id": "fake", "object": "model", "context_length": 200000}]})

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                said = outer.note(asked.get("messages", []))
                outer.may_answer.wait()
                time.sleep(takes)
                answer = outer.answer(said)
                outer.answered.append(answer)
                usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
                base = {"id": f"answer-{len(outer.answered)}", "created": 0, "model": "fake", "usage": usage}
                message: dict[str, object] = {"role": "assistant", "content": answer}
                reason = "stop"
                if call := outer.call(asked):
                    message["tool_calls"], reason = [call], "tool_calls"
                if not asked.get("stream"):
                    choice = {"index": 0, "message": message, "finish_reason": reason}
                    self.reply({**base, "object": "chat.completion", "choices": [choice]})
                    return
                choices = [
                    {"index": 0, "delta": message, "finish_reason": None},
                    {"index": 0, "delta": {}, "finish_reason": reason},
                ]
                chunks = [json.dumps({**base, "object": "chat.completion.chunk", "choices": [choice]}) for choice in choices]
                body = "".join(f"data: {chunk}\n\n" for chunk in [*chunks, "[DONE]"])
                self.send(body.encode(), "text/event-stream")

            def reply(self, value: dict) -> None:
                self.send(json.dumps(value).encode(), "application/json")

            def send(self, body: bytes, kind: str) -> None:
                # Who asked may have been killed.
                with contextlib.suppress(ConnectionError):
                    self.send_response(200)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def note(self, messages: list[dict]) -> str:
        """What a user said last in a conversation; what a tool told since is kept."""
        if messages and messages[-1].get("role") == "tool":
            self.told.append(text_of(messages[-1]))
        said = [json.dumps(message.get("content")) for message in messages if message.get("role") == "user"]
        last = said[-1] if said else ""
        self.asked += 1
        self.asked_for.append(last)
        if "previous turn was interrupted" in last:
            self.restored.append(last)
        return last

    @staticmethod
    def call(asked: dict) -> dict | None:
        """The tool that the model calls in answer to a request: a command that a user says it is to type, and a task of Kanban's is done,
        where one is to be done."""
        messages = asked.get("messages") or [{}]
        if any(message.get("role") == "tool" for message in messages[1 + last_said(messages) :]):
            return None
        tools = [tool.get("function", {}).get("name") for tool in asked.get("tools") or []]
        typed = re.search(r"type: ([^\n]+)", text_of(messages[last_said(messages)]))
        if typed:
            name, arguments = "terminal", {"command": typed[1], "timeout": 60}
        elif "kanban_complete" in tools:
            name, arguments = "kanban_complete", {"summary": "done"}
        else:
            return None
        function = {"name": name, "arguments": json.dumps(arguments)}
        return {"index": 0, "id": f"call-{len(messages)}", "type": "function", "function": function}

    @staticmethod
    def answer(said: str) -> str:
        """What the model says to that."""
        # Newer gateways put messages that come together into one turn.
        pings = dict.fromkeys(re.findall(r"ping-(\w+)", said))
        return " ".join(f"pong-{ping}" for ping in pings) or "nothing to say"
