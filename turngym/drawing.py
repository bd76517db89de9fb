"""The picture of a tool graph: one SVG text, lanes for worlds, layers from left to right by what comes first.

White boxes read, filled boxes write; pills are kinds of values, each with its own colour; what is red is state.
Law: labels never overlap, every box is legible at the natural size (about 1600 wide), equal graphs give equal
text. Not here: what is drawn (`hubs.py`) and where it stands (`layout.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from .envs.graph import ToolGraph
from .envs.world import World
from .envs.worldset import tool_table
from .hubs import Hub, Lane, lanes_of
from .layout import Box, Edge, Layout, layered

FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"
PAPER, INK, FAINT, STATE = "#fbfaf6", "#26303a", "#7c8791", "#c8304f"
WORLDS = ("#1f6f8b", "#b8741a", "#5b7f2b", "#7a4a94", "#99503f", "#44617b")
KINDS = ("#2a7fb8", "#d98a1f", "#3d9a57", "#8a5fbf", "#1fa3a0", "#b0822d", "#5c77d6", "#7d9a2c", "#b55fa6", "#4c8f8b", "#8c6d52", "#6a7fa0")
TEXT, SMALL, LINE = 12.5, 11.5, 24.0
MARGIN, WIDTH, ROOM = 40.0, 1600.0, 76.0  # ROOM: kept free beside a lane's boxes


class Part(NamedTuple):
    """A lane once it is laid out: where its top is, its layout, its tools that stand alone, and its colour."""

    lane: Lane
    layout: Layout
    alone: list[str]
    top: float
    colour: str


def draw(graph: ToolGraph, title: str, classes: Sequence[type[World]]) -> str:
    """The SVG text of a graph over the tools of `classes`."""
    tools = tool_table(tuple(classes)).tools
    lanes, shared = lanes_of(graph, tools)
    return _Picture(graph, title, lanes, shared).svg()


def text_width(text: str, size: float) -> float:
    """An upper estimate of a text's width in any of our fonts."""
    return sum(0.36 if c in "iljtf.,:;|!' " else 0.92 if c in "mwMW" else 0.63 for c in text) * size


class _Picture:
    def __init__(self, graph: ToolGraph, title: str, lanes: list[Lane], shared: list[Hub]) -> None:
        self.graph, self.title, self.lanes, self.shared = graph, title, lanes, shared
        self.under: list[str] = []
        self.over: list[str] = []
        self.boxes: dict[str, tuple[float, float, float]] = {}  # node -> x, y, width
        self.colours = {hub.name: KINDS[i % len(KINDS)] for i, hub in enumerate(h for lane in lanes for h in lane.hubs if h.kind != "state")}
        self.tied = [hub for hub in shared]

    def svg(self) -> str:
        right = 190.0 if self.tied else 0.0
        parts, top = [], 104.0
        laid = [self._lay(lane) for lane in self.lanes]
        inner = max(WIDTH - 2 * MARGIN - right, max(layout.width for layout, _ in laid) + ROOM)
        for number, (lane, (layout, alone)) in enumerate(zip(self.lanes, laid, strict=True)):
            part = Part(lane, layout, alone, top, WORLDS[number % len(WORLDS)])
            top = self._lane(part, inner) + 26
            parts.append(part)
        if self.tied:
            self._ties(MARGIN + inner + 60, 104.0, top)
        width, height = inner + 2 * MARGIN + right, top + 64
        self._heading(width)
        self._legend(top + 14)
        body = "\n".join([*self.under, *self.over])
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
            f' font-family="{escape(FONT)}">\n<title>{escape(self.title)}: tool graph</title>\n'
            f'<rect width="100%" height="100%" fill="{PAPER}"/>\n{body}\n</svg>\n'
        )

    # -- a lane ----------------------------------------------------------------------------------------

    def _lay(self, lane: Lane) -> tuple[Layout, list[str]]:
        edges = [edge for hub in lane.hubs for edge in _edges(hub, dots=False)]
        hidden = [edge for hub in lane.hubs if hub.dotted for edge in _edges(hub, dots=True)]
        edges += [Edge(u, v, optional=True) for u, v in lane.extra]
        tied = {name for edge in edges for name in edge[:2]}
        alone = [name for name in lane.tools if name not in tied]
        boxes = {name: Box(text_width(name, TEXT) + 22, LINE, i) for i, name in enumerate(lane.tools) if name in tied}
        for hub in lane.hubs:
            boxes[_node(hub)] = Box(text_width(_words(hub), SMALL) + 26, 21, -1)
        hidden = [edge for edge in hidden if edge.source in boxes and edge.target in boxes]
        return layered(boxes, edges, hidden=hidden), alone

    def _lane(self, part: Part, inner: float) -> float:
        lane, layout, top = part.lane, part.layout, part.top
        stretch = self._stretch(layout, inner - ROOM)
        bottom = top + 44
        if layout.centres:
            for name, (x, y) in layout.centres.items():
                self.boxes[f"{lane.world}/{name}"] = (MARGIN + 20 + stretch * x, top + 50 + y, 0.0)
            bottom = top + 50 + layout.height + 14
        bottom = self._alone(part, bottom, inner)
        self.under.insert(
            0,
            f'<rect x="{MARGIN:.0f}" y="{top:.0f}" width="{inner:.0f}" height="{bottom - top:.0f}" rx="14" fill="{part.colour}" fill-opacity="0.055"/>',
        )
        if len(self.lanes) > 1:
            self._text(MARGIN + 18, top + 26, lane.world, 16, part.colour, weight=700)
            self._text(MARGIN + 18 + text_width(lane.world, 16) + 12, top + 26, f"{len(lane.tools)} tools", SMALL, FAINT)
        for u, v in lane.extra:
            if Edge(u, v, optional=True) not in layout.ways:
                self._aside(lane, u, v)
        for edge, way in layout.ways.items():
            points = [(MARGIN + 20 + stretch * x, top + 50 + y) for x, y in way]
            self._edge(lane, edge, points)
        for hub in lane.hubs:
            self._pill(hub, *self.boxes[f"{lane.world}/{_node(hub)}"][:2])
        for name in lane.tools:
            if name not in part.alone:
                self._tool(part, name, *self.boxes[f"{lane.world}/{name}"][:2])
        return bottom

    @staticmethod
    def _stretch(layout: Layout, room: float) -> float:
        return min(room / layout.width, 1.9) if layout.width else 1.0

    def _alone(self, part: Part, bottom: float, inner: float) -> float:
        """Tools without an edge, in rows below."""
        if not part.alone:
            return bottom
        self._text(MARGIN + 18, bottom + 14, "on their own", SMALL, FAINT, style="italic")
        x, y = MARGIN + 110, bottom + 10
        for name in part.alone:
            wide = text_width(name, TEXT) + 22
            if x + wide > MARGIN + inner - 16:
                x, y = MARGIN + 110, y + LINE + 8
            self.boxes[f"{part.lane.world}/{name}"] = (x + wide / 2, y, 0.0)
            self._tool(part, name, x + wide / 2, y)
            x += wide + 12
        return y + LINE / 2 + 16

    # -- things ----------------------------------------------------------------------------------------

    def _tool(self, part: Part, name: str, x: float, y: float) -> None:
        wide = text_width(name, TEXT) + 22
        writes = not self.graph.graph.nodes[name]["read"]
        fill, ink = (part.colour, "#ffffff") if writes else ("#ffffff", INK)
        radius = 3 if writes else LINE / 2
        summary = escape(str(self.graph.graph.nodes[name]["summary"]))
        self.over.append(
            f'<g><title>{escape(name)}: {summary}</title><rect x="{x - wide / 2:.1f}" y="{y - LINE / 2:.1f}" width="{wide:.1f}"'
            f' height="{LINE}" rx="{radius}" fill="{fill}" stroke="{part.colour}" stroke-width="1.4"/></g>'
        )
        self._text(x, y + 4.3, name, TEXT, ink, anchor="middle", weight=500)
        dots = [hub for hub in part.lane.hubs if hub.dotted and name in hub.takers]
        for number, _ in enumerate(dots):
            cx = x + wide / 2 - 3 - 9 * number
            self.over.append(f'<circle cx="{cx:.1f}" cy="{y - LINE / 2:.1f}" r="4" fill="{STATE}" stroke="{PAPER}" stroke-width="1.5"/>')

    def _pill(self, hub: Hub, x: float, y: float) -> None:
        words = _words(hub)
        wide = text_width(words, SMALL) + 22
        colour = STATE if hub.kind == "state" else self.colours.get(hub.name, INK)
        if hub.kind == "state":
            shape = f'<rect x="{x - wide / 2:.1f}" y="{y - 10:.1f}" width="{wide:.1f}" height="20" rx="3" fill="{PAPER}" stroke="{STATE}" stroke-width="1.6"/>'
        else:
            dash = "" if hub.kind == "key" else ' stroke-dasharray="4 2.5"'
            shape = (
                f'<rect x="{x - wide / 2:.1f}" y="{y - 10:.1f}" width="{wide:.1f}" height="20" rx="10" fill="{PAPER}"/>'
                f'<rect x="{x - wide / 2:.1f}" y="{y - 10:.1f}" width="{wide:.1f}" height="20" rx="10" fill="{colour}" fill-opacity="0.16"'
                f' stroke="{colour}" stroke-width="1.4"{dash}/>'
            )
        self.over.append(shape)
        self._text(x, y + 4, words, SMALL, colour, anchor="middle", weight=600)

    def _edge(self, lane: Lane, edge: Edge, way: list[tuple[float, float]]) -> None:
        source, target = self.boxes[f"{lane.world}/{edge.source}"], self.boxes[f"{lane.world}/{edge.target}"]
        start = (source[0] + _wide(edge.source, lane) / 2, source[1])
        end = (target[0] - _wide(edge.target, lane) / 2 - 2, target[1])
        hub = next((h for h in lane.hubs if _node(h) == edge.bundle.partition("<")[0].partition(">")[0]), None)
        state = hub is None or hub.kind == "state"
        colour = STATE if state else self.colours[hub.name] if hub else STATE
        arrow = 4.5 if not edge.target.startswith(("kind:", "state:")) else 0.0
        self._curve([start, *way, (end[0] - arrow, end[1])], colour, dashed=hub is None, opacity=0.62 if state else 0.5)
        if arrow:
            x, y = end
            self.under.append(f'<path d="M{x:.1f} {y:.1f}l-6.5 -3.4v6.8z" fill="{colour}" fill-opacity="0.8"/>')

    def _aside(self, lane: Lane, source: str, target: str) -> None:
        """A state edge that does not run forwards: a bow at the right of both boxes."""
        (x0, y0, _), (x1, y1, _) = self.boxes[f"{lane.world}/{source}"], self.boxes[f"{lane.world}/{target}"]
        x0, x1 = x0 + _wide(source, lane) / 2, x1 + _wide(target, lane) / 2 + 2
        bow = max(x0, x1) + 22 + abs(y1 - y0) * 0.06
        self.under.append(
            f'<path d="M{x0:.1f} {y0:.1f}C{bow:.1f} {y0:.1f} {bow:.1f} {y1:.1f} {x1 + 5:.1f} {y1:.1f}" fill="none" stroke="{STATE}"'
            f' stroke-width="1.5" stroke-opacity="0.62" stroke-dasharray="5 4"/><path d="M{x1:.1f} {y1:.1f}l6.5 -3.4v6.8z" fill="{STATE}"/>'
        )

    def _curve(self, points: list[tuple[float, float]], colour: str, *, dashed: bool = False, opacity: float = 0.5) -> None:
        path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
        for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
            bend = max(abs(x1 - x0) * 0.5, 26.0) if x1 > x0 else 70.0
            path.append(f"C{x0 + bend:.1f} {y0:.1f} {x1 - bend:.1f} {y1:.1f} {x1:.1f} {y1:.1f}")
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.under.append(f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-opacity="{opacity}"{dash}/>')

    # -- between worlds --------------------------------------------------------------------------------

    def _ties(self, x: float, top: float, bottom: float) -> None:
        """Kinds that one world reveals and another takes: hubs in a column at the right."""
        where = {key.partition("/")[2]: box for key, box in self.boxes.items()}
        middle = {hub.name: sum(where[n][1] for n in (*hub.givers, *hub.takers)) / len(hub.givers + hub.takers) for hub in self.tied}
        self._text(x + 55, top + 26, "between worlds", SMALL, FAINT, anchor="middle", style="italic")
        last = top + 30
        for hub in sorted(self.tied, key=lambda hub: middle[hub.name]):
            y = max(middle[hub.name], last + 34)
            last = y
            colour = self.colours.setdefault(hub.name, KINDS[len(self.colours) % len(KINDS)])
            left = x + 55 - text_width(hub.label, SMALL) / 2 - 11
            for name in hub.givers:
                self._curve([(where[name][0] + text_width(name, TEXT) / 2 + 11, where[name][1]), (left, y)], colour, opacity=0.55)
            for name in hub.takers:
                end = (where[name][0] + text_width(name, TEXT) / 2 + 13, where[name][1])
                self._curve([end, (left, y)], colour, opacity=0.55, dashed=True)
                self.under.append(f'<path d="M{end[0]:.1f} {end[1]:.1f}l6.5 -3.4v6.8z" fill="{colour}" fill-opacity="0.7"/>')
            self._pill(hub, x + 55, y)

    # -- words -----------------------------------------------------------------------------------------

    def _heading(self, width: float) -> None:
        summary = self.graph.summary()
        self._text(MARGIN, 54, self.title, 30, INK, weight=700)
        kinds = len({hub.name for lane in self.lanes for hub in lane.hubs if hub.kind != "state"} | {hub.name for hub in self.tied})
        counts = f"{summary['tools']} tools. {summary['data_edges']} data edges, shown through the {kinds} kinds of values that tie the most"
        self._text(MARGIN, 82, f"{counts}; {summary['state_edges']} state edges, found by execution.", 14, FAINT)

    def _legend(self, y: float) -> None:
        x, line = MARGIN, y + 6
        grey = "#5f6b76"
        for shape, words in (
            (f'<rect x="{{x}}" y="{line - 8}" width="30" height="16" rx="8" fill="#fff" stroke="{grey}" stroke-width="1.4"/>', "tool that reads"),
            (f'<rect x="{{x}}" y="{line - 8}" width="30" height="16" rx="3" fill="{grey}"/>', "tool that writes"),
            (f'<rect x="{{x}}" y="{line - 8}" width="30" height="16" rx="8" fill="{KINDS[0]}" fill-opacity="0.16" stroke="{KINDS[0]}" stroke-width="1.4"/>',
             "internal id: only tools reveal it"),
            (f'<rect x="{{x}}" y="{line - 8}" width="30" height="16" rx="8" fill="{KINDS[1]}" fill-opacity="0.16" stroke="{KINDS[1]}" stroke-width="1.4"'
             ' stroke-dasharray="4 2.5"/>', "value a user can say too"),
            (f'<rect x="{{x}}" y="{line - 8}" width="30" height="16" rx="3" fill="{PAPER}" stroke="{STATE}" stroke-width="1.6"/>', "state that calls make true"),
            (f'<circle cx="{{x15}}" cy="{line}" r="4.5" fill="{STATE}"/>', "needs the state with the dot"),
            (f'<path d="M{{x}} {line}h30" stroke="{STATE}" stroke-width="1.6" stroke-dasharray="5 4"/>', "makes possible (seen, not declared)"),
        ):  # fmt: skip
            self.over.append(shape.replace("{x}", f"{x:.0f}").replace("{x15}", f"{x + 15:.0f}"))
            self._text(x + 38, line + 4, words, SMALL, INK)
            x += 38 + text_width(words, SMALL) + 18

    def _text(self, x: float, y: float, words: str, size: float, fill: str, *, anchor: str = "start", weight: int = 400, style: str = "normal") -> None:
        extra = f' font-style="{style}"' if style != "normal" else ""
        self.over.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}" font-weight="{weight}"{extra}>{escape(words)}</text>'
        )


def _node(hub: Hub) -> str:
    return f"{'state' if hub.kind == 'state' else 'kind'}:{hub.name}"


def _words(hub: Hub) -> str:
    return f"{hub.label} \u25cf {len(hub.takers)} tools" if hub.dotted else hub.label


def _wide(name: str, lane: Lane) -> float:
    hub = next((h for h in lane.hubs if _node(h) == name), None)
    return text_width(_words(hub), SMALL) + 22 if hub else text_width(name, TEXT) + 22


def _edges(hub: Hub, *, dots: bool) -> Iterable[Edge]:
    node = _node(hub)
    if not dots:
        yield from (Edge(name, node, f"{node}<", optional=number > 0) for number, name in enumerate(hub.givers))
    if dots == hub.dotted:
        yield from (Edge(node, name, f"{node}>") for name in hub.takers)
