"""Plausible literals for the parameters of the file system's tools: each `draw(world, rng)` looks at the state.

Values are what a caller would write. A draw that finds nothing gives None.
"""

from __future__ import annotations

import posixpath
from datetime import UTC, datetime
from random import Random
from typing import Any

from .contents import PEOPLE, TASKS, write

STEMS = (
    "summary", "ideas", "draft", "checklist", "agenda", "questions", "followup", "overview", "inventory", "plan",
    "feedback", "schedule", "results", "handover", "wishlist", "journal",
)  # fmt: skip
FOLDERS = ("review", "old", "sorted", "inbox", "spring", "final", "shared-notes", "to-check", "keep", "export", "week-10", "staging")
ENDINGS = (".txt", ".md", ".txt", ".csv", ".log")
GLOBS = ("*.txt", "*.md", "*.csv", "*.log", "*.ini", "*.py", "*notes*", "*report*", "todo*", "*.bak", "*")
WORDS = (
    "budget",
    "invoice",
    "TODO",
    "ERROR",
    "WARN",
    "backup",
    "deadline",
    "review",
    "supplier",
    "roadmap",
    "timeout",
    "coffee",
    "Present",
)
REPLACEMENTS = ("postponed", "confirmed", "CHECKED", "approved", "pending", "FIXME", "archived", "urgent")
MODES = ("644", "600", "640", "664", "755", "700", "750", "444", "u+x", "go-w", "go-rwx", "g+w", "o-r", "a+r", "u=rw")


def home_of(world: Any) -> str:
    """The home directory of the world's user."""
    home: str = world.accounts[world.user].home
    return home


def own_directories(world: Any) -> list[str]:
    """Directories that the user owns, in path order."""
    user = world.user
    return [d.path for d in world.directories if d.owner == user and d.mode & 0o300 == 0o300]


def own_files(world: Any) -> list[str]:
    """Plain files that the user owns, in path order."""
    user = world.user
    return [f.path for f in world.files if f.owner == user and not f.packed]


def _place(world: Any, rng: Random) -> str | None:
    places = own_directories(world)
    return rng.choice(places) if places else None


def _fresh(world: Any, rng: Random, names: tuple[str, ...], endings: tuple[str, ...]) -> str | None:
    place = _place(world, rng)
    if place is None:
        return None
    for attempt in range(12):
        tail = f"-{attempt}" if attempt > 5 else ""
        path = posixpath.join(place, rng.choice(names) + tail + rng.choice(endings))
        if world.node(path) is None:
            return path
    return None


def draw_new_file(world: Any, rng: Random) -> str | None:
    """A file that is not there yet, in a directory of the user."""
    return _fresh(world, rng, STEMS, ENDINGS)


def draw_new_directory(world: Any, rng: Random) -> str | None:
    """A directory that is not there yet, in a directory of the user."""
    return _fresh(world, rng, FOLDERS, ("",))


def draw_new_archive(world: Any, rng: Random) -> str | None:
    """An archive that is not there yet, in a directory of the user."""
    return _fresh(world, rng, FOLDERS + STEMS, (".tar",))


def draw_new_link(world: Any, rng: Random) -> str | None:
    """A link that is not there yet, in a directory of the user."""
    return _fresh(world, rng, ("latest", "current", "shortcut", "link-to-notes", "today"), ("",))


def draw_destination(world: Any, rng: Random) -> str | None:
    """Where a copy may go: an existing directory, or a new name in one."""
    roll = rng.random()
    if roll < 0.5:
        return _place(world, rng)
    return draw_new_file(world, rng) if roll < 0.8 else draw_new_directory(world, rng)


def draw_entry(world: Any, rng: Random) -> str | None:
    """Something of the user's: mostly a file, sometimes a directory below the home."""
    files = own_files(world)
    if files and rng.random() < 0.65:
        return rng.choice(files)
    home = home_of(world)
    folders = [path for path in own_directories(world) if path != home]
    return rng.choice(folders or files) if folders or files else None


def draw_wide_directory(world: Any, rng: Random) -> str:
    """A directory with much below it: the home, something just below it, or the team's place."""
    home = home_of(world)
    wide = [home, home]
    for name in world.directories[home].entries:
        directory = world.directories.get(f"{home}/{name}")
        if directory is not None and directory.mode & 0o500 == 0o500 and len(directory.entries) > 1:
            wide.append(directory.path)
    team = f"/srv/{world.accounts[world.user].groups[-1]}"
    return rng.choice([*wide, team] if team in world.directories else wide)


def draw_empty_directory(world: Any, rng: Random) -> str | None:
    """A directory of the user's with nothing in it."""
    user = world.user
    places = [d.path for d in world.directories if d.owner == user and not d.entries]
    return rng.choice(places) if places else None


def draw_group(world: Any, rng: Random) -> str:
    """One of the user's groups: mostly the one that is shared with others."""
    groups: tuple[str, ...] = world.accounts[world.user].groups
    return groups[-1] if rng.random() < 0.8 else rng.choice(groups)


def draw_mode(world: Any, rng: Random) -> str:
    """A usual file mode, octal or symbolic."""
    return rng.choice(MODES)


def draw_glob(world: Any, rng: Random) -> str:
    """A usual file name pattern."""
    return rng.choice(GLOBS)


def draw_word(world: Any, rng: Random) -> str:
    """A word to look for: mostly one that stands in a file of the user."""
    roll = rng.random()
    if roll < 0.5:
        return rng.choice(WORDS) if roll < 0.35 else rng.choice(_topics(world) or WORDS)
    files = own_files(world)
    text: str = world.files[rng.choice(files)].content if files else ""
    return rng.choice([w for w in text.split() if w.isalpha() and len(w) > 3] or WORDS)


def _topics(world: Any) -> list[str]:
    """The names of the user's projects, which most files mention."""
    user = world.user
    return [posixpath.basename(d.path) for d in world.directories if "server.ini" in d.entries and d.owner == user]


def draw_old(world: Any, rng: Random) -> str:
    """A text to replace: mostly the name of a project."""
    topics = _topics(world)
    return rng.choice(topics) if topics and rng.random() < 0.75 else draw_word(world, rng)


def draw_edited_file(world: Any, rng: Random) -> str | None:
    """A file of the user's that mentions a project."""
    topics = _topics(world)
    topic = rng.choice(topics) if topics else ""
    user = world.user
    files = [f.path for f in world.files if f.owner == user and not f.packed and f.mode & 0o600 == 0o600 and topic in f.content]
    return rng.choice(files) if files else None


def draw_replacement(world: Any, rng: Random) -> str:
    """A word to put in place of another."""
    return rng.choice(REPLACEMENTS + PEOPLE)


def draw_text(world: Any, rng: Random) -> str:
    """A short text of one to a few lines."""
    roll = rng.random()
    if roll < 0.35:
        return rng.choice(TASKS).capitalize()
    if roll < 0.6:
        return f"{rng.choice(PEOPLE)} will {rng.choice(TASKS)}"
    return write(rng.choice(("todo", "shopping", "letter", "reading", "notes")), rng, "the week").rstrip("\n")


def draw_past_day(world: Any, rng: Random) -> str:
    """A day within the last four months of the world's clock."""
    return datetime.fromtimestamp(world.now - 86_400 * rng.choice((7, 14, 30, 45, 60, 90, 120)), UTC).date().isoformat()
