"""What the tools of the file system give back. Every path is the real absolute one, typed by what lies there."""

from __future__ import annotations

from typing import Annotated

from ...records import record
from ...types import Known, Text
from .records import ArchivePath, DirectoryPath, FilePath, Kind, LinkPath, Modified, TrashId, UserName


@record
class Place:
    directory: DirectoryPath


@record
class FileEntry:
    path: FilePath
    name: str
    size_bytes: int
    owner: UserName
    mode: str
    modified: Modified


@record
class DirectoryEntry:
    path: DirectoryPath
    name: str
    owner: UserName
    mode: str
    modified: Modified


@record
class ArchiveEntry:
    path: ArchivePath
    name: str
    size_bytes: int
    owner: UserName
    mode: str
    modified: Modified


@record
class LinkEntry:
    path: LinkPath
    name: str
    target: str


@record
class Listing:
    directory: DirectoryPath
    directories: tuple[DirectoryEntry, ...]
    files: tuple[FileEntry, ...]
    archives: tuple[ArchiveEntry, ...]
    links: tuple[LinkEntry, ...]


@record
class Found:
    directories: tuple[DirectoryEntry, ...]
    files: tuple[FileEntry, ...]
    archives: tuple[ArchiveEntry, ...]
    links: tuple[LinkEntry, ...]
    unreadable_directories: int


@record
class Picture:
    directory: DirectoryPath
    text: Text
    directories: int
    files: int


@record
class Usage:
    directory: DirectoryPath
    size_bytes: int
    files: int


@record
class Status:
    path: str
    kind: Kind
    size_bytes: int
    owner: UserName
    group: Annotated[str, Known("user_group")]
    mode: Annotated[str, Known("file_mode")]
    modified: Modified
    target: str | None


@record
class Identity:
    user: UserName
    home: DirectoryPath
    groups: tuple[Annotated[str, Known("user_group")], ...]
    byte_limit: int
    used_bytes: int
    free_bytes: int
    node_limit: int
    used_nodes: int


@record
class FileText:
    file: FilePath
    text: Text
    lines: int


@record
class Counts:
    file: FilePath
    lines: int
    words: int
    characters: int
    size_bytes: int


@record
class MatchedLine:
    number: int
    line: str


@record
class Matches:
    file: FilePath
    count: int
    matches: tuple[MatchedLine, ...]
    text: Text


@record
class Hit:
    file: FilePath
    count: int
    first_line: str
    size_bytes: int
    modified: Modified


@record
class Difference:
    same: bool
    added: int
    removed: int
    text: Text


@record
class Replaced:
    file: FilePath
    replacements: int
    size_bytes: int


@record
class Placed:
    path: str
    file: FilePath | None
    directory: DirectoryPath | None
    entries: int
    size_bytes: int
    replaced: bool


@record
class Removed:
    path: str
    kind: Kind
    entries: int
    size_bytes: int


@record
class Packed:
    archive: ArchivePath
    entries: int
    size_bytes: int


@record
class Member:
    name: str
    kind: Kind
    size_bytes: int
    mode: str


@record
class Unpacked:
    directory: DirectoryPath
    entries: int
    first: str


@record
class TrashEntry:
    item: TrashId
    name: str
    origin: str
    kind: Kind
    size_bytes: int
    entries: int


@record
class Emptied:
    items: int
    freed_bytes: int
