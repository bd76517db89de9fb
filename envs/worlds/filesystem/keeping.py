"""Tools that keep things: archives (tar_create, tar_list, tar_extract) and the trash, from which things come back."""

from __future__ import annotations

from typing import Any

from ...errors import ToolError
from ...tool import tool
from .disk import Disk
from .moving import placed
from .packing import kind_of, pack, parts_of
from .paths import inside, join, name_of, parent_of
from .records import ArchivePath, Directory, DirectoryPath, EntryPath, File, NewArchive, TrashId, TrashItem
from .results import Emptied, Member, Packed, Placed, TrashEntry, Unpacked
from .tree import READ

KEEP_TRASH = 30 * 86_400


def trash_in_use(world: Any) -> bool:
    """Something must lie in the trash; move_to_trash puts a file or directory there."""
    return len(world.trash) > 0


def _shown(item: TrashItem) -> TrashEntry:
    return TrashEntry(item.id, item.name, item.origin, item.kind, item.size, item.nodes)


class Keeping(Disk):
    """The tools for archives and for the trash."""

    # -- archives --------------------------------------------------------------------------------------

    @tool(
        writes=("files", "directories", "accounts"),
        phrases=("pack {source} into {archive}", "make an archive {archive} of {source}", "bundle {source} as {archive}"),
    )
    def tar_create(self, source: DirectoryPath, archive: NewArchive) -> Packed:
        """Pack a directory with all that it holds, or a single file, into a new archive; the source stays.

        An archive keeps names, contents, permissions and links; owners and times are not kept.

        Args:
            source: the directory or file to pack.
            archive: the path of the new archive, ending in ".tar".
        """
        node = self.need(source)
        place = self.locate(archive)
        if not place.endswith(".tar"):
            raise ToolError("invalid_arguments", "the name of an archive ends in .tar")
        if self.node(place) is not None:
            raise ToolError("conflict", f"{place!r} is already there; choose another name")
        if node.path == "/":
            raise ToolError("invalid_arguments", "the root directory cannot be packed; name a directory in it")
        nodes = self.below(node)
        for item in nodes:
            if isinstance(item, File):
                self.demand(item, READ)
        cut = len(parent_of(node.path).rstrip("/")) + 1
        made = self.add_file(place, pack(nodes, cut), packed=True)
        return Packed(made.path, len(nodes), made.size)

    @tool(
        phrases=(
            "show what is packed in {archive}",
            "list the contents of the archive {archive}",
            "tell me what {archive} holds without unpacking it",
        )
    )
    def tar_list(self, archive: ArchivePath) -> list[Member]:
        """Show what an archive holds, in the order in which it was packed.

        Args:
            archive: the archive to look into.
        """
        file = self.need_file(archive, READ, packed=True)
        return [
            Member(p.name, p.kind, len(p.body.encode()) if p.kind in ("file", "archive") else 0, f"{p.mode:03o}")
            for p in parts_of(file.content)
        ]

    @tool(
        writes=("files", "directories", "links", "accounts"),
        phrases=(
            "unpack {archive} into {directory}",
            "extract {archive} to {directory}",
            "get the contents of {archive} back under {directory}",
        ),
    )
    def tar_extract(self, archive: ArchivePath, directory: DirectoryPath) -> Unpacked:
        """Unpack an archive into an existing directory; the archive stays. Nothing is written over.

        Args:
            archive: the archive to unpack.
            directory: the directory to unpack into.

        Raises:
            conflict: a file of the archive is already there.
        """
        file = self.need_file(archive, READ, packed=True)
        place = self.need_directory(directory)
        parts = parts_of(file.content)
        made = self.unpack(parts, place.path)
        return Unpacked(place.path, len(made), join(place.path, parts[0].name))

    # -- trash -----------------------------------------------------------------------------------------

    @tool(
        writes=("files", "directories", "links", "trash", "accounts"),
        phrases=("throw {path} away, but so that I can get it back", "put {path} in the trash", "discard {path} for now"),
    )
    def move_to_trash(self, path: EntryPath) -> TrashEntry:
        """Move a file or directory of the user's to the trash, from which it can come back for 30 days.

        What lies in the trash still counts against the quota.

        Args:
            path: what to throw away; all of it must belong to the user.
        """
        node = self.need(path, follow=False)
        if isinstance(node, Directory) and inside(self.cwd, node.path):
            raise ToolError("conflict", f"the current directory is in {node.path!r}; cd elsewhere first")
        self.allow_drop(node)
        nodes = self.below(node)
        for item in nodes:
            if item.owner != self.user:
                raise ToolError("permission_denied", f"{item.path!r} belongs to {item.owner}; only your own things can go to your trash")
        size = sum([item.size for item in nodes if isinstance(item, File)])
        text = pack(nodes, len(parent_of(node.path).rstrip("/")) + 1, full=True)
        self.drop_all(node)
        self.charge(self.user, size, len(nodes))
        item_id = self.mint(self.trash)
        return _shown(self.trash.put(TrashItem(item_id, name_of(node.path), node.path, kind_of(node), text, size, len(nodes), self.now)))

    @tool(phrases=("show what is in the trash", "list what I have thrown away", "tell me what could still be restored"))
    def list_trash(self) -> list[TrashEntry]:
        """List what lies in the user's trash, with the place that each thing came from."""
        return sorted([_shown(item) for item in self.trash], key=lambda entry: (entry.origin, entry.item))

    @tool(
        requires=trash_in_use,
        writes=("files", "directories", "links", "trash", "accounts"),
        phrases=("restore {item} from the trash", "bring {item} back to where it was", "undelete {item}"),
    )
    def restore_from_trash(self, item: TrashId) -> Placed:
        """Put something from the trash back to where it was.

        Args:
            item: the item in the trash.

        Raises:
            not_found: the directory that held it is gone.
            conflict: something else is in its place now.
        """
        found = self.trash[item]
        self.locate(found.origin, follow=False)
        self.charge(self.user, -found.size, -found.nodes)
        made = self.unpack(parts_of(found.content), parent_of(found.origin), full=True)
        self.trash.remove(item)
        node = self.need(found.origin, follow=False)
        return placed(node, len(made), found.size, False)

    @tool(
        requires=trash_in_use,
        writes=("trash", "accounts"),
        phrases=("empty the trash", "delete everything in the trash for good", "free the space that thrown away files still take"),
    )
    def empty_trash(self) -> Emptied:
        """Delete for good all that lies in the trash, which frees its share of the quota."""
        items = list(self.trash)
        return Emptied(len(items), sum([self._purge(item) for item in items]))

    def _purge(self, item: TrashItem) -> int:
        self.trash.remove(item.id)
        self.charge(self.user, -item.size, -item.nodes)
        return item.size

    def on_advance(self, before: int) -> None:
        """Things that have been in the trash for 30 days are gone."""
        for item in list(self.trash):
            if item.trashed_at + KEEP_TRASH <= self.now:
                self._purge(item)
