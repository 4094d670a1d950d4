"""The installation of install.sh as its first gateway leaves it, a checkout with a stamp: hermes-install knows it as before."""

from check import check, contains, equal
from gateway import fresh_account
from installer import hermes_install
from store import Store

HERMES = ["0.22.2-store"]
SECONDS = 60


def run() -> None:
    fresh_account()
    store = Store("hermes", "/var/lib/hermes").place()
    store.repository()
    # What install.sh does, and the first start of a gateway where it did not.
    store.stamp()
    check("there is a stamp", (store.checkout / "install-stamp.json").exists())
    done = hermes_install("--profile", "default", "--no-start")
    equal("install ends with", done.code, 0)
    contains("what it says", done.err, f"hermes 0.22.2 at `{store.launcher}`")
