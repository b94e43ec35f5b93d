"""``llmspell doctor``: what confines scripts on this system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, config_options, json_option

if TYPE_CHECKING:
    from llmspell_bridges.process.inspection import Inspection

__all__ = ["doctor"]


@click.command(cls=Command, examples=("llmspell doctor", "llmspell doctor --json"))
@json_option
@config_options
def doctor(settings: Settings, as_json: bool) -> int:
    """Show what confines scripts that run in processes of their own (--isolate process).

    Starts such a process, which tells what is in force for it and then tries what it should not
    be able to do. The exit code is 1 if the configuration asks for more than there is.
    """
    from llmspell.errors import SandboxUnavailable

    config = settings.load()
    level = config.sandbox.isolation
    try:
        found = _inspect(settings)
    except SandboxUnavailable as error:
        _tell(as_json, {"ok": level == "inline", "isolation": level, "unavailable": error.message})
        return int(level != "inline")
    from llmspell.isolation import missing_measures

    missing = missing_measures(config, found.measures)
    told = {
        "ok": not missing,
        "isolation": level,
        "measures": [
            {"name": each.name, "active": each.active, "detail": each.detail}
            for each in found.measures
        ],
        "probes": found.probes,
        "missing": missing,
    }
    _tell(as_json, told)
    return int(bool(missing))


def _inspect(settings: Settings) -> Inspection:
    from llmspell.run_limits import configured_limits
    from llmspell_bridges.process.inspection import inspect_worker
    from llmspell_bridges.sandbox import SandboxOptions

    return inspect_worker(SandboxOptions(limits=configured_limits(settings.load())))


def _tell(as_json: bool, told: dict[str, Any]) -> None:
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json(told)
    else:
        click.echo("\n".join(_lines(told)))


def _lines(told: dict[str, Any]) -> list[str]:
    lines = [f"isolation: {told['isolation']} (sandbox.isolation)", ""]
    if "unavailable" in told:
        return [*lines, f"no worker processes: {told['unavailable']}"]
    lines.append("a worker process is confined by")
    for each in told["measures"]:
        mark = "yes" if each["active"] else "no"
        lines.append(f"  {mark:3}  {each['name']:18} {each['detail']}")
    lines += ["", "and tried to"]
    for name, reason in told["probes"].items():
        lines.append(f"  {name:28} {'POSSIBLE' if reason is None else f'refused: {reason}'}")
    if told["missing"]:
        lines += ["", f"required, and not there: {', '.join(told['missing'])}"]
    return lines
