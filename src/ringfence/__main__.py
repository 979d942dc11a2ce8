"""The command: the console script, and `python -m ringfence` for where that is not on the PATH."""

import sys


def run() -> None:
    """Load the command line and run it; who is interrupted while it loads is told no more than that."""
    try:
        from ringfence.cli.main import run as command
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    command()


if __name__ == "__main__":
    run()
