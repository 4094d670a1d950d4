"""A gateway that cron started is no unit of cron's: nobody is told to stop cron, and adopt brings it under its own unit."""

import subprocess

from check import check, contains, equal
from gateway import HERMES as PROGRAM
from gateway import Profile, fresh_account
from installer import hermes_install, install
from systemd import Unit

SECONDS = 40


def run() -> None:
    fresh_account()
    coder, cron = Profile("coder").make(), Unit("cron.service")
    # As cron is on each distribution: stopping it leaves its jobs alone, and it does not say what they are.
    subprocess.run(["systemd-run", "--unit", cron.name, "--property=KillMode=process", "sleep", "infinity"], check=True)
    subprocess.Popen(
        [
            *("sh", "-c", f'echo $$ >/sys/fs/cgroup/system.slice/{cron.name}/cgroup.procs; exec "$@"', "job"),
            *("setpriv", "--reuid=hermes", "--regid=hermes", "--clear-groups", "env", "--chdir=/", "--ignore-environment"),
            *(f"HOME={coder.root}", f"HERMES_HOME={coder.root}", PROGRAM, "--profile", "coder", "gateway", "run"),
        ]
    )
    job = coder.until_up()

    refused = install(coder)
    equal("install beside it ends with", refused.code, 3)
    contains("its refusal", refused.err, "a job of `cron.service`", "adopt --profile coder")
    check("nobody is told to stop cron", "stop cron" not in refused.err, refused.err)
    found = hermes_install("doctor")
    contains("doctor", found.out, "1 running gateway looked at")
    check("cron is not taken for a unit of a gateway", f"unit `{cron.name}`" not in found.out, found.out)
    shown = hermes_install("status", "--profile", "coder")
    contains("status", shown.out, f"kill -INT {job}")

    equal("adopt ends with", hermes_install("adopt", "--profile", "coder", "--yes").code, 0)
    equal("gateways", coder.gateways(), [Unit(coder.unit).pid])
    equal("cron", cron.states[0], "active")
