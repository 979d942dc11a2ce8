"""`ringfence completion`."""

from __future__ import annotations

import click

SECTION = "Tools"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script with which a shell completes ringfence.

    \b
    Examples:
      ringfence completion bash >> ~/.bashrc
      ringfence completion zsh  >> ~/.zshrc
      ringfence completion fish > ~/.config/fish/completions/ringfence.fish
    """
    from click.shell_completion import get_completion_class

    from ringfence.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    # Not source(): of bash it first asks the bash on PATH for its version, which need not be the
    # one that will read this.
    complete = kind(cli, {}, "ringfence", "_RINGFENCE_COMPLETE")
    click.echo((complete.source_template % complete.source_vars()).rstrip())
