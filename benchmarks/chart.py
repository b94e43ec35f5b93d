"""A run as a bar chart: plain SVG, on a logarithmic scale, readable in light and dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from xml.sax.saxutils import escape

from benchmarks.labels import OPERATIONS, OURS, duration, grouped, label

__all__ = ["chart"]

#: Operations that get a panel.
PANELS: Final = ("save", "load", "load_uncached", "delete", "transaction", "save_many")
#: Of llmspell's backends one caller is shown, of this one all of them.
ALL_CALLERS_OF: Final = "sqlite"
ONE_CALLER: Final = "lua"
CALLERS: Final = ("lua", "js-sync", "js-await", "python")

WIDTH: Final = 860
LEFT: Final = 250
RIGHT: Final = 80
ROW: Final = 20
BAR: Final = 13
HEAD: Final = 44
GAP: Final = 14
TOP: Final = 64

STYLE: Final = """
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 17px; font-weight: 600; }
  .panel { font-size: 13px; font-weight: 600; }
  .quiet { fill: #57606a; }
  .paper { fill: #ffffff; }
  .grid { stroke: #d8dee4; }
  .ours { fill: #0969da; }
  .bare { fill: #818b98; }
  .peer { fill: #bf8700; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .quiet { fill: #9198a1; }
    .paper { fill: #0d1117; }
    .grid { stroke: #30363d; }
    .ours { fill: #4493f8; }
    .bare { fill: #656c76; }
    .peer { fill: #d29922; }
  }
"""
LEGEND: Final = (("ours", "llmspell"), ("bare", "used directly"), ("peer", "peers"))


class Scale(NamedTuple):
    """A logarithmic axis from ``low`` to ``high`` microseconds, both powers of ten."""

    low: int
    high: int

    def x(self, microseconds: float) -> float:
        """Return how far from the left a duration lies."""
        share = (math.log10(microseconds) - self.low) / (self.high - self.low)
        return LEFT + max(0.0, share) * (WIDTH - LEFT - RIGHT)


def chart(document: Mapping[str, Any]) -> str:
    """Return the text of an SVG file."""
    panels = [
        (operation, rows)
        for operation, found in grouped(document)
        if operation in PANELS and (rows := [row for row, _ in found if _shown(row)])
    ]
    scale = _scale([row["best_us"] for _, rows in panels for row in rows])
    body, y = [], TOP
    for operation, rows in panels:
        body += _panel(OPERATIONS[operation].title, rows, y, scale)
        y += HEAD + ROW * len(rows) + GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img"'
            f' aria-label="Time of one operation, by store and caller">',
            f"<style>{STYLE}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{y}" rx="8"/>',
            *_heading(),
            *body,
            "</svg>\n",
        ]
    )


def _shown(row: Mapping[str, Any]) -> bool:
    if row["subject"] not in OURS:
        return True
    if row["subject"] == ALL_CALLERS_OF:
        return row["caller"] in CALLERS
    return bool(row["caller"] == ONE_CALLER)


def _scale(durations: Sequence[float]) -> Scale:
    low = math.floor(math.log10(min(durations, default=1)))
    return Scale(low, max(low + 1, math.ceil(math.log10(max(durations, default=1)))))


def _heading() -> list[str]:
    lines = [
        _text(20, 28, "Time of one operation, best round", "title"),
        _text(20, 48, "logarithmic; shorter is faster", "quiet"),
    ]
    x = LEFT
    for kind, name in LEGEND:
        lines.append(f'<rect class="{kind}" x="{x}" y="38" width="12" height="12" rx="2"/>')
        lines.append(_text(x + 18, 48, name, "quiet"))
        x += 120
    return lines


def _panel(title: str, rows: Sequence[Mapping[str, Any]], y: int, scale: Scale) -> list[str]:
    bottom = y + HEAD + ROW * len(rows)
    lines = [_text(20, y + 16, title, "panel")]
    for power in range(scale.low, scale.high + 1):
        x = scale.x(10.0**power)
        lines.append(f'<path class="grid" d="M{x:.1f} {y + HEAD - 4}V{bottom}"/>')
        lines.append(_text(x, y + 34, _tick(power), "quiet", "middle"))
    for number, row in enumerate(rows):
        lines += _bar(row, y + HEAD + ROW * number, scale)
    return lines


def _bar(row: Mapping[str, Any], y: int, scale: Scale) -> list[str]:
    subject, caller = label(row["name"])
    kind = "ours" if row["subject"] in OURS else "bare" if subject.startswith("bare") else "peer"
    end = max(scale.x(row["best_us"]), LEFT + 2)
    return [
        _text(LEFT - 8, y + BAR - 2, f"{subject} · {caller}", "", "end"),
        f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" height="{BAR}" rx="2"/>',
        _text(end + 6, y + BAR - 2, duration(row["best_us"]), "quiet"),
    ]


def _tick(power: int) -> str:
    digits, unit = duration(10.0**power).split()
    return f"{float(digits):g} {unit}"


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
