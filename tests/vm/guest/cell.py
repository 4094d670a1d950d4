"""A cell of the takeover matrix: who runs a profile at first, what happens, and the verdict on what came of it."""

import os
import subprocess
import time
from dataclasses import dataclass, field
from types import ModuleType

import check
import verdict
import wait
from gateway import HERMES, VERSION, Hand, Profile, own
from installer import hermes_install
from systemd import Unit, as_user, systemctl
from tenant import tenant
from watch import Watch, until_settled

# Seconds that a cell is watched after its event; longer than every restart delay of the units.
OBSERVED = 90

USER = "alice"
ROOT = f"/home/{USER}/.hermes"

# What upstream calls its unit of the default profile.
UPSTREAM = "hermes-gateway.service"


@dataclass
class Expect:
    """What should come of an event. `owner` is `unit`, `hand`, `none` or `any one`."""

    owner: str
    # Starts that the event itself asks for, of the unit that was there at first and of the other one.
    starts: int = 0
    other_starts: int = 0
    # A stop that somebody asked for: the unit must not be shown as failed.
    stopped: bool = False
    # The takeover that was tried is one that hermes declined: who was there has to be there still.
    refused: bool = False


@dataclass
class Cell:
    """The guest as the events see it: one user, one profile, the unit under test and one of the other scope."""

    first: str
    profile: Profile = field(default_factory=lambda: Profile("default", USER, ROOT))
    hand: Hand | None = None
    # What an event needs to stay until the end.
    kept: object = None
    # What the unit runs, and what the user types.
    hermes: str = HERMES

    @property
    def is_tenant(self) -> bool:
        """Has the profile an account of its own?"""
        return self.first.endswith("-tenant")

    @property
    def ours(self) -> bool:
        return self.first.endswith("ours") or self.first.startswith("our-")

    @property
    def guarded(self) -> bool:
        """Is it upstream's unit under the guard?"""
        return "guarded" in self.first

    @property
    def by_hand(self) -> bool:
        """Is the gateway at first one that a person started?"""
        return self.first.startswith("hand")

    @property
    def unit(self) -> Unit:
        """The unit that runs the gateway at first; beside a hand-started one, the unit that might."""
        return self._unit("user" if self._in_user_manager else "system")

    @property
    def other(self) -> Unit:
        """The same policy's unit of the other scope."""
        return self._unit("system" if self._in_user_manager else "user")

    @property
    def foreign(self) -> str:
        """What upstream calls its unit of the profile."""
        return f"hermes-gateway-{self.profile.name}.service" if self._is_named else UPSTREAM

    @property
    def _is_named(self) -> bool:
        """Has hermes to be told which profile of the root is meant?"""
        return self.profile.home != self.profile.root

    @property
    def _in_user_manager(self) -> bool:
        return self.first.endswith(("-user", "-named"))

    def _unit(self, scope: str) -> Unit:
        name = self.profile.unit if self.ours else self.foreign
        return Unit(name, user=USER if scope == "user" else None)

    def make(self) -> None:
        """The profile, and those beside it: a named one has the default one, and a host has one that it serves."""
        if self.is_tenant:
            # The account is there after an install.
            self.put(self.unit)
            self.profile.make(standalone=False)
            return
        if self._is_named:
            Profile("default", USER, ROOT).make()
        self.profile.make()
        if self.first.endswith("-host"):
            Profile("coder", USER, ROOT).make(standalone=False)

    def put(self, unit: Unit, *args: str, profile: Profile | None = None) -> None:
        """Install a unit for the profile as its policy's own command does, not started."""
        profile = profile or self.profile
        if self.ours:
            scope = ["--user"] if unit.user else ["--system", *([] if self.is_tenant else ["--run-as", USER])]
            names = ("--profile", profile.name, "--hermes", self.hermes, "--no-start")
            installed = hermes_install(*names, *scope, *args, user=unit.user or "root")
            if installed.code != 0:
                raise RuntimeError(installed.text)
            return
        if unit.user:
            subprocess.run(["loginctl", "enable-linger", USER], check=True)
            wait.until("the user's manager", lambda: systemctl("is-system-running", user=USER, check=False))
        scope = [] if unit.user else ["--system", "--run-as-user", USER]
        # Whether to start it now and at boot: some versions ask, some do.
        install = (self.hermes, "-p", profile.name, "gateway", "install", *scope)
        done = as_user(unit.user or "root", *install, answers="n\nn\n")
        print(done.stdout, done.stderr, flush=True)
        check.equal("upstream's unit after `gateway install`", unit.show()["LoadState"], "loaded")
        # As root, 0.19 leaves logs there that its own gateway cannot open then.
        own(profile.root, USER)
        unit.systemctl("stop")
        unit.systemctl("enable")
        unit.systemctl("reset-failed", check=False)

    def begin(self) -> None:
        """Until the first one runs."""
        self.put(self.unit)
        if self.by_hand:
            self.hand = self.run_by_hand()
        else:
            self.unit.systemctl("start")
        until_settled(self.profile.until_up())

    def run_by_hand(self, *args: str) -> Hand:
        """`hermes gateway run`, as the user types it."""
        return self.typed("gateway", "run", *args)

    def typed(self, *args: str) -> Hand:
        """A hermes of the user's, for the profile."""
        named = ("--profile", self.profile.name) if self._is_named else ()
        return self.profile.by_hand(*named, *args, hermes=self.hermes)

    def replace(self) -> Expect:
        """`hermes gateway run --replace` by hand, until it runs; with `--force` when it asks for that."""
        hand = self.run_by_hand("--replace")
        up = hand.until_up()
        if not up and "--force" in hand.said():
            # 0.17 and later decline beside an active unit of upstream's own name, and say so.
            hand = self.run_by_hand("--replace", "--force")
            up = hand.until_up()
        if up:
            self.hand = hand
        else:
            check.measured("what a refused takeover said", hand.said())
        return Expect("hand", refused=not up)

    def cli(self, *args: str) -> None:
        """Another `hermes gateway …` of the user's; it may end or become a gateway."""
        self.typed("gateway", *args)

    @property
    def pid(self) -> int:
        """The first gateway's main process."""
        return self.hand.pid if self.hand else self.unit.pid

    def again(self) -> Expect:
        """Start what had been stopped, the way it ran before."""
        if self.by_hand:
            self.hand = self.run_by_hand()
            return Expect("hand")
        self.unit.systemctl("reset-failed", check=False)
        # A start that fails at once may or may not be told to whoever asked for it.
        self.unit.systemctl("start", check=False)
        return Expect("unit", starts=1)

    def stop(self) -> None:
        """Stop the first gateway in the ordinary way and wait."""
        if self.hand:
            self.hand.end()
        else:
            self.unit.systemctl("stop")


def profile_of(first: str) -> Profile:
    """What runs at first."""
    if first.endswith("-tenant"):
        return tenant("coder")
    return Profile("coder" if first.endswith("-named") else "default", USER, ROOT)


def play(first: str, boots: int, event: ModuleType) -> None:
    """Play one cell and write its record; ours has to be safe, upstream's what the event knows of some versions."""
    cell = Cell(first, profile_of(first))
    boot = int(os.environ["VMCHECK_BOOT"])
    if boot == 1:
        cell.make()
        if cell.guarded:
            check.equal("`hermes-install guard` ends with", hermes_install("guard").code, 0)
        getattr(event, "prepare", lambda _: None)(cell)
        cell.begin()
    if boot < boots:
        return
    units = {"unit": cell.unit, "other": cell.other}
    foreign = [] if not cell.ours else [Unit(cell.foreign), Unit(cell.foreign, user=USER)]
    before = {name: unit.starts() if boot == 1 else 0 for name, unit in units.items()}
    with Watch(cell.profile) as watch:
        expect = event.event(cell)
        time.sleep(OBSERVED)
    shown = {name: unit.show() for name, unit in units.items()}
    owners = {int(unit["MainPID"]): name for name, unit in shown.items()} | ({cell.hand.pid: "hand"} if cell.hand else {})
    record = {
        "first": first,
        "expected": expect.owner,
        "owner": [owners.get(pid, "somebody else") for pid in cell.profile.owners()],
        "owners": len(watch.owners),
        "most_owners": watch.most_owners,
        "starts": units["unit"].starts() - before["unit"],
        "asked_starts": expect.starts,
        "other_starts": units["other"].starts() - before["other"],
        "asked_other_starts": expect.other_starts,
        "upstream_starts": sum(unit.starts() for unit in foreign),
        "stopped": expect.stopped,
        "refused": expect.refused,
        "state": shown["unit"]["ActiveState"],
        "result": shown["unit"]["Result"],
        "other_state": shown["other"]["ActiveState"],
        "without_owner_s": watch.gap(),
        "two_processes_s": watch.overlap(),
    }
    said = verdict.of(record)
    check.measured("cell", {**record, "verdict": said})
    if cell.ours:
        check.equal("verdict", said, "safe")
    elif cell.guarded:
        # Beside an active unit of its own name, hermes may decline to take over.
        check.check("verdict under the guard", said in ("safe", "refused", getattr(event, "UNDER_GUARD", "")), said)
    elif not cell.by_hand and VERSION in getattr(event, "CONTROL", {}):
        check.equal("verdict on the negative control", said, event.CONTROL[VERSION])
    else:
        check.check("there is a verdict", said)
