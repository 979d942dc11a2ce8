"""The command: the console script, and `python -m ringfence` for where that is not on the PATH."""

import atexit
import gc
import re
import sys

_NEW = 50_000
"""How many objects are made before Python looks for garbage: a command lives for seconds, most of
what it makes (modules, catalogs, plans) as long as itself, and looking takes a tenth of its time."""

_SUSPECT = re.compile("password|://", re.IGNORECASE)


def _hide() -> None:
    """Have `ps` show the command line without its passwords, as soon as Python can."""
    if any(_SUSPECT.search(word) for word in sys.argv):
        from setproctitle import setproctitle

        from ringfence.script import redacted_message

        words = (redacted_message(word) for word in sys.argv)
        setproctitle(" ".join(words))


def run() -> None:
    """Load the command line and run it; who is interrupted while it loads is told no more than that."""
    gc.set_threshold(_NEW, 20, 50)
    # Nor does it look through all of that once more when there is nothing left to do but to end.
    atexit.register(gc.freeze)
    try:
        _hide()
        from ringfence.cli.main import run as command
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    command()


if __name__ == "__main__":
    run()
