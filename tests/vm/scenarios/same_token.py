"""One bot in two tenants: both gateways ask Telegram for its messages, as hermes' own lock is one account's, and doctor says so. A bot
without a usable token: hermes runs without it, and status, its metrics and doctor say so; and a `.env` that root has made its own."""

import json
import os

import wait
from bot import configure, install_library
from check import check, contains, equal
from gateway import KEY, Profile, at_least
from installer import hermes_install, install, shell, status
from model import Echo
from systemd import Unit
from telegram import TOKEN, BotAPI
from tenant import tenant

HERMES = ["0.19.0", "0.22.2"]
SECONDS = 200


def run() -> None:
    install_library()
    bot, model = BotAPI(), Echo()
    tenants = [tenant(name) for name in ("a", "b")]
    for one in tenants:
        equal(f"install of {one.name} ends with", install(one, "--no-start").code, 0)
        configure(one, bot, model)
        equal("its start ends with", hermes_install("start", one.name).code, 0)
    pids = sorted(Unit(one.unit).pid for one in tenants)
    wait.until("both to poll", lambda: sorted(set(bot.chat.pollers)) == pids, 120)
    check("they disturb each other", bot.chat.conflicts, bot.chat.pollers)
    both = same()
    equal("what doctor finds", len(both), 1)
    contains("what it says", both[0]["what"], "TELEGRAM_BOT_TOKEN", str(tenants[0].home))
    told = hermes_install("doctor").text
    contains("the way out", told, f"{tenants[1].home}/.env")
    check("nobody sees the token", TOKEN not in told, told)

    equal("a stop ends with", hermes_install("stop", "b").code, 0)
    equal("what doctor finds of one that starts with the system", len(same()), 1)
    equal("uninstall ends with", hermes_install("uninstall", "--profile", "b").code, 0)
    equal("what doctor finds when one is left", same(), [])
    has_no_token(tenants[0])
    of_root(tenants[0])


def has_no_token(one: Profile) -> None:
    env = one.home / ".env"
    good = env.read_text()
    # A gateway of many profiles passes over what has no token; one of a single profile ends with 78.
    with (one.home / "config.yaml").open("a") as config:
        config.write("multiplex_profiles: true\n")
    for told, line in (("removed", ""), ("a placeholder", "TELEGRAM_BOT_TOKEN=bad\n")):
        env.write_text(good.replace(f"TELEGRAM_BOT_TOKEN={TOKEN}\n", line))
        # hermes itself may write it in its first seconds.
        later = env.stat().st_mtime + 30
        os.utime(env, (later, later))
        contains(f"{told}: before its restart", hermes_install("status", "--long").out, "`.env` was written")
        done = hermes_install("restart", "a")
        equal(f"{told}: restart ends with", done.code, 0)
        contains(f"{told}: restart warns", done.err, "telegram is not connected", "TELEGRAM_BOT_TOKEN")
        equal(f"{told}: state", status(one)["state"], "degraded")
        equal(f"{told}: status ends with", hermes_install("status", "--quiet").code, 1)
        contains(f"{told}: hint", status(one)["hint"], f"set `TELEGRAM_BOT_TOKEN` in `{env}`", "`hermes-install restart a`")
        contains(f"{told}: metrics", hermes_install("status", "--prometheus").out, 'platform="telegram"} 0')
        silent = found("no-platform")
        check(f"{told}: doctor has one finding", len(silent) == 1 and "TELEGRAM_BOT_TOKEN" in silent[0]["what"], silent)
    # Telegram rejects it, and the API server works: alone the gateway would end with 78. 0.19 tries it again and again.
    api = f"API_SERVER_ENABLED=true\nAPI_SERVER_KEY={KEY}\nAPI_SERVER_PORT=8642\nAPI_SERVER_HOST=127.0.0.1\n"
    env.write_text(good.replace(TOKEN, f"{TOKEN}x") + api)
    done = hermes_install("restart", "a")
    equal("rejected: restart ends with", done.code, 0)
    is_final = at_least(0, 20)
    contains("rejected: restart warns", done.err, "telegram is fatal" if is_final else "telegram is retrying", "rejected by the server")
    hint = str(status(one)["hint"])
    contains("rejected: hint", hint, *([f"`{env}`", "`hermes-install restart a`"] if is_final else []))
    env.write_text(good)
    equal("with the token: restart ends with", hermes_install("restart", "a").code, 0)
    wait.until("telegram to be connected", lambda: hermes_install("status", "--quiet").code == 0, 60)
    told = hermes_install("status", "--long").out
    check("with the token: it has read the file", "`.env` was written" not in told, told)


def of_root(one: Profile) -> None:
    """Root writes `.env` anew, and the gateway's account cannot read it: no restart ends the gateway, no start loops, and all name the way out."""
    env, unit = one.home / ".env", Unit(one.unit)
    pid = unit.pid
    os.chown(env, 0, 0)
    env.chmod(0o600)
    refused = hermes_install("restart", "a")
    equal("of root: restart ends with", (refused.code, unit.pid), (3, pid))
    contains("of root: restart says", refused.text, str(env), "chown -h hermes-a ./.env")
    unit.systemctl("stop")
    equal("of root: start ends with", hermes_install("start", "a").code, 1)
    equal("of root: how it ended", unit.show()["ExecMainStatus"], "78")
    contains("of root: why says", hermes_install("why", "a").out, str(env), "`hermes-install doctor`, typed by root")
    foreign = found("foreign-files")
    check("of root: doctor finds an error", [finding["severity"] for finding in foreign] == ["error"], foreign)
    shell("sh", "-c", foreign[0]["hint"])
    equal("given back: start ends with", hermes_install("start", "a").code, 0)


def same() -> list[dict]:
    return found("same-token")


def found(rule: str) -> list[dict]:
    findings = json.loads(hermes_install("doctor", "--json").out)["findings"]
    return [finding for finding in findings if finding["rule"] == rule]
