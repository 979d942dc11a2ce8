"""As whom the server runs. PostgreSQL refuses root, so root runs it as the user `nobody`.

No user is created and no permission outside ringfence's own directories is changed, although the
programs and the project may lie where `nobody` cannot go (below /root, say). The ways, best first:

    itself      we are not root: the server runs as we do
    capability  nobody, who keeps the one capability to read and search past permissions
    namespace   nobody inside a user namespace; the files stay root's
    plain       nobody, where everything is open to everybody anyway; whatever else runs as nobody
                can then reach the server
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ringfence.errors import Misuse

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence

_CHOWN, _DAC_OVERRIDE, _DAC_READ_SEARCH, _KILL, _SETGID, _SETUID, _SETPCAP = 0, 1, 2, 5, 6, 7, 8
_KEPT_ENVIRONMENT = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SystemRoot")


@dataclass(frozen=True, slots=True)
class Guise:
    """A way to run a program, and the `uid` and `gid` that must own the files it works on.

    `prefix` goes before the command; `switch` says that the user is changed at the fork.
    """

    way: Literal["itself", "capability", "namespace", "plain"]
    uid: int
    gid: int
    prefix: tuple[str, ...] = ()
    switch: bool = False

    @property
    def home_mode(self) -> int:
        """The permissions of the directory that holds the server's."""
        return 0o711 if self.way == "plain" else 0o700

    def popen(
        self, command: Sequence[str | Path], *, stdin: int, stdout: int, stderr: int
    ) -> subprocess.Popen[str]:
        """Start a command in this guise, in a session and with an environment of its own.

        What the caller has set for himself (PGPORT, LC_ALL, TZ) speaks to PostgreSQL's programs too.
        """
        import subprocess

        environment = {k: v for k in _KEPT_ENVIRONMENT if (v := os.environ.get(k))}
        return subprocess.Popen(
            [*self.prefix, *command],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=environment,
            cwd="/",
            start_new_session=True,
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=[] if self.switch else None,
            text=True,
        )

    def run(
        self, command: Sequence[str | Path], *, text: str = "", timeout: float = 300
    ) -> tuple[int, str]:
        """Run a command to its end and give its status and what it said, both streams together."""
        import subprocess

        with self.popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                said, _ = process.communicate(text, timeout)
            except BaseException:
                process.kill()
                raise
        return process.returncode, said


def choose(postgres: Path, home: Path) -> Guise:
    """The best way to run `postgres` on files below `home`. Raises `Misuse` when there is none."""
    if os.geteuid() != 0:
        import pwd

        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            raise Misuse(
                f"PostgreSQL does not run as a user without a name, and uid {os.geteuid()} has none",
                hint="run as a user whom /etc/passwd knows, or name another server with --dsn",
            ) from None
        return Guise("itself", os.geteuid(), os.getegid())
    for way in WAYS:
        guise = way()
        if guise is not None and _works(guise, postgres, home):
            return guise
    raise Misuse(
        "root cannot run PostgreSQL here, and no way to run it as another user works",
        detail="tried: keeping one capability (needs setpriv and CAP_SETPCAP), a user namespace "
        "(needs unshare), and the plain user nobody (needs a project and a virtual environment "
        "that everybody may enter)",
        hint="run ringfence as an ordinary user, or install util-linux 2.38 or newer",
    )


def by_capability() -> Guise | None:
    """Nobody, with the ambient capability to pass directories that are closed to him."""
    nobody, setpriv, held = _nobody(), _which("setpriv"), _capabilities()
    # We ourselves must own, enter and signal what is nobody's.
    needed = {_CHOWN, _DAC_OVERRIDE, _KILL, _SETGID, _SETUID, _SETPCAP}
    if nobody is None or setpriv is None or not needed <= held:
        return None
    # To read is enough; where a container withholds that one, the greater one it grants has to do.
    kept = "dac_read_search" if held >= {_DAC_READ_SEARCH} else "dac_override"
    return Guise(
        "capability",
        *nobody,
        (
            setpriv,
            f"--reuid={nobody[0]}",
            f"--regid={nobody[1]}",
            "--clear-groups",
            # access(2) asks as the real user, and without this would forget the capability.
            "--securebits=+no_setuid_fixup",
            f"--inh-caps=-all,+{kept}",
            f"--ambient-caps=-all,+{kept}",
            "--",
        ),
    )


def by_namespace() -> Guise | None:
    """Nobody as far as PostgreSQL can see, root's own user as far as files are concerned."""
    nobody, unshare = _nobody(), _which("unshare")
    if nobody is None or unshare is None:
        return None
    mapped = (f"--map-user={nobody[0]}", f"--map-group={nobody[1]}")
    return Guise("namespace", 0, os.getegid(), (unshare, "--user", *mapped, "--"))


def by_plain_switch() -> Guise | None:
    """Nobody, with no rights at all."""
    nobody = _nobody()
    return Guise("plain", *nobody, switch=True) if nobody else None


WAYS: tuple[Callable[[], Guise | None], ...] = (by_capability, by_namespace, by_plain_switch)


def _works(guise: Guise, postgres: Path, home: Path) -> bool:
    """Whether a process in this guise can start PostgreSQL and reach the directory of the home."""
    above = next(directory for directory in home.parents if directory.exists())
    asked = 'test -x "$1" && exec "$0" --version'
    try:
        status, said = guise.run(["/bin/sh", "-c", asked, postgres, above], timeout=30)
    except (OSError, ValueError):
        return False
    return status == 0 and "PostgreSQL" in said


def _nobody() -> tuple[int, int] | None:
    import pwd

    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return None
    return entry.pw_uid, entry.pw_gid


def _which(program: str) -> str | None:
    import shutil

    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/bin:/bin:/usr/sbin:/sbin")


def _capabilities() -> set[int]:
    """The numbers of the capabilities that we hold and may pass on; none where there are none."""
    if sys.platform != "linux":
        return set()
    masks: dict[str, int] = {}
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name in ("CapEff", "CapPrm", "CapBnd"):
            masks[name] = int(value, 16)
    held = masks.get("CapEff", 0) & masks.get("CapPrm", 0) & masks.get("CapBnd", 0)
    return {bit for bit in range(64) if held >> bit & 1}
