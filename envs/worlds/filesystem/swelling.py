"""More of a file system: folders, projects, places, people, logs and things in the trash that nobody asks about.

Laws: what was there stays as it was, but for the listings of directories and the quotas, which grow by what is
added, so that as much room is left as before. No new name is that of an older file or folder, nor one that
people here give to new ones (`draws.py`); no new text speaks of an older project. Folders that are empty, locked
or part of a project stay as they are.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from ...records import changed
from .contents import PEOPLE, write
from .generator import FOLDERS, Builder
from .packing import kind_of, pack
from .paths import join, name_of, parent_of
from .records import Account, Directory, File, Node, TrashItem

COLOURS = (
    "silver", "scarlet", "violet", "ivory", "copper", "olive", "teal", "russet", "ochre", "indigo", "crimson", "pearl", "bronze", "sable",
)  # fmt: skip
THINGS = (
    "comet", "kettle", "saddle", "walnut", "anvil", "compass", "ferry", "glacier", "hammock", "ladder", "marble", "needle", "organ",
    "pebble", "quarry", "rudder", "spindle", "thimble", "violin", "willow",
)  # fmt: skip
STEMS = (
    ("memo", "letter", ".txt"), ("ledger", "expenses", ".csv"), ("transcript", "minutes", ".md"), ("manual", "readme", ".md"),
    ("errata", "notes", ".txt"), ("chores", "todo", ".txt"), ("profile", "config", ".ini"), ("script", "code", ".py"),
    ("marks", "scores", ".txt"), ("shelf", "reading", ".txt"), ("pantry", "shopping", ".txt"), ("members", "contacts", ".csv"),
    ("trace", "log", ".log"),
)  # fmt: skip
PARTS = ("papers", "sources", "tables", "records")
PLACES = ("guild", "workshop", "library", "atelier", "laboratory", "observatory")
YOUNG = 20 * 86_400  # the trash is emptied of what is thirty days old
POOL = 5  # texts of each kind and topic that files are put together from


def swell(world: Any, rng: Random, factor: int) -> None:
    """Add `factor` helpings to a generated world."""
    grow = _Grower(world, rng)
    home = world.accounts[world.user].home
    projects = parent_of(world.links[f"{home}/current"].target)
    _listed(grow, world, home, factor)
    for _ in range(22 * factor):
        _folder(grow, home, world.user)
    for _ in range(12 * factor):
        _project(grow, projects, world.user)
    for _ in range(5 * factor):
        _place(grow, rng.choice(PLACES))
    people = _neighbours(grow, world, 4 * factor)
    grow.files("/var/log", "root", 8 * factor, long=6, stems=STEMS[-1:])
    grow.flush(world)
    _charge(grow, world, people)
    _trash(grow, world, home, 14 * factor)


class _Grower(Builder):
    """A builder over what is there already, with a stock of texts about things that nobody knows of."""

    def __init__(self, world: Any, rng: Random) -> None:
        super().__init__(world, rng)
        self.there: dict[str, Directory] = {d.path: d for d in world.directories}
        self.entries = {path: [] for path in self.there}
        self.count = 0
        self.said = {file.content for file in world.files}
        topics = [f"{rng.choice(COLOURS)} {rng.choice(THINGS)}" for _ in range(POOL)]
        self.texts = {kind: [write(kind, rng, topic) for topic in topics] for _, kind, _ in STEMS}

    def name(self, stem: str = "") -> str:
        """A name that is in use nowhere: `ledger-silver-comet-4`."""
        self.count += 1
        words = f"{self.rng.choice(COLOURS)}-{self.rng.choice(THINGS)}-{self.count}"
        return f"{stem}-{words}" if stem else words

    def text(self, kind: str, long: int) -> str:
        """A text of up to `long` pieces."""
        stock = self.texts[kind]
        start = int(self.rng.random() * POOL)
        text = "".join([stock[(start + at) % POOL] for at in range(1 + int(self.rng.random() * long))])
        while text in self.said:  # short lists can come out like older ones
            text += stock[start]
        return text

    def files(self, place: str, owner: str, count: int, long: int = 3, stems: tuple[tuple[str, str, str], ...] = STEMS) -> None:
        """New files in a directory, some of them long."""
        start = int(self.rng.random() * len(stems))
        for at in range(count):
            stem, kind, ending = stems[(start + at) % len(stems)]
            self.file(f"{place}/{self.name(stem)}{ending}", self.text(kind, long), owner, owner)

    def flush(self, world: Any) -> None:
        """Put all that is new into the tables, and the longer listings of what was there."""
        super().flush(world)
        for path, directory in self.there.items():
            if names := self.entries[path]:
                world.directories.put(changed(directory, entries=tuple(sorted([*directory.entries, *names]))))


def _listed(grow: _Grower, world: Any, home: str, factor: int) -> None:
    """Some more files in the folders that people list: the home, what stands in it, and the team's place."""
    usual = {name for name, _ in FOLDERS}
    team = f"/srv/{world.accounts[world.user].groups[-1]}"
    grow.files(home, world.user, 12 * factor)
    for path, directory in grow.there.items():
        if parent_of(path) == home and name_of(path) in usual and directory.entries:
            grow.files(path, world.user, 3 * factor)
    colleague = next(file.owner for file in world.files if parent_of(file.path) == team)
    grow.files(team, colleague, 5 * factor)


def _folder(grow: _Grower, home: str, owner: str) -> None:
    rng = grow.rng
    top = grow.directory(f"{home}/{grow.name()}", owner, owner)
    grow.files(top, owner, 4 + int(rng.random() * 4))
    below = grow.directory(f"{top}/{grow.name('box')}", owner, owner)
    grow.files(below, owner, 3, long=6)
    if rng.random() < 0.4:
        grow.link(f"{home}/{grow.name('shortcut')}", top, owner)
    if rng.random() < 0.3:
        nodes = [node for path, node in grow.nodes.items() if path == below or path.startswith(below + "/")]
        grow.file(f"{top}/{grow.name('bundle')}.tar", pack(nodes, len(top) + 1), owner, owner, 0o644, True)


def _project(grow: _Grower, projects: str, owner: str) -> None:
    top = grow.directory(f"{projects}/{grow.name()}", owner, owner)
    grow.files(top, owner, 2)
    for part in PARTS:
        grow.files(grow.directory(f"{top}/{part}", owner, owner), owner, 3)


def _place(grow: _Grower, kind: str) -> None:
    """A place of people with whom the user has nothing to do; anyone may read it."""
    top = grow.directory(f"/srv/{grow.name(kind)}", "root", "root")
    grow.files(top, "root", 6, long=5)


def _neighbours(grow: _Grower, world: Any, count: int) -> list[str]:
    """Further people on this computer, with a home that others may look into."""
    taken = {account.user for account in world.accounts}
    free = [name.lower() for name in PEOPLE if name.lower() not in taken]
    people = grow.rng.sample(free, min(count, len(free)))
    for name in people:
        home = grow.directory(f"/home/{name}", name, name)
        grow.files(home, name, 3)
        grow.files(grow.directory(f"{home}/{grow.rng.choice(PARTS)}", name, name), name, 4)
    return people


def _charge(grow: _Grower, world: Any, people: list[str]) -> None:
    """Book what is new on its owners' quotas, and raise these by as much."""
    size: Counter[str] = Counter()
    nodes: Counter[str] = Counter()
    for node in grow.nodes.values():
        nodes[node.owner] += 1
        size[node.owner] += node.size if isinstance(node, File) else 0
    for name in people:
        world.accounts.put(Account(name, (name,), f"/home/{name}", 65_536, 400))
    for name in sorted(nodes):
        _allow(world, name, size[name], nodes[name])


def _allow(world: Any, name: str, size: int, nodes: int) -> None:
    old = world.accounts[name]
    world.accounts.put(
        changed(
            old, byte_limit=old.byte_limit + size, node_limit=old.node_limit + nodes,
            used_bytes=old.used_bytes + size, used_nodes=old.used_nodes + nodes,
        )
    )  # fmt: skip


def _trash(grow: _Grower, world: Any, home: str, count: int) -> None:
    """Things of the user's that were thrown away: mostly between the first and the last in the trash, and not long ago."""
    moments = sorted([item.trashed_at for item in world.trash]) or [world.now - YOUNG, world.now - 86_400]
    low = max(moments[0], world.now - YOUNG)
    high = max(moments[-1], low + 3_600)
    folders: list[Node] = [node for path, node in grow.nodes.items() if isinstance(node, Directory) and path.startswith(home)]
    for _ in range(count):
        text, place = grow.text("notes", 2), grow.rng.choice(folders)
        path = join(place.path, f"{grow.name('discarded')}.txt")
        doomed = File(path, text, len(text), world.user, world.user, 0o644)
        when = low + 60 + int(grow.rng.random() * (high - low - 120))
        body = pack([doomed], len(place.path) + 1, full=True)
        world.trash.put(TrashItem(world.mint(world.trash), name_of(path), path, kind_of(doomed), body, doomed.size, 1, when))
        _allow(world, world.user, doomed.size, 1)
