"""Tools that show what is where: pwd, cd, ls, tree, find, stat, du, whoami."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from fnmatch import translate
from functools import lru_cache
from typing import Literal

from ...records import keep_texts, maker
from ...tool import tool
from .disk import Disk
from .packing import kind_of
from .paths import name_of
from .records import Bytes, Depth, Directory, DirectoryPath, EntryPath, File, Glob, Link, Node, PastDay, WideDirectory
from .results import ArchiveEntry, DirectoryEntry, FileEntry, Found, Identity, LinkEntry, Listing, Picture, Place, Status, Usage
from .tree import ENTER, READ

_file_entry, _directory_entry = maker(FileEntry), maker(DirectoryEntry)
for _shown in (Listing, Picture, Usage):  # kept with their directory
    keep_texts(_shown)
Wanted = Literal["any", "file", "directory", "archive", "link"]


@lru_cache(maxsize=256)
def _matcher(pattern: str) -> Callable[[str], object]:
    """Whether a name fits a pattern, capitals told apart; None where it does not."""
    return re.compile(translate(pattern)).match


@lru_cache(maxsize=4096)
def moment(seconds: int) -> str:
    """Seconds since 1970 as ISO 8601 UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def file_entry(file: File) -> FileEntry:
    """How a plain file is shown in lists."""
    return _file_entry(file.path, name_of(file.path), file.size, file.owner, f"{file.mode:03o}", moment(file.mtime))


def directory_entry(directory: Directory) -> DirectoryEntry:
    """How a directory is shown in lists."""
    path = directory.path
    return _directory_entry(path, name_of(path), directory.owner, f"{directory.mode:03o}", moment(directory.mtime))


def archive_entry(file: File) -> ArchiveEntry:
    """How an archive is shown in lists."""
    return ArchiveEntry(file.path, name_of(file.path), file.size, file.owner, f"{file.mode:03o}", moment(file.mtime))


def link_entry(link: Link) -> LinkEntry:
    """How a link is shown in lists."""
    return LinkEntry(link.path, name_of(link.path), link.target)


def status(node: Node) -> Status:
    """All that is known about a node, without what it holds."""
    size = node.size if isinstance(node, File) else 0
    target = node.target if isinstance(node, Link) else None
    return Status(node.path, kind_of(node), size, node.owner, node.group, f"{node.mode:03o}", moment(node.mtime), target)


def sorted_out(
    nodes: Iterable[Node],
) -> tuple[tuple[DirectoryEntry, ...], tuple[FileEntry, ...], tuple[ArchiveEntry, ...], tuple[LinkEntry, ...]]:
    """Nodes by kind, as they are shown in lists."""
    directories, files, archives, links = [], [], [], []
    for node in nodes:
        if isinstance(node, File):
            if node.packed:
                archives.append(archive_entry(node))
            else:
                files.append(file_entry(node))
        elif isinstance(node, Directory):
            directories.append(directory_entry(node))
        else:
            links.append(link_entry(node))
    return tuple(directories), tuple(files), tuple(archives), tuple(links)


class Looking(Disk):
    """The tools that show the tree."""

    @tool(phrases=("tell me which folder I am in", "show the current directory", "say where I am working now"))
    def pwd(self) -> Place:
        """Show the current directory as an absolute path."""
        return Place(self.cwd)

    @tool(
        writes="cwd",
        phrases=(
            "go back to my home folder",
            "go to {directory}",
            "switch to the folder {directory}",
            "change into {directory}",
            "make {directory} my working folder",
        ),
    )
    def cd(self, directory: DirectoryPath = "~") -> Place:
        """Change the current directory, from which relative paths are read.

        Args:
            directory: the directory to go to; "~" is the home directory.

        Raises:
            not_found: there is no such directory.
            permission_denied: the user may not enter it.
        """
        self.cwd = self.need_directory(directory, ENTER).path
        return Place(self.cwd)

    @tool(
        phrases=(
            "show what is in the current folder",
            "list {directory}",
            "show me what is in {directory}",
            "tell me which files and folders {directory} holds",
        )
    )
    def ls(self, directory: DirectoryPath = ".", show_hidden: bool = False) -> Listing:
        """List the directories, files, archives and links in a directory, in order of name.

        Args:
            directory: the directory to look into.
            show_hidden: whether names that start with a dot are shown too.
        """
        place = self.need_directory(directory, READ)
        if place.entries:
            self.demand(place, ENTER)

        def listing() -> Listing:
            nodes = self.children(place)
            return Listing(place.path, *sorted_out(nodes if show_hidden else [node for node in nodes if name_of(node.path)[0] != "."]))

        return self.while_untouched(place, ("ls", show_hidden), listing)

    @tool(
        phrases=(
            "draw the folders below {directory}",
            "show the structure of {directory}",
            "give me an overview of everything in {directory}",
        )
    )
    def tree(self, directory: WideDirectory, depth: Depth = 3) -> Picture:
        """Draw a directory and what lies below it as an indented tree.

        Args:
            directory: the directory at the top.
            depth: how many levels to go down.
        """
        top = self.need_directory(directory, READ | ENTER)
        return self.while_untouched(top, ("tree", depth), lambda: self._picture(top, depth))

    def _picture(self, top: Directory, depth: int) -> Picture:
        base = top.path.count("/") if top.path != "/" else 0
        lines, folders, files = [top.path], 0, 0
        for node in self.below(top, strict=False, levels=depth)[1:]:
            path = node.path
            _, _, name = path.rpartition("/")
            indent = "  " * (path.count("/") - base)
            if isinstance(node, File):
                files += 1
                lines.append(f"{indent}{name}")
            elif isinstance(node, Directory):
                folders += 1
                lines.append(f"{indent}{name}/")
            else:
                lines.append(f"{indent}{name} -> {node.target}")
        return Picture(top.path, "\n".join(lines) + "\n", folders, files)

    @tool(
        phrases=(
            "find everything below {directory}",
            "find what is called {name} in {directory}",
            "look through {directory} for anything named {name}",
            "search {directory} and its subfolders for {name}",
        )
    )
    def find(
        self,
        directory: WideDirectory,
        name: Glob = "*",
        kind: Wanted = "any",
        min_bytes: Bytes = 0,
        modified_since: PastDay | None = None,
    ) -> Found:
        """Find files, directories, archives and links below a directory by name, kind, size or age.

        Links are shown and not followed; directories that the user may not read are skipped and counted.

        Args:
            directory: the directory in which the search starts; it is not part of the result.
            name: a pattern for the name, with * for any characters and ? for one.
            kind: which kind to look for.
            min_bytes: the smallest size; above 0 only files and archives are found.
            modified_since: only what was changed on this day or later.
        """
        top = self.need_directory(directory, READ | ENTER)
        nodes = self.while_untouched(top, "below", lambda: tuple(self.below(top, strict=False)))
        closed = sum([type(n) is Directory and bool(n.entries) and not self.may(n, READ | ENTER) for n in nodes])
        found: Sequence[Node] = nodes[1:]
        if name != "*":
            fits = _matcher(name)
            found = [node for node in found if fits(name_of(node.path))]
        if kind != "any":
            found = [node for node in found if kind_of(node) == kind]
        if min_bytes:
            found = [node for node in found if isinstance(node, File) and node.size >= min_bytes]
        if modified_since is not None:
            found = [node for node in found if moment(node.mtime)[:10] >= modified_since]
        return Found(*sorted_out(found), closed)

    @tool(phrases=("show the details of {path}", "tell me who owns {path}", "look up the size and the permissions of {path}"))
    def stat(self, path: EntryPath) -> Status:
        """Show kind, size, owner, group, permissions and time of a file, directory, archive or link.

        A link itself is shown, not what it leads to.

        Args:
            path: the thing to look at.
        """
        return status(self.need(path, follow=False))

    @tool(
        phrases=(
            "tell me how much space {directory} takes",
            "measure {directory} and its folders",
            "find out which part of {directory} is largest",
        )
    )
    def du(self, directory: WideDirectory) -> list[Usage]:
        """Measure a directory and each directory directly in it, with all that lies below.

        Args:
            directory: the directory to measure; it comes first in the result.
        """
        top = self.need_directory(directory, READ | ENTER)
        return list(self.while_untouched(top, "du", lambda: self._usage(top)))

    def _usage(self, top: Directory) -> tuple[Usage, ...]:
        cut = len(top.path) + (top.path != "/")
        sizes: list[tuple[str, list[int]]] = [(top.path, [])]  # by place; what follows a directory in the walk lies below it
        for node in self.below(top, strict=False)[1:]:
            direct = node.path.find("/", cut) < 0
            if isinstance(node, File):
                sizes[0][1].append(node.size)
                if not direct:
                    sizes[-1][1].append(node.size)
            elif direct and isinstance(node, Directory):
                sizes.append((node.path, []))
        return tuple([Usage(path, sum(held), len(held)) for path, held in sizes])

    @tool(phrases=("tell me how much disk space I have left", "show my account and its groups", "check my quota"))
    def whoami(self) -> Identity:
        """Show the user, the home directory, the groups, and how much of the disk quota is used."""
        own = self.account
        free = own.byte_limit - own.used_bytes
        return Identity(own.user, own.home, own.groups, own.byte_limit, own.used_bytes, free, own.node_limit, own.used_nodes)
