"""Tools that make and change files: touch, mkdir, write_file, append_file, replace_text, chmod, chgrp, ln."""

from __future__ import annotations

import re

from ...errors import ToolError, shorten
from ...records import changed
from ...tool import tool
from .disk import Disk
from .looking import directory_entry, file_entry, status
from .packing import kind_of
from .paths import join, name_of, whole_lines
from .records import (
    Content,
    Directory,
    EditedFile,
    EntryPath,
    File,
    FilePath,
    GroupName,
    Link,
    Mode,
    NewDirectory,
    NewFile,
    NewLink,
    Node,
    OldText,
    Replacement,
    StampedFile,
)
from .results import DirectoryEntry, FileEntry, LinkEntry, Replaced, Status
from .tree import READ, WRITE

_CLAUSE = re.compile(r"([ugoa]+)([-+=])([rwx]+)")
_BITS = {"r": 4, "w": 2, "x": 1}.items()
_SHIFTS = {"u": 6, "g": 3, "o": 0}.items()


def changed_mode(mode: int, text: str) -> int:
    """`mode` after `text`: octal digits replace it, clauses such as "u+x,go-w" change it."""
    if text[0].isdigit():
        return int(text, 8)
    for who, sign, rights in _CLAUSE.findall(text):
        bits = sum([bit for letter, bit in _BITS if letter in rights])
        for letter, shift in _SHIFTS:
            if letter not in who and "a" not in who:
                continue
            if sign == "=":
                mode &= ~(7 << shift)
            mode = mode & ~(bits << shift) if sign == "-" else mode | bits << shift
    return mode


class Changing(Disk):
    """The tools that make and change files and directories in their place."""

    @tool(
        writes=("files", "directories", "accounts"),
        phrases=(
            "create an empty file {path}",
            "make sure that {path} exists and is stamped with the present time",
            "set the time of {path} to now",
        ),
    )
    def touch(self, path: StampedFile) -> Status:
        """Create an empty file, or stamp an existing file or directory with the present time.

        Args:
            path: the file to create or stamp.
        """
        place = self.locate(path)
        node = self.node(place)
        if node is None:
            return status(self.add_file(place, ""))
        if isinstance(node, Link):
            raise ToolError("not_found", f"the link {node.path!r} leads nowhere")
        if node.owner != self.user:
            self.demand(node, WRITE)
        stamped = changed(node, touched=self.now, mtime=self.now)
        self.put(stamped)
        return status(stamped)

    @tool(
        writes=("directories", "accounts"),
        phrases=("make a folder {directory}", "create the directory {directory}", "set up a new folder at {directory}"),
    )
    def mkdir(self, directory: NewDirectory, parents: bool = False) -> DirectoryEntry:
        """Create a directory.

        Args:
            directory: the path of the new directory.
            parents: whether missing directories above it are created too; then an existing one is no error.
        """
        if not parents:
            place = self.locate(directory)
            if (node := self.node(place)) is not None:
                raise ToolError("conflict", f"{place!r} is already there ({kind_of(node)})")
            return directory_entry(self.add_directory(place))
        steps, last = directory.rstrip("/").split("/"), "/"
        for end in range(1, len(steps) + 1):
            if steps[end - 1]:
                last = self._ensure_directory("/".join(steps[:end]))
        return directory_entry(self.directories[last])

    def _ensure_directory(self, text: str) -> str:
        place = self.locate(text)
        node = self.node(place)
        if node is None:
            return self.add_directory(place).path
        if not isinstance(node, Directory):
            raise ToolError("conflict", f"{place!r} is a {kind_of(node)}, not a directory")
        return place

    @tool(
        writes=("files", "directories", "accounts"),
        phrases=(
            'create a file {path} with the text "{content}"',
            'save "{content}" as {path}',
            'write "{content}" into a new file {path}',
        ),
    )
    def write_file(self, path: NewFile, content: Content, overwrite: bool = False) -> FileEntry:
        """Create a text file with a content; a missing newline at its end is added.

        Args:
            path: the file to write.
            content: all that the file shall say.
            overwrite: whether a file that is already there is replaced.

        Raises:
            conflict: the file exists and overwrite is false.
            limit_exceeded: the disk quota does not suffice.
        """
        place, text = self.locate(path), whole_lines(content)
        node = self.node(place)
        if node is None:
            if path.endswith("/"):
                raise ToolError("not_found", f"there is no directory {place!r}; leave out the slash at the end to name a file")
            return file_entry(self.add_file(place, text))
        if not isinstance(node, File):
            raise ToolError("conflict", f"{place!r} is a {kind_of(node)}, which cannot be written over")
        if not overwrite:
            raise ToolError("conflict", f"{place!r} is already there; pass overwrite=true to replace it, or use append_file to add to it")
        return file_entry(self.set_content(node, text))

    @tool(
        writes=("files", "accounts"),
        phrases=('add "{content}" to {path}', 'append the line "{content}" to {path}', 'note "{content}" at the end of {path}'),
    )
    def append_file(self, path: FilePath, content: Content) -> FileEntry:
        """Add lines at the end of a text file that exists; a missing newline at the end is added.

        Args:
            path: the file to add to.
            content: the lines to add.
        """
        file = self.need_file(path, WRITE)
        return file_entry(self.set_content(file, file.content + whole_lines(content)))

    @tool(
        writes=("files", "accounts"),
        phrases=(
            'replace "{old}" by "{new}" in {path}',
            'change every "{old}" in {path} to "{new}"',
            'correct {path} so that it says "{new}" instead of "{old}"',
        ),
    )
    def replace_text(self, path: EditedFile, old: OldText, new: Replacement) -> Replaced:
        """Replace every occurrence of a text in a file by another.

        Args:
            path: the file to change.
            old: the text to replace, taken literally.
            new: the text in its place.

        Raises:
            not_found: the file does not contain the text.
        """
        file = self.need_file(path, WRITE)
        count = file.content.count(old)
        if not count:
            raise ToolError("not_found", f"{file.path!r} does not contain {shorten(old)!r}; grep shows what it says")
        self.demand(file, READ)
        self.check_room(file.owner, count * (len(new.encode()) - len(old.encode())))
        changed = self.set_content(file, whole_lines(file.content.replace(old, new)))
        return Replaced(file.path, count, changed.size)

    @tool(
        writes=("files", "directories"),
        phrases=("set the permissions of {path} to {mode}", "change the rights on {path} to {mode}", "apply mode {mode} to {path}"),
    )
    def chmod(self, path: EntryPath, mode: Mode, recursive: bool = False) -> Status:
        """Change the permissions of a file or directory that the user owns.

        Args:
            path: the file or directory.
            mode: octal digits such as "640", or changes such as "u+x" or "go-w".
            recursive: whether everything below a directory is changed too; links are left alone.
        """
        top = self._owned(path)
        for node in self._affected(top, recursive):
            self._demand_own(node)
            self.put(changed(node, mode=changed_mode(node.mode, mode)))
        return status(self.need(top.path))

    @tool(
        writes=("files", "directories"),
        phrases=("hand {path} to the group {group}", "make {group} the group of {path}", "let the group {group} own {path} along with me"),
    )
    def chgrp(self, path: EntryPath, group: GroupName, recursive: bool = False) -> Status:
        """Give a file or directory that the user owns to one of the user's groups.

        Args:
            path: the file or directory.
            group: the group; the user must be in it (whoami shows the groups).
            recursive: whether everything below a directory is changed too; links are left alone.
        """
        if group not in self.account.groups:
            raise ToolError(
                "permission_denied", f"you are not in the group {shorten(group)!r}; your groups: {', '.join(self.account.groups)}"
            )
        top = self._owned(path)
        for node in self._affected(top, recursive):
            self._demand_own(node)
            self.put(changed(node, group=group))
        return status(self.need(top.path))

    def _owned(self, path: str) -> File | Directory:
        node = self.need(path)
        if isinstance(node, Link):
            raise ToolError("not_found", f"the link {node.path!r} leads nowhere")
        self._demand_own(node)
        return node

    def _affected(self, top: Node, recursive: bool) -> list[File | Directory]:
        nodes = self.below(top) if recursive else [top]
        return [node for node in nodes if not isinstance(node, Link)]

    def _demand_own(self, node: File | Directory) -> None:
        if node.owner != self.user:
            raise ToolError("permission_denied", f"only {node.owner}, who owns {node.path!r}, can change its rights")

    @tool(
        writes=("links", "directories", "accounts"),
        phrases=("make a link {link} to {target}", "create a shortcut {link} that leads to {target}", "let {link} point to {target}"),
    )
    def ln(self, target: EntryPath, link: NewLink) -> LinkEntry:
        """Create a symbolic link, which keeps the absolute path of what it leads to.

        Args:
            target: the file or directory that the link leads to; it must exist now.
            link: the path of the new link, or a directory in which a link with the target's name is made.
        """
        goal = self.need(target, follow=False)
        place = self.locate(link, follow=False)
        if isinstance(self.node(self.locate(link)), Directory):
            place = join(self.locate(link), name_of(goal.path))
        if (node := self.node(place)) is not None:
            raise ToolError("conflict", f"{place!r} is already there ({kind_of(node)})")
        made = self.add_link(place, goal.path)
        return LinkEntry(made.path, name_of(made.path), made.target)
