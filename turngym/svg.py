"""A canvas for SVG text: the few shapes that pictures here are made of, in two layers, lines under boxes.

Law: all text is escaped, numbers have one decimal, so equal calls give equal text.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from html import escape

FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"
Point = tuple[float, float]


def text_width(text: str, size: float) -> float:
    """An upper estimate of a text's width in any of our fonts."""
    return sum(0.36 if c in "iljtf.,:;|!' " else 0.92 if c in "mwMW" else 0.63 for c in text) * size


class Canvas:
    """Collects shapes; `svg` gives the picture. Styles are SVG attributes with `_` for `-`."""

    def __init__(self, paper: str) -> None:
        self.paper = paper
        self._under: list[str] = []
        self._over: list[str] = []

    def box(self, centre: Point, width: float, height: float, radius: float, *, title: str = "", **style: object) -> None:
        """A rounded rectangle; `title` is what a pointer shows."""
        x, y = centre
        place = f'x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}"'
        shape = f'<rect {place} rx="{radius:g}"{_style(style)}/>'
        self._over.append(f"<g><title>{escape(title)}</title>{shape}</g>" if title else shape)

    def field(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        """A pale area under everything."""
        place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        self._under.insert(0, f'<rect {place} rx="14" fill="{fill}" fill-opacity="0.055"/>')

    def dot(self, x: float, y: float, radius: float, fill: str) -> None:
        """A dot with a rim of paper."""
        self._over.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{fill}" stroke="{self.paper}" stroke-width="1.5"/>')

    def text(self, x: float, y: float, words: str, size: float, fill: str, **style: object) -> None:
        """Words; `text_anchor`, `font_weight` and `font_style` as in SVG."""
        self._over.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{fill}"{_style(style)}>{escape(words)}</text>')

    def curve(self, points: Sequence[Point], colour: str, opacity: float, dashed: bool = False) -> None:
        """A line that leaves every point to the right and comes into the next from the left."""
        path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            bend = max(abs(x1 - x0) * 0.5, 26.0) if x1 > x0 else 70.0
            path.append(f"C{x0 + bend:.1f} {y0:.1f} {x1 - bend:.1f} {y1:.1f} {x1:.1f} {y1:.1f}")
        self._line("".join(path), colour, opacity, dashed)

    def bow(self, start: Point, end: Point, reach: float, colour: str, opacity: float) -> None:
        """A dashed line that leaves and comes in at the right, as far out as `reach`."""
        (x0, y0), (x1, y1) = start, end
        self._line(f"M{x0:.1f} {y0:.1f}C{reach:.1f} {y0:.1f} {reach:.1f} {y1:.1f} {x1:.1f} {y1:.1f}", colour, opacity, True)

    def head(self, x: float, y: float, colour: str, *, leftward: bool = False) -> None:
        """An arrow's head whose tip is at the point."""
        self._under.append(f'<path d="M{x:.1f} {y:.1f}l{6.5 if leftward else -6.5} -3.4v6.8z" fill="{colour}" fill-opacity="0.8"/>')

    def stroke(self, x: float, y: float, length: float, colour: str) -> None:
        """A short dashed line, for the legend."""
        self._line(f"M{x:.1f} {y:.1f}h{length:g}", colour, 1, True)

    def _line(self, path: str, colour: str, opacity: float, dashed: bool) -> None:
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._under.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-opacity="{opacity:g}"{dash}/>')

    def svg(self, title: str, width: float, height: float) -> str:
        """The picture."""
        body = "\n".join((*self._under, *self._over))
        size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{escape(FONT)}">\n<title>{escape(title)}</title>\n'
            f'<rect width="100%" height="100%" fill="{self.paper}"/>\n{body}\n</svg>\n'
        )


def _style(style: dict[str, object]) -> str:
    return "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items() if value not in ("", None))
