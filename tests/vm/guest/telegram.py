"""Telegram's Bot API as a bot needs it, on loopback: one chat, its messages and the bot's answers, and who polls."""

import contextlib
import json
import select
import socket
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN = "123456789:AAExampleOfATokenForTheStandInOnly00"
USER = 42

# Seconds that a poll which has nothing to say yet is left alone at most, before it looks again whether its client is there.
LOOK = 0.1


@dataclass
class Poll:
    """A request for updates that waits."""

    pid: int
    connection: socket.socket
    ended_by_another: bool = False

    def gone(self) -> bool:
        """Has the client closed its connection?"""
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True


@dataclass
class Chat:
    """What Telegram's servers know of the bot, guarded by `changed`."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    # Updates that no poll has confirmed yet.
    pending: list[dict] = field(default_factory=list)
    said: int = 0
    # Messages of the bot by their number, as last edited.
    answers: dict[int, str] = field(default_factory=dict)
    # Which message of the person's one of the bot's is a reply to.
    replies: dict[int, int] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    polls: list[Poll] = field(default_factory=list)
    # The most processes that polled at one time.
    most_pollers: int = 0
    # Processes that polled, in order, one that came back once more.
    pollers: list[int] = field(default_factory=list)
    # Who got which update and when, and each time that a process polled beside another.
    handed: list[tuple[float, int, int]] = field(default_factory=list)
    conflicts: list[tuple[float, int, int]] = field(default_factory=list)


class Server(ThreadingHTTPServer):
    """One whose clients may be killed at any time."""

    daemon_threads = True

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class BotAPI:
    """The stand-in, and the person who talks to the bot."""

    def __init__(self, port: int = 0) -> None:
        self.chat = Chat()
        self.server = Server(("127.0.0.1", port), _handler(self.chat))
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def leave(self) -> None:
        """Nobody listens any more, as without a network."""
        self.server.shutdown()
        self.server.server_close()

    def come_back(self) -> None:
        """The same service, at the same place."""
        self.server = Server(("127.0.0.1", self.port), _handler(self.chat))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def say(self, text: str) -> None:
        """The person writes to the bot."""
        with self.chat.changed:
            self.chat.said += 1
            person = {"id": USER, "is_bot": False, "first_name": "Alice"}
            message = {"message_id": self.chat.said, "date": int(time.time()), "from": person, "text": text}
            message["chat"] = {"id": USER, "type": "private", "first_name": "Alice"}
            self.chat.pending.append({"update_id": self.chat.said, "message": message})
            self.chat.changed.notify_all()

    def answers(self, text: str) -> list[str]:
        """The messages of the bot that say this."""
        with self.chat.changed:
            return [answer for answer in self.chat.answers.values() if text in answer]

    @property
    def polling(self) -> list[int]:
        """The processes that poll just now."""
        with self.chat.changed:
            return sorted({poll.pid for poll in self.chat.polls if not poll.gone()})


def _handler(chat: Chat) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            if not path.startswith(f"/bot{TOKEN}/"):
                self.reply(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
                return
            method = path.rsplit("/", 1)[-1]
            told = _parameters(body, self.headers.get("Content-Type", ""))
            if method == "getUpdates":
                self.updates(told)
            else:
                self.reply(200, {"ok": True, "result": _call(chat, method, told)})

        def updates(self, told: dict) -> None:
            poll = Poll(_client(self.client_address[1]), self.connection)
            with chat.changed:
                for other in chat.polls:
                    if other.pid and poll.pid not in (0, other.pid) and not other.gone():
                        chat.conflicts.append((time.time(), other.pid, poll.pid))
                    other.ended_by_another = True
                chat.polls.append(poll)
                chat.most_pollers = max(chat.most_pollers, len({p.pid for p in chat.polls if p.pid and not p.gone()}))
                # Nobody can tell any more who it was that has gone already.
                if poll.pid and chat.pollers[-1:] != [poll.pid]:
                    chat.pollers.append(poll.pid)
                chat.changed.notify_all()
                found = self.wait(poll, int(told.get("offset", 0)), float(told.get("timeout", 0)))
                chat.polls.remove(poll)
                if not poll.ended_by_another and not poll.gone():
                    chat.handed += [(time.time(), poll.pid, update["update_id"]) for update in found]
            if poll.ended_by_another:
                text = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
                self.reply(409, {"ok": False, "error_code": 409, "description": text})
            else:
                self.reply(200, {"ok": True, "result": found})

        def wait(self, poll: Poll, offset: int, seconds: float) -> list[dict]:
            """Updates from this one on, which confirms those before it; none when the client is gone."""
            chat.pending = [update for update in chat.pending if update["update_id"] >= offset]
            deadline = time.monotonic() + seconds
            while not chat.pending and time.monotonic() < deadline and not poll.ended_by_another and not poll.gone():
                chat.changed.wait(min(LOOK, seconds))
            return list(chat.pending)

        def reply(self, code: int, value: dict) -> None:
            body = json.dumps(value).encode()
            with contextlib.suppress(ConnectionError):
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _call(chat: Chat, method: str, told: dict) -> object:
    """The result of every method that does not wait."""
    with chat.changed:
        chat.calls.append(method)
        if method == "getMe":
            return _bot()
        if method == "deleteWebhook":
            if str(told.get("drop_pending_updates")).lower() == "true":
                chat.dropped += [update["message"]["text"] for update in chat.pending]
                chat.pending = []
            return True
        if method in ("sendMessage", "editMessageText"):
            number = int(told.get("message_id") or 100000 + len(chat.answers))
            # As a person sees it: without the escapes of its markup.
            chat.answers[number] = str(told.get("text", "")).replace("\\", "")
            if reply := _reply_to(told):
                chat.replies[number] = reply
            chat.changed.notify_all()
            where = {"id": int(told["chat_id"]), "type": "private", "first_name": "Alice"}
            return {"message_id": number, "date": int(time.time()), "chat": where, "from": _bot(), "text": chat.answers[number]}
        if method == "getChat":
            return {
                "id": int(told["chat_id"]),
                "type": "private",
                "first_name": "Alice",
                "accent_color_id": 0,
                "max_reaction_count": 1,
            }
        if method == "getMyCommands":
            return []
        return True


def _bot() -> dict:
    abilities = {"can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}
    return {"id": int(TOKEN.split(":")[0]), "is_bot": True, "first_name": "Stand-in", "username": "stand_in_bot", **abilities}


def _parameters(body: bytes, kind: str) -> dict:
    """What a call was told, as JSON or as a form."""
    if kind.startswith("application/json"):
        return json.loads(body)
    return dict(urllib.parse.parse_qsl(body.decode()))


def _reply_to(told: dict) -> int:
    """The message that one of the bot's is a reply to; 0 for none."""
    parameters = told.get("reply_parameters") or {}
    if isinstance(parameters, str):
        parameters = json.loads(parameters)
    return int(parameters.get("message_id") or told.get("reply_to_message_id") or 0)


def _client(port: int) -> int:
    """The process at the other end of a connection of this host, by the socket's inode (proc(5), `/proc/net/tcp`); 0 if unknown."""
    suffix = f":{port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(suffix):
            wanted = f"socket:[{fields[9]}]"
            for link in Path("/proc").glob("[0-9]*/fd/*"):
                with contextlib.suppress(OSError):
                    if str(link.readlink()) == wanted:
                        return int(link.parts[2])
    return 0
