"""Looking a path up: the state, links, permissions, and walks over the tree. Nothing here writes.

Law: a node stands under its real absolute path, and a directory's `entries` are exactly its children, sorted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ...errors import ToolError, shorten
from ...state import Cell, Table
from ...world import World
from .packing import kind_of
from .paths import MAX_HOPS, MAX_PATH, parent_of
from .records import Account, Directory, DirectoryPath, File, FilePath, Link, LinkPath, Node, TrashId, TrashItem, UserName

V = TypeVar("V")
_TABLES = ("files", "directories", "links", "accounts")
READ, WRITE, ENTER = 4, 2, 1
_VERBS = ((READ, "read"), (WRITE, "write"), (ENTER, "enter"))


def child_paths(directory: Directory) -> list[str]:
    """The paths of what stands in a directory, in order of name."""
    above = "/" if directory.path == "/" else f"{directory.path}/"
    return [above + name for name in directory.entries]


class Tree(World):
    """The state of the file system, and how its nodes are found."""

    files: Table[FilePath, File]
    directories: Table[DirectoryPath, Directory]
    links: Table[LinkPath, Link]
    accounts: Table[UserName, Account]
    trash: Table[TrashId, TrashItem]
    user = Cell[str]("")
    cwd = Cell[str]("/", incidental=True)

    # -- lookup ----------------------------------------------------------------------------------------

    def node(self, path: str) -> Node | None:
        """What stands under a real absolute path, unchecked."""
        return self.files.get(path) or self.directories.get(path) or self.links.get(path)

    @property
    def account(self) -> Account:
        """The user's own account."""
        return self.accounts[self.user]

    def may(self, node: File | Directory, bits: int) -> bool:
        """Whether the user has these rights (`READ | WRITE | ENTER`) on a node."""
        mode = node.mode
        if mode & 7 & mode >> 3 & mode >> 6 & bits == bits:
            return True
        user = self.user
        if node.owner == user:
            mode >>= 6
        elif node.group in self.accounts[user].groups:
            mode >>= 3
        return mode & bits == bits

    def demand(self, node: File | Directory, bits: int) -> None:
        """Raise `permission_denied` unless the user has these rights."""
        if not self.may(node, bits):
            want = " and ".join([word for bit, word in _VERBS if bits & bit])
            raise ToolError(
                "permission_denied",
                f"you may not {want} {node.path!r} (mode {node.mode:03o}, owner {node.owner}, group {node.group});"
                f" {'chmod can change that' if node.owner == self.user else 'only its owner can change that'}",
            )

    def locate(self, text: str, follow: bool = True) -> str:
        """The real absolute path that `text` names; its last component need not exist.

        Links on the way are followed, the last one only where `follow`; each directory on the way must exist
        and let the user enter.
        """
        if not text.isprintable():
            raise ToolError("invalid_arguments", "a path is a line of printable characters")
        parts = text.split("/")
        here = "/" if text[0] == "/" else self.cwd
        if text[0] == "~":
            here = self._home_named(parts[0])
            parts[0] = ""
        parts.reverse()
        hops, directory_at, link_at = 0, self.directories.getter(), self.links.getter()
        while parts:
            name = parts.pop()
            if name == "" or name == ".":
                continue
            directory = directory_at(here)
            if directory is None:
                raise self._missing_step(here)
            mode = directory.mode
            if not mode & mode >> 3 & mode >> 6 & ENTER and not self.may(directory, ENTER):  # mostly everybody may
                self.demand(directory, ENTER)
            if name == "..":
                here = parent_of(here)
                continue
            there = f"{here}/{name}" if here != "/" else f"/{name}"
            link = link_at(there)
            if link is None or not (follow or any(parts)):
                here = there
                continue
            hops += 1
            if hops > MAX_HOPS:
                raise ToolError("conflict", f"too many levels of links in {shorten(text)!r}: they lead in a circle")
            parts.extend(reversed(link.target.split("/")))
            here = "/" if link.target[0] == "/" else here
        if text[-1] == "/" and (here in self.files or here in self.links):
            raise ToolError("invalid_arguments", f"{here!r} is not a directory; leave out the slash at the end")
        return here

    def _home_named(self, part: str) -> str:
        account = self.accounts.get(part[1:] or self.user)
        if account is None:
            raise ToolError("not_found", f"nobody is called {shorten(part[1:])!r}; ~ alone is your home directory")
        return account.home

    def _missing_step(self, path: str) -> ToolError:
        if self.node(path) is not None:
            return ToolError("invalid_arguments", f"{path!r} is not a directory")
        return ToolError("not_found", f"there is no directory {shorten(path, 200)!r}; mkdir with parents=true can make it")

    def need(self, text: str, follow: bool = True) -> Node:
        """The node that `text` names, or `not_found`."""
        path = self.locate(text, follow)
        node = self.node(path)
        if node is None:
            raise ToolError("not_found", f"there is nothing at {shorten(path, 200)!r}; ls or find show what is there")
        return node

    def need_directory(self, text: str, bits: int = 0) -> Directory:
        """The directory that `text` names, on which the user has these rights."""
        node = self.need(text)
        if not isinstance(node, Directory):
            raise ToolError("invalid_arguments", f"{node.path!r} is a {kind_of(node)}, not a directory")
        self.demand(node, bits)
        return node

    def need_file(self, text: str, bits: int = READ, packed: bool = False) -> File:
        """The file that `text` names, on which the user has these rights: a plain one, or an archive (`packed`)."""
        node = self.need(text)
        if not isinstance(node, File):
            raise ToolError("invalid_arguments", f"{node.path!r} is a {kind_of(node)}; this works on {'archives' if packed else 'files'}")
        if node.packed != packed:
            hint = "is not an archive; tar_create makes one" if packed else "is an archive, not text; use tar_list or tar_extract"
            raise ToolError("invalid_arguments", f"{node.path!r} {hint}")
        self.demand(node, bits)
        return node

    def while_untouched(self, top: Directory, mark: object, make: Callable[[], V]) -> V:
        """What `make` finds out below a directory for this user; kept, for all forks in which no node or account has changed."""
        seal, *others = [self.part(name).sealed() for name in _TABLES]
        return make() if seal is None or None in others else seal.keep((top.path, mark, self.user), tuple(others), make)

    def children(self, directory: Directory) -> list[Node]:
        """The nodes of a directory in order of name, unchecked."""
        files, directories, links = self.files.getter(), self.directories.getter(), self.links.getter()
        return [node for path in child_paths(directory) if (node := files(path) or directories(path) or links(path)) is not None]

    def below(self, top: Node, strict: bool = True, levels: int = MAX_PATH) -> list[Node]:
        """`top` and all under it, so many levels deep, parents first, in path order.

        Directories that the user may not list raise where `strict`, else they are given but not entered.
        """
        files, directories, links = self.files.getter(), self.directories.getter(), self.links.getter()
        found: list[Node] = [top]
        open_paths = [iter(self._paths_in(top, strict))]
        while open_paths:
            for path in open_paths[-1]:
                node = files(path)
                if node is None:
                    node = directories(path) or links(path)
                    if node is None:
                        continue
                found.append(node)
                if type(node) is Directory and node.entries and len(open_paths) < levels:
                    open_paths.append(iter(self._paths_in(node, strict)))
                    break
            else:
                open_paths.pop()
        return found

    def _paths_in(self, node: Node, strict: bool) -> list[str]:
        """The paths in a directory that the user may list; none for others."""
        if not isinstance(node, Directory) or not node.entries:
            return []
        if self.may(node, READ | ENTER):
            return child_paths(node)
        if strict:
            self.demand(node, READ | ENTER)
        return []

    def subtree(self, top: Node) -> list[Node]:
        """`top` and all under it, whatever the rights."""
        found: list[Node] = [top]
        for node in found:  # grows while we read: breadth first
            if isinstance(node, Directory):
                found.extend(self.children(node))
        return found
