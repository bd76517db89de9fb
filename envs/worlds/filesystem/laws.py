"""The laws that hold after every call: the shape of the tree, who is charged for what, where the user stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .packing import MAGIC, parts_of
from .paths import MAX_PATH, join, name_of, parent_of
from .records import Directory, File


def broken_laws(world: Any) -> Iterator[str]:
    """One line for each law that the state breaks."""
    yield from _tree(world)
    yield from _contents(world)
    yield from _quotas(world)
    yield from _place(world)


def _tree(world: Any) -> Iterator[str]:
    directories = world.directories
    held: dict[str, list[str]] = {d.path: [] for d in directories}
    count = 0
    for table in (world.files, directories, world.links):
        for node in table:
            count += 1
            path = node.path
            if path == "/":
                continue
            parts = path.split("/")
            if parts[0] or "" in parts[1:] or "." in parts or ".." in parts or len(path) > MAX_PATH or not path.isprintable():
                yield f"{path!r} is not a real absolute path"
            if (parent := parent_of(path)) not in held:
                yield f"{path!r} stands in no directory"
            else:
                held[parent].append(name_of(path))
            if not 0 <= node.mode <= 0o7777 or node.owner not in world.accounts or not node.group:
                yield f"{path!r} has mode {node.mode:o}, owner {node.owner!r}, group {node.group!r}"
    for path, names in held.items():
        if tuple(sorted(names)) != directories[path].entries:
            yield f"{path!r} lists {directories[path].entries}, but holds {sorted(names)}"
    if len({n for d in directories for n in (join(d.path, e) for e in d.entries)}) + 1 != count:
        yield "some path stands twice, or nowhere"


def _contents(world: Any) -> Iterator[str]:
    for file in world.files:
        if file.size != len(file.content.encode()):
            yield f"{file.path!r} says {file.size} bytes, but has {len(file.content.encode())}"
        if file.packed:
            if not file.content.startswith(MAGIC) or not parts_of(file.content):
                yield f"archive {file.path!r} cannot be read"
        elif file.content and not file.content.endswith("\n"):
            yield f"{file.path!r} ends within a line"
    for link in world.links:
        if not link.target.startswith("/"):
            yield f"link {link.path!r} leads to {link.target!r}, which is not absolute"


def _quotas(world: Any) -> Iterator[str]:
    used = {account.user: [0, 0] for account in world.accounts}
    for table in (world.files, world.directories, world.links):
        for node in table:
            if node.owner in used:
                used[node.owner][0] += node.size if isinstance(node, File) else 0
                used[node.owner][1] += 1
    for item in world.trash:
        used[world.user][0] += item.size
        used[world.user][1] += item.nodes
        if sum(len(p.body.encode()) for p in parts_of(item.content) if p.kind in ("file", "archive")) != item.size:
            yield f"trash item {item.id} has another size than it says"
    for account in world.accounts:
        if used[account.user] != [account.used_bytes, account.used_nodes]:
            yield f"{account.user} is charged {account.used_bytes} bytes, {account.used_nodes} nodes, but has {used[account.user]}"
        if account.used_bytes > account.byte_limit or account.used_nodes > account.node_limit:
            yield f"{account.user} is over quota"


def _place(world: Any) -> Iterator[str]:
    if world.user not in world.accounts:
        yield f"user {world.user!r} has no account"
    if not isinstance(world.directories.get(world.cwd), Directory):
        yield f"the current directory {world.cwd!r} does not exist"
    for account in world.accounts:
        if account.home not in world.directories:
            yield f"{account.user} has no home directory"
