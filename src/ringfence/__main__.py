"""`python -m ringfence`, for where the script is not on the PATH."""

from ringfence.cli.main import run

run()
