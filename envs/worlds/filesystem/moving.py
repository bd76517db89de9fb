"""Tools that copy, move and remove: cp, mv, rm, rmdir."""

from __future__ import annotations

from ...errors import ToolError
from ...records import changed
from ...tool import tool
from .disk import Disk
from .packing import kind_of
from .paths import inside, join, name_of, parent_of
from .records import Destination, Directory, EmptyDirectory, EntryPath, File, Link, Node
from .results import Placed, Removed
from .tree import READ, WRITE

_UMASK = 0o022


def placed(node: Node, entries: int, size: int, replaced: bool) -> Placed:
    """Where something came to lie."""
    file = node.path if isinstance(node, File) and not node.packed else None
    return Placed(node.path, file, node.path if isinstance(node, Directory) else None, entries, size, replaced)


class Moving(Disk):
    """The tools that copy, move and remove."""

    @tool(
        writes=("files", "directories", "links", "accounts"),
        phrases=("copy {source} to {destination}", "put a copy of {source} at {destination}", "duplicate {source} as {destination}"),
    )
    def cp(self, source: EntryPath, destination: Destination, recursive: bool = False, overwrite: bool = True) -> Placed:
        """Copy a file, or a directory with all that it holds, to another place.

        An existing directory as the destination receives the copy under the source's name. Directories of the
        same name are merged. The copy belongs to the user.

        Args:
            source: the file or directory to copy.
            destination: the new path, or an existing directory to copy into.
            recursive: needed for a directory; links within it are then copied as links.
            overwrite: whether files of the same name at the destination are replaced; else they are a conflict.
        """
        node = self.need(source, follow=not recursive)
        if isinstance(node, Directory) and not recursive:
            raise ToolError("invalid_arguments", f"{node.path!r} is a directory; pass recursive=true to copy it with all that it holds")
        target = self._target(destination, node, follow=True)
        if target == node.path:
            raise ToolError("conflict", f"{node.path!r} and the destination are the same {kind_of(node)}")
        if isinstance(node, Directory) and inside(target, node.path):
            raise ToolError("invalid_arguments", f"{node.path!r} cannot be copied into itself ({target!r})")
        replaced, cut = self.node(target) is not None, len(node.path)
        size, made, nodes = 0, [], self.below(node)
        for item in nodes:
            size += item.size if isinstance(item, File) else 0
            place = target + item.path[cut:]
            if self._copy_one(item, place, overwrite) and isinstance(item, Directory):
                made.append((place, item.mode))
        for place, mode in made:
            kept = self.directories[place]
            self.directories.put(changed(kept, mode=kept.mode & 0o7000 | mode & 0o777 & ~_UMASK))
        return placed(self.need(target, follow=False), len(nodes), size, replaced)

    def _copy_one(self, item: Node, place: str, overwrite: bool) -> bool:
        """Copy one node without what is below; True where it was made anew."""
        existing = self.node(place)
        if isinstance(item, File):
            self.demand(item, READ)
        if existing is None:
            if isinstance(item, Directory):
                self.add_directory(place, 0o700)
            elif isinstance(item, Link):
                self.add_link(place, item.target)
            else:
                self.add_file(place, item.content, item.mode & 0o777 & ~_UMASK, item.packed)
            return True
        if isinstance(item, Directory) and isinstance(existing, Directory):
            return False
        if not (isinstance(item, File) and isinstance(existing, File)):
            raise ToolError("conflict", f"{place!r} is already there as a {kind_of(existing)}; a {kind_of(item)} cannot replace it")
        if not overwrite:
            raise ToolError("conflict", f"{place!r} is already there; pass overwrite=true to replace it, or choose another name")
        self.set_content(existing, item.content, item.packed)
        return False

    def _target(self, destination: str, node: Node, follow: bool) -> str:
        """Where a source comes to lie: `destination`, or under its own name in it where that is a directory."""
        place = self.locate(destination)
        existing = self.node(place)
        if isinstance(existing, Directory):
            return join(place, name_of(node.path))
        unfollowed = self.locate(destination, follow=False)
        if existing is None and destination.endswith("/") and not isinstance(node, Directory):
            raise ToolError("not_found", f"there is no directory {place!r}; mkdir can make it")
        if follow and existing is None and unfollowed in self.links:
            raise ToolError("conflict", f"the link {unfollowed!r} leads nowhere; remove it first")
        return place if follow else unfollowed

    @tool(
        writes=("files", "directories", "links", "accounts", "cwd"),
        phrases=("move {source} to {destination}", "rename {source} to {destination}", "relocate {source} to {destination}"),
    )
    def mv(self, source: EntryPath, destination: Destination, overwrite: bool = True) -> Placed:
        """Move or rename a file, a directory with all that it holds, an archive or a link.

        An existing directory as the destination receives the source under its own name. Owner, group and
        permissions stay.

        Args:
            source: what to move.
            destination: the new path, or an existing directory to move into.
            overwrite: whether a file or empty directory of the same name at the destination is replaced.
        """
        node = self.need(source, follow=False)
        target = self._target(destination, node, follow=False)
        if target == node.path:
            raise ToolError("conflict", f"{node.path!r} is already there")
        if isinstance(node, Directory) and inside(target, node.path):
            raise ToolError("invalid_arguments", f"{node.path!r} cannot be moved into itself ({target!r})")
        self.allow_drop(node)
        if isinstance(node, Directory) and parent_of(target) != parent_of(node.path):
            self.demand(node, WRITE)
        existing = self.node(target)
        if existing is not None:
            self._make_way(node, existing, overwrite)
        self.allow_add(target)
        size = sum([item.size for item in self.subtree(node) if isinstance(item, File)])
        moved = self.relocate(node, target)
        return placed(self.need(target, follow=False), moved, size, existing is not None)

    def _make_way(self, node: Node, existing: Node, overwrite: bool) -> None:
        """Remove what a move replaces, where the rules allow it."""
        if not overwrite:
            raise ToolError("conflict", f"{existing.path!r} is already there; pass overwrite=true to replace it, or choose another name")
        if isinstance(node, Directory) != isinstance(existing, Directory):
            raise ToolError("conflict", f"{existing.path!r} is a {kind_of(existing)}; a {kind_of(node)} cannot replace it")
        if isinstance(existing, Directory):
            self._demand_empty(existing)
        self.drop(existing)

    def _demand_empty(self, directory: Directory) -> None:
        if directory.entries:
            raise ToolError("conflict", f"the directory {directory.path!r} is not empty; it holds {len(directory.entries)} entries")
        if directory.path == self.cwd:
            raise ToolError("conflict", f"{directory.path!r} is the current directory; cd elsewhere first")

    @tool(
        writes=("files", "directories", "links", "accounts"),
        phrases=("delete {path}", "remove {path} for good", "erase {path}, I do not need it back"),
    )
    def rm(self, path: EntryPath, recursive: bool = False) -> Removed:
        """Delete a file, archive or link for good, or with recursive a directory and all that it holds.

        A link is deleted itself, not what it leads to.

        Args:
            path: what to delete.
            recursive: needed for a directory.
        """
        node = self.need(path, follow=False)
        if isinstance(node, Directory):
            if not recursive:
                raise ToolError("invalid_arguments", f"{node.path!r} is a directory; pass recursive=true, or use rmdir if it is empty")
            if inside(self.cwd, node.path):
                raise ToolError("conflict", f"the current directory is in {node.path!r}; cd elsewhere first")
        size = sum([item.size for item in self.subtree(node) if isinstance(item, File)])
        return Removed(node.path, kind_of(node), self.drop_all(node), size)

    @tool(
        writes=("directories", "accounts"),
        phrases=(
            "remove the empty folder {directory}",
            "delete the directory {directory}, which holds nothing",
            "get rid of the empty {directory}",
        ),
    )
    def rmdir(self, directory: EmptyDirectory) -> Removed:
        """Delete an empty directory.

        Args:
            directory: the directory to delete; it must be empty.
        """
        node = self.need(directory, follow=False)
        if not isinstance(node, Directory):
            raise ToolError("invalid_arguments", f"{node.path!r} is a {kind_of(node)}, not a directory; rm deletes it")
        self._demand_empty(node)
        self.drop(node)
        return Removed(node.path, "directory", 1, 0)
