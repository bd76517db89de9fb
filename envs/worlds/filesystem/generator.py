"""Makes a plausible file system: a user's home, a colleague's, the system's directories, and a team's shared place.

Varied by seed: people, projects, which folders and files there are, what they say, rights, quotas, links,
archives, trash. Sizes: `small` has one or two projects, `medium` about twenty, `large` about two hundred.
"""

from __future__ import annotations

from random import Random
from typing import Any

from ...records import changed
from .contents import PEOPLE, write
from .packing import kind_of, pack
from .paths import join, name_of, parent_of
from .records import Account, Directory, File, Link, Node, TrashItem

ADJECTIVES = (
    "amber",
    "blue",
    "calm",
    "delta",
    "early",
    "fresh",
    "green",
    "hidden",
    "iron",
    "jade",
    "keen",
    "lunar",
    "mint",
    "north",
    "open",
)
NOUNS = (
    "atlas",
    "bridge",
    "canvas",
    "dune",
    "ember",
    "falcon",
    "garden",
    "harbor",
    "island",
    "lantern",
    "meadow",
    "orbit",
    "pine",
    "river",
)
TEAMS = ("design", "finance", "research", "support", "logistics", "marketing", "quality", "planning")
HOME_FILES = (
    ("todo.txt", "todo"), ("notes.txt", "notes"), ("shopping.txt", "shopping"), ("reading-list.txt", "reading"),
    ("contacts.csv", "contacts"), ("ideas.md", "notes"), ("journal.txt", "notes"), ("errands.txt", "todo"),
)  # fmt: skip
FOLDERS = (
    ("documents", (("letter-landlord.txt", "letter"), ("letter-bank.txt", "letter"),
        ("cv-notes.md", "notes"), ("insurance.txt", "letter"))),
    ("meetings", (("2026-01-minutes.md", "minutes"), ("2026-02-minutes.md", "minutes"),
        ("kickoff-minutes.md", "minutes"), ("actions.txt", "todo"))),
    ("finance", (("expenses-january.csv", "expenses"), ("expenses-february.csv", "expenses"),
        ("budget-notes.txt", "notes"), ("invoices.csv", "expenses"))),
    ("downloads", (("readme.md", "readme"), ("export.csv", "contacts"), ("setup.log", "log"), ("sample.ini", "config"))),
    ("recipes", (("soup.txt", "shopping"), ("bread.txt", "shopping"), ("curry.txt", "shopping"))),
    ("sport", (("scores.txt", "scores"), ("training.txt", "todo"), ("team.csv", "contacts"))),
    ("travel", (("packing.txt", "todo"), ("costs.csv", "expenses"), ("hosts.csv", "contacts"))),
)  # fmt: skip
PROJECT = (
    ("", (("README.md", "readme"), ("todo.txt", "todo"), ("settings.ini", "config"))),
    ("docs", (("overview.md", "notes"), ("minutes.md", "minutes"), ("handbook.md", "readme"))),
    ("src", (("main.py", "code"), ("tools.py", "code"), ("report.py", "code"))),
    ("data", (("costs.csv", "expenses"), ("people.csv", "contacts"), ("scores.txt", "scores"))),
    ("logs", (("app.log", "log"), ("backup.log", "log"), ("mailer.log", "log"))),
)  # fmt: skip
LINE_NOTES = ("Checked by {who}.", "Agreed with {who} on Friday.", "TODO: ask {who}", "Version sent to {who}.")


class Builder:
    """Nodes by path, until they are put into the tables; knows the moment and the random source."""

    def __init__(self, world: Any, rng: Random) -> None:
        self.rng = rng
        self.now: int = world.now
        self.nodes: dict[str, Node] = {}
        self.entries: dict[str, list[str]] = {}

    def _time(self) -> int:
        return self.now - 60 * int(self.rng.random() * 180 * 1440) - 60

    def _enter(self, path: str, node: Node) -> None:
        self.nodes[path] = node
        if path != "/":
            self.entries[parent_of(path)].append(name_of(path))

    def directory(self, path: str, owner: str, group: str, mode: int = 0o755) -> str:
        if path not in self.nodes:
            self.entries[path] = []
            self._enter(path, Directory(path, owner, group, mode, 0, self._time()))
        return path

    def file(self, path: str, text: str, owner: str, group: str, mode: int = 0o644, packed: bool = False) -> File:
        made = File(path, text, len(text.encode()), owner, group, mode, packed, 0, self._time())
        self._enter(path, made)
        return made

    def link(self, path: str, target: str, owner: str) -> None:
        self._enter(path, Link(path, target, owner, owner, 0o777, self._time()))

    def flush(self, world: Any) -> None:
        for path, node in self.nodes.items():
            if isinstance(node, Directory):
                world.directories.put(changed(node, entries=tuple(sorted(self.entries[path]))))
            else:
                world.put(node)


def build(world: Any, rng: Random, size: str) -> None:
    """Fill an empty world."""
    count = {"small": 1 + int(rng.random() * 2), "medium": 24, "large": 205}[size]
    user, colleague, other = [name.lower() for name in rng.sample(PEOPLE, 3)]
    team, side = rng.sample(TEAMS, 2)
    names = rng.sample([f"{a}-{n}" if rng.random() < 0.6 else f"{n}-{a}" for a in ADJECTIVES for n in NOUNS], count + 1)
    make = Builder(world, rng)
    _system(make, user, colleague)
    home = make.directory(f"/home/{user}", user, user, 0o755 if rng.random() < 0.7 else 0o750)
    _home(make, home, user, names[0])
    projects = make.directory(f"{home}/{rng.choice(('projects', 'work', 'code'))}", user, user)
    for name in names[:count]:
        _project(make, f"{projects}/{name}", user, team, name)
    _colleague(make, colleague, team)
    _team(make, team, side, (user, colleague, other), names[count])
    _links(make, home, projects, user, names[0], team)
    _archives(make, home, f"{projects}/{names[0]}", user)
    make.flush(world)
    world.user, world.cwd = user, home
    _accounts(world, rng, make, ((user, (user, team)), (colleague, (colleague, team, side)), (other, (other, side)), ("root", ("root",))))
    _fill_trash(world, rng, home)


def _system(make: Builder, user: str, colleague: str) -> None:
    rng = make.rng
    for path, mode in (
        ("/", 0o755),
        ("/etc", 0o755),
        ("/home", 0o755),
        ("/srv", 0o755),
        ("/tmp", 0o1777),
        ("/var", 0o755),
        ("/var/log", 0o755),
    ):
        make.directory(path, "root", "root", mode)
    host = f"{rng.choice(NOUNS)}{1 + int(rng.random() * 90)}"
    make.file("/etc/hostname", f"{host}\n", "root", "root")
    make.file("/etc/hosts", f"127.0.0.1 localhost\n10.0.{int(rng.random() * 250)}.7 {host}\n", "root", "root")
    make.file("/etc/motd", f"Welcome to {host}.\nThe backup runs every night.\n", "root", "root")
    make.file("/etc/shadow", f"root:*:20500\n{user}:*:20512\n{colleague}:*:20498\n", "root", "root", 0o640)
    for name in ("system.log", "backup.log"):
        make.file(f"/var/log/{name}", write("log", rng, host), "root", "root")
    make.file("/var/log/auth.log", write("log", rng, host), "root", "root", 0o600)
    make.file(f"/tmp/{colleague}-draft.txt", write("notes", rng, host), colleague, colleague)


def _home(make: Builder, home: str, user: str, topic: str) -> None:
    rng = make.rng
    for name, kind in rng.sample(HOME_FILES, 3 + int(rng.random() * 3)):
        make.file(f"{home}/{name}", write(kind, rng, topic), user, user)
    for folder, files in rng.sample(FOLDERS, 4 + int(rng.random() * 2)):
        top = make.directory(f"{home}/{folder}", user, user, 0o700 if folder == "finance" else 0o755)
        for name, kind in files:
            if rng.random() < 0.8:
                make.file(f"{top}/{name}", write(kind, rng, topic), user, user, 0o600 if folder == "finance" else 0o644)
    if rng.random() < 0.6:
        make.directory(f"{home}/{rng.choice(('empty', 'new-folder', 'untitled', 'scratch'))}", user, user)
    locked = make.directory(f"{home}/keep", user, user)
    make.file(f"{locked}/{rng.choice(('recovery-codes', 'house-rules', 'wifi'))}.txt", write("scores", rng, topic), user, user, 0o400)


def _project(make: Builder, top: str, user: str, team: str, name: str) -> None:
    rng = make.rng
    for folder, files in PROJECT:
        place = make.directory(f"{top}/{folder}" if folder else top, user, user)
        for file_name, kind in files:
            if rng.random() < 0.85:
                make.file(f"{place}/{file_name}", write(kind, rng, name), user, user if rng.random() < 0.8 else team)
    _versions(make, f"{top}/docs", "report-draft.md", "report-final.md", write("minutes", rng, name), user)
    _versions(make, top, "settings.bak", "server.ini", write("config", rng, name), user)
    if rng.random() < 0.3:
        deep = make.directory(f"{top}/docs/archive", user, user)
        old = make.directory(f"{deep}/2025", user, user)
        make.file(f"{old}/closing-report.md", write("minutes", rng, name), user, user)


def _versions(make: Builder, place: str, first: str, second: str, text: str, user: str) -> None:
    """Two files of which one is a slightly changed copy of the other."""
    rng = make.rng
    lines = text.splitlines()
    note = rng.choice(LINE_NOTES).format(who=rng.choice(PEOPLE))
    lines.insert(1 + int(rng.random() * len(lines)), f"# {note}" if second.endswith(".ini") else note)
    make.file(f"{place}/{first}", text, user, user)
    make.file(f"{place}/{second}", "\n".join(lines) + "\n", user, user)


def _colleague(make: Builder, colleague: str, team: str) -> None:
    rng = make.rng
    home = make.directory(f"/home/{colleague}", colleague, colleague)
    make.file(f"{home}/notes.txt", write("notes", rng, team), colleague, colleague)
    make.file(f"{home}/diary.txt", write("notes", rng, team), colleague, colleague, 0o600)
    public = make.directory(f"{home}/public", colleague, team)
    for name, kind in (("contacts.csv", "contacts"), ("agenda.md", "minutes"), ("reading-list.txt", "reading")):
        make.file(f"{public}/{name}", write(kind, rng, team), colleague, team)
    private = make.directory(f"{home}/private", colleague, colleague, 0o700)
    make.file(f"{private}/salary.csv", write("expenses", rng, team), colleague, colleague, 0o600)
    for folder, files in rng.sample(FOLDERS, 2):
        top = make.directory(f"{home}/{folder}", colleague, colleague, 0o750)
        for name, kind in files:
            make.file(f"{top}/{name}", write(kind, rng, team), colleague, colleague, 0o640)


def _team(make: Builder, team: str, side: str, people: tuple[str, str, str], topic: str) -> None:
    rng, (user, colleague, other) = make.rng, people
    shared = make.directory(f"/srv/{team}", "root", team, 0o2775)
    for name, kind in (("minutes.md", "minutes"), ("plan.txt", "todo"), ("budget.csv", "expenses"), ("rota.csv", "contacts")):
        make.file(f"{shared}/{name}", write(kind, rng, topic), rng.choice((user, colleague)), team, 0o664)
    make.file(f"{shared}/policy.txt", write("letter", rng, topic), colleague, team, 0o644)
    drop = make.directory(f"{shared}/inbox", "root", team, 0o3775)
    make.file(f"{drop}/from-{colleague}.txt", write("letter", rng, topic), colleague, team, 0o664)
    reports = make.directory(f"{shared}/reports", colleague, team, 0o2755)
    for name in rng.sample(("january", "february", "december", "november"), 2):
        make.file(f"{reports}/{name}.md", write("minutes", rng, topic), colleague, team)
    closed = make.directory(f"/srv/{side}", "root", side, 0o2770)
    make.file(f"{closed}/roadmap.md", write("readme", rng, topic), other, side, 0o660)
    make.file(f"/srv/{topic}.txt", write("readme", rng, topic), "root", "root")


def _links(make: Builder, home: str, projects: str, user: str, project: str, team: str) -> None:
    rng = make.rng
    make.link(f"{home}/current", f"{projects}/{project}", user)
    make.link(f"{home}/team", f"/srv/{team}", user)
    if rng.random() < 0.5:
        make.link(f"{home}/final-report", f"{projects}/{project}/docs/report-final.md", user)
    if rng.random() < 0.3:
        make.link(f"{home}/old-laptop", "/media/laptop", user)


def _archives(make: Builder, home: str, project: str, user: str) -> None:
    """One or two archives: of a project's folder as it is, and of an older state that is gone."""
    rng = make.rng
    store = make.directory(f"{home}/archive", user, user)
    folder = f"{project}/{rng.choice(('docs', 'data', 'src'))}"
    inside = [node for path, node in make.nodes.items() if path == folder or path.startswith(folder + "/")]
    make.file(f"{store}/{name_of(folder)}-backup.tar", pack(inside, len(project) + 1), user, user, 0o644, True)
    if rng.random() < 0.7:
        text = write("notes", rng, "last year")
        old: list[Node] = [Directory("2025", user, user, 0o755), File("2025/summary.txt", text, len(text), user, user, 0o644)]
        make.file(f"{store}/2025.tar", pack(old, 0), user, user, 0o644, True)


def _accounts(world: Any, rng: Random, make: Builder, people: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
    used = {name: [0, 0] for name, _ in people}
    for node in make.nodes.values():
        used[node.owner][0] += node.size if isinstance(node, File) else 0
        used[node.owner][1] += 1
    for name, groups in people:
        size, nodes = used[name]
        slack = int(rng.choice((3_000, 8_000, 20_000, 60_000, 150_000)) * (0.8 + rng.random() * 0.4))
        limit = 1024 * (1 + (size + slack) // 1024)
        home = f"/home/{name}" if f"/home/{name}" in make.nodes else "/"
        world.accounts.put(Account(name, groups, home, limit, 200 * (2 + nodes // 100), size, nodes))


def _fill_trash(world: Any, rng: Random, home: str) -> None:
    """Up to three of the user's own files lie in the trash from the start."""
    mine = [f for f in world.files if f.owner == world.user and not f.packed and "docu" not in f.path and f.path.startswith(home)]
    for file in rng.sample(mine, int(rng.random() * 4)):
        doomed = changed(file, path=join(parent_of(file.path), "old-" + name_of(file.path)))
        if world.account.used_bytes + doomed.size < world.account.byte_limit:
            world.charge(world.user, doomed.size, 1)
            age = 86_400 * (1 + int(rng.random() * 25))
            text = pack([doomed], len(parent_of(doomed.path)) + 1, full=True)
            world.trash.put(
                TrashItem(
                    world.mint(world.trash), name_of(doomed.path), doomed.path, kind_of(doomed), text, doomed.size, 1, world.now - age
                )
            )
