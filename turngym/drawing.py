"""The picture of a tool graph: one SVG text, lanes for worlds, layers from left to right by what comes first.

White boxes read, filled boxes write; pills are kinds of values, each with its own colour; what is red is state.
Law: labels never overlap, every box is legible at the natural size (about 1600 wide), equal graphs give equal
text. Not here: what is drawn (`hubs.py`), where it stands (`layout.py`), and the shapes (`svg.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .envs.graph import ToolGraph
from .envs.world import World
from .envs.worldset import tool_table
from .hubs import Hub, Lane, lanes_of
from .layout import Box, Edge, Layout, layered
from .svg import Canvas, Point, text_width

PAPER, INK, FAINT, GREY, STATE = "#fbfaf6", "#26303a", "#7c8791", "#5f6b76", "#c8304f"
WORLDS = ("#1f6f8b", "#b8741a", "#5b7f2b", "#7a4a94", "#99503f", "#44617b")
KINDS = (
    "#2a7fb8", "#d98a1f", "#3d9a57", "#8a5fbf", "#1fa3a0", "#b0822d",
    "#5c77d6", "#7d9a2c", "#b55fa6", "#4c8f8b", "#8c6d52", "#6a7fa0",
)  # fmt: skip
TEXT, SMALL, TOOL, PILL = 12.5, 11.5, 24.0, 20.0
MARGIN, WIDTH, TOP, HEAD = 40.0, 1600.0, 104.0, 50.0
ROOM = 76.0  # kept free beside a lane's boxes
TIES = 190.0  # the column of what ties worlds
DASHES = "4 2.5"


class Part(NamedTuple):
    """A lane once it is laid out: its layout, its tools that stand alone, its top, its colour."""

    lane: Lane
    layout: Layout
    alone: tuple[str, ...]
    top: float
    colour: str


def draw(graph: ToolGraph, title: str, classes: Sequence[type[World]]) -> str:
    """The SVG text of a graph over the tools of `classes`."""
    lanes, shared = lanes_of(graph, tool_table(tuple(classes)).tools)
    return _Picture(graph, lanes, shared).svg(title)


class _Picture:
    def __init__(self, graph: ToolGraph, lanes: list[Lane], shared: list[Hub]) -> None:
        self.graph, self.lanes, self.shared = graph, lanes, shared
        self.canvas = Canvas(PAPER)
        self.places: dict[str, Point] = {}  # tool, or world/hub -> centre
        kinds = dict.fromkeys(hub.name for hub in (*(h for lane in lanes for h in lane.hubs), *shared) if hub.kind != "state")
        self.colours = {name: KINDS[i % len(KINDS)] for i, name in enumerate(kinds)}

    def svg(self, title: str) -> str:
        """Draw everything."""
        laid = [_lay(lane) for lane in self.lanes]
        right = TIES if self.shared else 0.0
        inner = max(WIDTH - 2 * MARGIN - right, max(layout.width for layout, _ in laid) + ROOM)
        top = TOP
        for number, (lane, (layout, alone)) in enumerate(zip(self.lanes, laid, strict=True)):
            top = self._lane(Part(lane, layout, alone, top, WORLDS[number % len(WORLDS)]), inner) + 26
        if self.shared:
            self._ties(MARGIN + inner + 115)
        self._heading(title)
        self._legend(top + 20)
        return self.canvas.svg(f"{title}: tool graph", inner + 2 * MARGIN + right, top + 64)

    # -- a lane ----------------------------------------------------------------------------------------

    def _lane(self, part: Part, inner: float) -> float:
        """Draw a lane and give its bottom."""
        lane, layout, top = part.lane, part.layout, part.top
        stretch = min((inner - ROOM) / layout.width, 1.9) if layout.width else 1.0

        def at(point: Point) -> Point:
            return MARGIN + 20 + stretch * point[0], top + HEAD + point[1]

        for name, centre in layout.centres.items():
            self.places[_place(lane, name)] = at(centre)
        bottom = self._alone(part, top + HEAD + layout.height + 14 if layout.centres else top + 44, inner)
        self.canvas.field(MARGIN, top, inner, bottom - top, part.colour)
        if len(self.lanes) > 1:
            self.canvas.text(MARGIN + 18, top + 26, lane.world, 16, part.colour, font_weight=700)
            self.canvas.text(MARGIN + 30 + text_width(lane.world, 16), top + 26, f"{len(lane.tools)} tools", SMALL, FAINT)
        for edge, way in layout.ways.items():
            self._edge(lane, edge, [at(point) for point in way])
        for u, v in lane.extra:
            if Edge(u, v, optional=True) not in layout.ways:
                self._aside(u, v)
        for hub in lane.hubs:
            self._pill(hub, self.places[_place(lane, _node(hub))])
        for name in lane.tools:
            self._tool(part, name)
        return bottom

    def _alone(self, part: Part, top: float, inner: float) -> float:
        """Place the tools without an edge in rows, and give the bottom."""
        if not part.alone:
            return top
        self.canvas.text(MARGIN + 18, top + 14, "on their own", SMALL, FAINT, font_style="italic")
        x, y = MARGIN + 110, top + 10
        for name in part.alone:
            wide = _wide(name)
            if x + wide > MARGIN + inner - 16:
                x, y = MARGIN + 110, y + TOOL + 8
            self.places[name] = (x + wide / 2, y)
            x += wide + 12
        return y + TOOL / 2 + 16

    # -- things ----------------------------------------------------------------------------------------

    def _tool(self, part: Part, name: str) -> None:
        (x, y), wide = self.places[name], _wide(name)
        about = self.graph.graph.nodes[name]
        fill, ink, radius = ("#ffffff", INK, TOOL / 2) if about["read"] else (part.colour, "#ffffff", 3)
        title = f"{name}: {about['summary']}"
        self.canvas.box((x, y), wide, TOOL, radius, title=title, fill=fill, stroke=part.colour, stroke_width=1.4)
        self.canvas.text(x, y + 4.3, name, TEXT, ink, text_anchor="middle", font_weight=500)
        dots = sum(hub.dotted and name in hub.takers for hub in part.lane.hubs)
        for number in range(dots):
            self.canvas.dot(x + wide / 2 - 3 - 9 * number, y - TOOL / 2, 4, STATE)

    def _pill(self, hub: Hub, centre: Point) -> None:
        words, colour = _words(hub), self._colour(hub)
        wide = text_width(words, SMALL) + 22
        if hub.kind == "state":
            self.canvas.box(centre, wide, PILL, 3, fill=PAPER, stroke=STATE, stroke_width=1.6)
        else:
            self.canvas.box(centre, wide, PILL, PILL / 2, fill=PAPER)
            self.canvas.box(centre, wide, PILL, PILL / 2, **_tint(colour, "" if hub.kind == "key" else DASHES))
        self.canvas.text(centre[0], centre[1] + 4, words, SMALL, colour, text_anchor="middle", font_weight=600)

    def _colour(self, hub: Hub | None) -> str:
        return STATE if hub is None or hub.kind == "state" else self.colours[hub.name]

    def _edge(self, lane: Lane, edge: Edge, way: list[Point]) -> None:
        hubs = {_node(hub): hub for hub in lane.hubs}
        hub = hubs.get(edge.source) or hubs.get(edge.target)
        source, target = self.places[_place(lane, edge.source)], self.places[_place(lane, edge.target)]
        start = (source[0] + _wide(edge.source, hubs) / 2, source[1])
        end = (target[0] - _wide(edge.target, hubs) / 2, target[1])
        colour, opacity = self._colour(hub), 0.62 if self._colour(hub) == STATE else 0.5
        if edge.target in hubs:
            self.canvas.curve([start, *way, end], colour, opacity)
        else:
            self.canvas.curve([start, *way, (end[0] - 6.5, end[1])], colour, opacity, dashed=hub is None)
            self.canvas.head(end[0] - 2, end[1], colour)

    def _aside(self, source: str, target: str) -> None:
        """A state edge that does not run forwards: a bow at the right of both boxes."""
        (x0, y0), (x1, y1) = self.places[source], self.places[target]
        x0, x1 = x0 + _wide(source) / 2, x1 + _wide(target) / 2 + 2
        self.canvas.bow((x0, y0), (x1 + 5, y1), max(x0, x1) + 22 + abs(y1 - y0) * 0.06, STATE, 0.62)
        self.canvas.head(x1, y1, STATE, leftward=True)

    def _ties(self, x: float) -> None:
        """Kinds that one world reveals and another takes: pills in a column at the right."""
        heights = {hub.name: [self.places[name][1] for name in (*hub.givers, *hub.takers)] for hub in self.shared}
        middle = {name: sum(ys) / len(ys) for name, ys in heights.items()}
        last = TOP + 30
        above = max(min(middle.values()), last + 34) - 22
        self.canvas.text(x, above, "between worlds", SMALL, FAINT, text_anchor="middle", font_style="italic")
        for hub in sorted(self.shared, key=lambda hub: middle[hub.name]):
            last = max(middle[hub.name], last + 34)
            left = (x - text_width(hub.label, SMALL) / 2 - 11, last)
            for name in (*hub.givers, *hub.takers):
                taken = name in hub.takers
                end = (self.places[name][0] + _wide(name) / 2 + 2 * taken, self.places[name][1])
                self.canvas.curve([end, left], self.colours[hub.name], 0.55, dashed=taken)
                if taken:
                    self.canvas.head(*end, self.colours[hub.name], leftward=True)
            self._pill(hub, (x, last))

    # -- words -----------------------------------------------------------------------------------------

    def _heading(self, title: str) -> None:
        counts = self.graph.summary()
        data = f"{counts['data_edges']} data edges, shown through the {len(self.colours)} kinds of values that tie the most"
        words = f"{counts['tools']} tools. {data}; {counts['state_edges']} state edges, found by execution."
        self.canvas.text(MARGIN, 54, title, 30, INK, font_weight=700)
        self.canvas.text(MARGIN, 82, words, 14, FAINT)

    def _legend(self, y: float) -> None:
        x = MARGIN
        boxes: tuple[tuple[float, dict[str, Any], str], ...] = (
            (8, {"fill": "#ffffff", "stroke": GREY, "stroke_width": 1.4}, "tool that reads"),
            (3, {"fill": GREY}, "tool that writes"),
            (8, _tint(KINDS[0], ""), "internal id: only tools reveal it"),
            (8, _tint(KINDS[1], DASHES), "value a user can say too"),
            (3, {"fill": PAPER, "stroke": STATE, "stroke_width": 1.6}, "state that calls make true"),
        )
        for radius, style, words in boxes:
            self.canvas.box((x + 15, y), 30, 16, radius, **style)
            x = self._legend_text(x, y, words)
        self.canvas.dot(x + 15, y, 4.5, STATE)
        x = self._legend_text(x, y, "needs the state with the dot")
        self.canvas.stroke(x, y, 30, STATE)
        self._legend_text(x, y, "makes possible (seen, not declared)")

    def _legend_text(self, x: float, y: float, words: str) -> float:
        self.canvas.text(x + 38, y + 4, words, SMALL, INK)
        return x + 56 + text_width(words, SMALL)


def _lay(lane: Lane) -> tuple[Layout, tuple[str, ...]]:
    """The layout of a lane, and its tools without an edge."""
    edges = [edge for hub in lane.hubs for edge in _edges(hub, dots=False)]
    edges += [Edge(u, v, optional=True) for u, v in lane.extra]
    tied = {name for edge in edges for name in edge[:2]}
    boxes = {name: Box(_wide(name), TOOL, rank) for rank, name in enumerate(lane.tools) if name in tied}
    boxes.update({_node(hub): Box(text_width(_words(hub), SMALL) + 26, PILL + 1, -1) for hub in lane.hubs})
    hidden = [edge for hub in lane.hubs if hub.dotted for edge in _edges(hub, dots=True) if edge.target in boxes]
    return layered(boxes, edges, hidden=hidden), tuple(name for name in lane.tools if name not in tied)


def _edges(hub: Hub, *, dots: bool) -> Iterable[Edge]:
    """The edges of a hub that are drawn, or (`dots`) those that dots stand for. The first giver alone decides layers."""
    node = _node(hub)
    if not dots:
        yield from (Edge(name, node, f"{node}<", optional=number > 0) for number, name in enumerate(hub.givers))
    if dots == hub.dotted:
        yield from (Edge(node, name, f"{node}>") for name in hub.takers)


def _node(hub: Hub) -> str:
    return f"{'state' if hub.kind == 'state' else 'kind'}:{hub.name}"


def _place(lane: Lane, name: str) -> str:
    return f"{lane.world}/{name}" if ":" in name else name


def _words(hub: Hub) -> str:
    return f"{hub.label} \u25cf {len(hub.takers)} tools" if hub.dotted else hub.label


def _wide(name: str, hubs: dict[str, Hub] | None = None) -> float:
    if hubs and name in hubs:
        return text_width(_words(hubs[name]), SMALL) + 22
    return text_width(name, TEXT) + 22


def _tint(colour: str, dashes: str) -> dict[str, Any]:
    return {"fill": colour, "fill_opacity": 0.16, "stroke": colour, "stroke_width": 1.4, "stroke_dasharray": dashes}
