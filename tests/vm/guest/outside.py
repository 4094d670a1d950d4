"""What is outside of the host: Telegram and a model, from before a boot's gateways to after their end, a person who writes to the bot
at a steady pace, and a record of who polled when, which a reboot does not end.

Run as a program, it is that service; imported, it places its unit and reads the record.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

PLACE = Path("/var/lib/outside")
RECORD = PLACE / "record.json"
# What happens to the host just now, which the scenario writes; whether the person has gone to bed.
HAPPENS = PLACE / "happens"
SILENT = PLACE / "silent"
# A command that the person is to type to the bot.
TYPE = PLACE / "type"



@dataclass
class Service:
    """Where one of them listens, before, during and after every boot."""

    port: int


BOT, MODEL = Service(18081), Service(18082)

# Seconds between two messages, and those that the model takes for a turn.
PACE = int(os.environ.get("VMCHECK_FIRE_PACE", "10"))
TURN = 2
SAMPLE = 0.1

# It ends when systemd-shutdown ends what is left, as a service outside of the host would not even then.
UNIT = """[Unit]
Description=Telegram and a model, which are outside of this host
DefaultDependencies=no
Before=basic.target
[Service]
ExecStart=/usr/bin/python3 -B {program}
Environment=VMCHECK_HERMES={hermes} VMCHECK_FIRE_PACE={pace}
StandardOutput=append:/vmcheck-out/outside.log
StandardError=inherit
OOMScoreAdjust=0
[Install]
WantedBy=basic.target
"""

# The library of Telegram lies above an environment that can only be read, in memory: each boot lays it there anew.
LIBRARY_UNIT = """[Unit]
Description=The library of Telegram in hermes' environment
DefaultDependencies=no
After=local-fs.target
Before=basic.target
[Service]
Type=oneshot
ExecStart=/bin/sh -ec 'mkdir -p {layers}/upper {layers}/work; tar --extract --file={archive} --directory={layers}/upper; \
exec mount -t overlay overlay -o lowerdir={place},upperdir={layers}/upper,workdir={layers}/work {place}'
[Install]
WantedBy=basic.target
"""


@dataclass
class Silence:
    """A time in which nobody polled, in seconds since the epoch, and what had happened when it began."""

    begin: float
    cause: str
    end: float = 0.0

    @property
    def seconds(self) -> float:
        return self.end - self.begin


@dataclass
class Record:
    """All that was seen since the first boot; times are seconds since the epoch."""

    said: dict[str, float] = field(default_factory=dict)
    # When, by which process, of which boot, which message was fetched.
    handed: list[tuple[float, str, int]] = field(default_factory=list)
    # When and after what a process of that name ended that had polled, and when that began.
    ended: dict[str, tuple[float, str, float]] = field(default_factory=dict)
    # When the model was first asked about which message.
    asked: dict[str, float] = field(default_factory=dict)
    # When which text of the bot's was first seen, and what it is a reply to; one that was edited counts as it is at last.
    answers: dict[str, tuple[float, str, int]] = field(default_factory=dict)
    conflicts: list[tuple[float, str]] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    polling: list[int] = field(default_factory=list)
    pending: list[dict] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    updates: int = 0
    boots: int = 0
    written: float = 0.0


def read() -> Record:
    """The record as it was some tenths of a second ago."""
    if not RECORD.exists():
        return Record()
    told = json.loads(RECORD.read_text())
    told["silences"] = [Silence(**silence) for silence in told["silences"]]
    return Record(**told)


def place() -> None:
    """Put these services into the host, and the library, which is installed, into an archive; start the first."""
    PLACE.mkdir()
    HAPPENS.write_text("start")
    version = os.environ["VMCHECK_HERMES"]
    layers, archive = "/run/vmcheck-library", PLACE / "library.tar"
    subprocess.run(["tar", "--create", f"--file={archive}", f"--directory={layers}/upper", "."], check=True)
    texts = {
        "outside.service": UNIT.format(program=__file__, hermes=version, pace=PACE),
        "library.service": LIBRARY_UNIT.format(layers=layers, archive=archive, place=f"/opt/hermes/{version}"),
    }
    for name, text in texts.items():
        Path("/etc/systemd/system", name).write_text(text)
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    subprocess.run(["systemctl", "enable", *texts], check=True)
    subprocess.run(["systemctl", "start", "outside.service"], check=True)


class Outside:
    """The service: it looks ten times a second and keeps the record."""

    def __init__(self) -> None:
        from model import Echo
        from telegram import BotAPI

        self.record = read()
        self.record.boots += 1
        self.bot = BotAPI(BOT.port)
        self.model = Echo(MODEL.port, TURN)
        chat = self.bot.chat
        chat.pending, chat.said = self.record.pending, self.record.updates
        # The bot's earlier messages keep their numbers.
        chat.answers = {int(number): text for number, (_, text, _) in self.record.answers.items()}
        chat.dropped = self.record.dropped
        self.alive: set[int] = set()
        self.seen_of_model = 0
        self.wants_to_end = False

    def run(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "wants_to_end", True))
        next_word = max(self.record.said.values(), default=time.time()) + PACE
        while not self.wants_to_end:
            now = time.time()
            # What the person wrote while the host was down is there when it comes back.
            while now >= next_word and not SILENT.exists():
                number = str(self.bot.chat.said + 1)
                self.record.said[number] = next_word
                self.bot.say(f"ping-{number}")
                next_word += PACE
            if TYPE.exists():
                self.bot.say(TYPE.read_text())
                TYPE.unlink()
            self.look(now)
            time.sleep(SAMPLE)
        self.look(time.time())

    def look(self, now: float) -> None:
        record, chat, what = self.record, self.bot.chat, HAPPENS.read_text()
        polling = self.bot.polling
        silence = record.silences[-1] if record.silences and not record.silences[-1].end else None
        if not polling and not silence:
            record.silences.append(Silence(now, what))
        elif polling and silence:
            silence.end = now
        record.polling = polling
        with chat.changed:
            record.handed += [(at, self.name(pid), number) for at, pid, number in chat.handed]
            record.conflicts += [(at, f"{what}: {self.name(one)} and {self.name(other)}") for at, one, other in chat.conflicts]
            self.alive.update(pid for _, pid, _ in chat.handed)
            chat.handed, chat.conflicts = [], []
            for number, text in chat.answers.items():
                first = record.answers.get(str(number), (now, "", 0))
                record.answers[str(number)] = (first[0], text, chat.replies.get(number, first[2]))
            record.pending, record.updates = list(chat.pending), chat.said
        asked = self.model.asked_for
        for text in asked[self.seen_of_model :]:
            for number in re.findall(r"ping-(\d+)\b", text):
                record.asked.setdefault(number, now)
        self.seen_of_model = len(asked)
        for pid in [pid for pid in self.alive if not Path(f"/proc/{pid}").exists()]:
            self.alive.remove(pid)
            record.ended[self.name(pid)] = (now, what, HAPPENS.stat().st_mtime)
        if now - record.written > 0.5 or self.wants_to_end:
            record.written = now
            self.write()

    def name(self, pid: int) -> str:
        return f"{self.record.boots}/{pid}"

    def write(self) -> None:
        new = RECORD.with_suffix(".new")
        new.write_text(json.dumps(asdict(self.record)))
        new.rename(RECORD)


@dataclass
class Account:
    """What became of one message."""

    number: str
    # Times of the bot's messages that answer it, without those that say themselves that they may be a second one.
    answers: list[float]
    repeats: int
    # Whether the bot has said that it would not do it, as it was about to restart.
    is_refused: bool
    # What happened when a process ended that had fetched it and not answered, and whether its turn had begun before that.
    interrupted: list[str]
    begun: bool
    fetched_by: int


def accounts(record: Record) -> list[Account]:
    """What became of each message."""
    plain: dict[str, list[float]] = {number: [] for number in record.said}
    repeats = dict.fromkeys(record.said, 0)
    refused = set()
    for at, text, reply in record.answers.values():
        if "drain_rejected" in text:
            refused.add(str(reply))
        for number in set(re.findall(r"pong-(\d+)\b", text)):
            if "may be a duplicate" in text:
                repeats[number] += 1
            else:
                plain[number].append(at)
    return [
        _account(record, number, Account(number, answers, repeats[number], number in refused, [], False, 0))
        for number, answers in plain.items()
    ]


def _account(record: Record, number: str, account: Account) -> Account:
    fetchers = set()
    for fetched, who, which in record.handed:
        if str(which) != number:
            continue
        fetchers.add(who)
        at, what, since = record.ended.get(who, (0.0, "", 0.0))
        if at and not any(fetched <= answer <= at for answer in account.answers):
            account.interrupted.append(what)
            account.begun = account.begun or record.asked.get(number, since) < since
    account.fetched_by = len(fetchers)
    return account


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    with contextlib.suppress(KeyboardInterrupt):
        Outside().run()
