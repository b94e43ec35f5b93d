"""Asking before something is done that takes much away."""

from __future__ import annotations

import sys

import click

__all__ = ["confirmed"]


def confirmed(what: str, *, yes: bool, as_json: bool) -> bool:
    """Return whether to do ``what``: with ``yes``, or when a person at the terminal agrees.

    ``what`` reads on after "this ". Raises UsageFailure where there is nobody to ask.
    """
    if yes:
        return True
    if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        from llmspell.cli.failures import UsageFailure

        raise UsageFailure(f"this {what}; nothing was done", hint="to do it: --yes")
    if click.confirm(f"This {what}. Go on?", err=True):
        return True
    click.echo("nothing was done", err=True)
    return False
