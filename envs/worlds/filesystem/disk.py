"""The few writes that all tools are made of, with their quotas; and what a world must bring.

Laws: every node is charged to its owner; a helper checks all that it needs before it writes, and a call that
raises is undone whole by the door. Not here: tools.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from ...errors import ToolError, shorten
from ...records import changed
from ...world import Fact
from .laws import broken_laws
from .packing import Part
from .paths import MAX_PATH, check_new, inside, join, name_of, parent_of
from .records import Account, Directory, File, Link, Node
from .tree import ENTER, READ, WRITE, Tree

STICKY, SETGID = 0o1000, 0o2000


class Disk(Tree):
    """What the tools that change something share."""

    def check_room(self, owner: str, size: int) -> None:
        """Raise `limit_exceeded` where `size` more bytes do not fit in an owner's quota."""
        self._need_room(self.accounts[owner], size)

    @staticmethod
    def _need_room(account: Account, size: int) -> None:
        free = account.byte_limit - account.used_bytes
        if size > max(free, 0):
            raise ToolError(
                "limit_exceeded", f"the quota of {account.user} has {free} bytes left, {size} are needed; remove files or empty the trash"
            )

    def charge(self, owner: str, size: int, nodes: int = 0) -> None:
        """Book bytes and nodes on an owner's quota; raises `limit_exceeded` where they do not fit."""
        if size == 0 and nodes == 0:
            return
        account = self.accounts[owner]
        self._need_room(account, size)
        used, count = account.used_bytes + size, account.used_nodes + nodes
        if nodes > 0 and count > account.node_limit:
            raise ToolError("limit_exceeded", f"the quota of {owner} allows {account.node_limit} files and directories; remove some first")
        self.accounts.put(changed(account, used_bytes=used, used_nodes=count))

    def _entry_added(self, path: str) -> None:
        parent, name = self.directories[parent_of(path)], name_of(path)
        at = bisect_left(parent.entries, name)
        self.directories.put(changed(parent, entries=(*parent.entries[:at], name, *parent.entries[at:]), mtime=self.now))

    def _entry_dropped(self, path: str) -> None:
        parent, name = self.directories[parent_of(path)], name_of(path)
        self.directories.put(changed(parent, entries=tuple([n for n in parent.entries if n != name]), mtime=self.now))

    def allow_add(self, path: str) -> Directory:
        """The parent in which a new `path` may be made; raises where it may not."""
        check_new(path)
        parent = self.directories.get(parent_of(path))
        if parent is None:
            raise self._missing_step(parent_of(path))
        self.demand(parent, WRITE | ENTER)
        return parent

    def allow_drop(self, node: Node) -> None:
        """Raise unless the user may take `node` out of its directory."""
        if node.path == "/":
            raise ToolError("permission_denied", "the root directory cannot be moved or removed")
        parent = self.directories[parent_of(node.path)]
        self.demand(parent, WRITE | ENTER)
        if parent.mode & STICKY and self.user not in (node.owner, parent.owner):
            raise ToolError("permission_denied", f"{parent.path!r} is sticky: only {node.owner} can move or remove {node.path!r}")

    def _inherit(self, parent: Directory) -> str:
        return parent.group if parent.mode & SETGID else self.account.groups[0]

    def add_file(self, path: str, content: str, mode: int = 0o644, packed: bool = False) -> File:
        """Make a new file of the user."""
        parent = self.allow_add(path)
        size = len(content.encode())
        self.charge(self.user, size, 1)
        made = self.files.put(File(path, content, size, self.user, self._inherit(parent), mode, packed, 0, self.now))
        self._entry_added(path)
        return made

    def add_directory(self, path: str, mode: int = 0o755) -> Directory:
        """Make a new, empty directory of the user; below a setgid directory it takes over group and bit."""
        parent = self.allow_add(path)
        self.charge(self.user, 0, 1)
        mode |= parent.mode & SETGID
        made = self.directories.put(Directory(path, self.user, self._inherit(parent), mode, 0, self.now))
        self._entry_added(path)
        return made

    def add_link(self, path: str, target: str) -> Link:
        """Make a new link of the user."""
        parent = self.allow_add(path)
        self.charge(self.user, 0, 1)
        made = self.links.put(Link(path, target, self.user, self._inherit(parent), 0o777, self.now))
        self._entry_added(path)
        return made

    def set_content(self, file: File, content: str, packed: bool = False) -> File:
        """Replace what a file says; its owner, group and mode stay."""
        self.demand(file, WRITE)
        size = len(content.encode())
        self.charge(file.owner, size - file.size)
        return self.files.put(changed(file, content=content, size=size, packed=packed, mtime=self.now))

    def drop(self, node: Node) -> None:
        """Remove one file, link or empty directory."""
        self.allow_drop(node)
        self._refund(node)
        self._forget(node)
        self._entry_dropped(node.path)

    def drop_all(self, top: Node) -> int:
        """Remove `top` and all under it; returns how many nodes went. Needs the rights on every directory."""
        doomed = self.below(top)
        for node in doomed:
            self.allow_drop(node)
        for node in doomed:
            self._refund(node)
            self._forget(node)
        self._entry_dropped(top.path)
        return len(doomed)

    def _refund(self, node: Node) -> None:
        self.charge(node.owner, -node.size if isinstance(node, File) else 0, -1)

    def _forget(self, node: Node) -> None:
        if isinstance(node, File):
            self.files.remove(node.path)
        elif isinstance(node, Directory):
            self.directories.remove(node.path)
        else:
            self.links.remove(node.path)

    def relocate(self, top: Node, target: str) -> int:
        """Give `top` and all under it new paths; rights must have been checked. Returns how many moved."""
        moved, cut = self.subtree(top), len(top.path)
        if max(len(node.path) for node in moved) - cut + len(target) > MAX_PATH:
            raise ToolError("limit_exceeded", f"a path below {shorten(target)!r} would exceed {MAX_PATH} characters")
        for node in moved:
            self._forget(node)
        for node in moved:
            self.put(changed(node, path=target + node.path[cut:]))
        self._entry_dropped(top.path)
        self._entry_added(target)
        if inside(self.cwd, top.path):
            self.cwd = target + self.cwd[cut:]
        return len(moved)

    def put(self, node: Node) -> None:
        """Keep a node in the table of its kind."""
        if isinstance(node, File):
            self.files.put(node)
        elif isinstance(node, Directory):
            self.directories.put(node)
        else:
            self.links.put(node)

    def unpack(self, parts: Iterable[Part], top: str, full: bool = False) -> list[str]:
        """Make the parts of an archive under their names below `top`; existing directories are kept, files refused.

        With `full`, groups and stamps come back too.
        """
        made: list[tuple[str, Part]] = []
        for part in parts:
            path = join(top, part.name)
            existing = self.node(path)
            if isinstance(existing, Directory) and part.kind == "directory" and not full:
                continue
            if existing is not None:
                raise ToolError("conflict", f"{path!r} is already there; move it away, or extract elsewhere")
            if part.kind == "directory":
                self.add_directory(path, part.mode | 0o700)
            elif part.kind == "link":
                self.add_link(path, part.body)
            else:
                self.add_file(path, part.body, part.mode, part.kind == "archive")
            made.append((path, part))
        for path, part in made:
            self._settle(path, part, full)
        return [path for path, _ in made]

    def _settle(self, path: str, part: Part, full: bool) -> None:
        """Give an unpacked node what it could not have while it was filled."""
        node = self.node(path)
        if isinstance(node, Directory):
            node = changed(node, mode=part.mode)
        if full and isinstance(node, (File, Directory)):
            node = changed(node, group=part.group, touched=part.touched)
        elif full and isinstance(node, Link):
            node = changed(node, group=part.group)
        if node is not None:
            self.put(node)

    # -- what a world brings ---------------------------------------------------------------------------

    def invariants(self) -> Iterable[str]:
        """Laws of tree, quota and place: see `laws.py`."""
        return broken_laws(self)

    def known(self) -> Iterator[Fact]:
        """The user's own places, and about half of the own and the shared files (of very many, a hundred)."""
        user, groups = self.user, self.account.groups
        for directory in self.directories:
            mine = directory.owner == user or (directory.group in groups and directory.mode & 0o050 == 0o050)
            if mine and directory.path.count("/") <= 5:
                yield Fact("directory", directory.path)
        files = [f for f in self.files if f.owner == user or (f.group in groups and f.mode & 0o040 and self.may(f, READ))]
        more = self.unrelated().get("files", frozenset())  # counted apart, so that the others are known as in the plain world
        for some in ([f for f in files if f.path not in more], [f for f in files if f.path in more]):
            step = max(2, len(some) // 100)
            for number, file in enumerate(some):
                if file.packed:
                    yield Fact("archive_path", file.path)
                elif number % step == 0 or file.path.count("/") <= 3:
                    yield Fact("file_path", file.path)
        yield from (Fact("link_path", link.path) for link in self.links if link.owner == user)
        yield Fact("system_user", user)
        yield from (Fact("user_group", group) for group in groups)
