"""The records of the file system: what the state keeps, and what the tools give back; and the types that tie them.

Paths are keys, and people know them. Files, directories, archives and links are kinds apart, so that the
output of a search feeds a reader and never the wrong one. Times never decide whether two states are equal,
except the moment at which somebody stamped a file by `touch`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ...state import record
from ...types import Date, DontCare, Key, Known, Sample, Text
from . import draws

_Path = Field(min_length=1, max_length=1024)
Kind = Literal["file", "directory", "archive", "link"]

FilePath = Annotated[str, _Path, Known("file_path")]
DirectoryPath = Annotated[str, _Path, Known("directory")]
ArchivePath = Annotated[str, _Path, Known("archive_path")]
LinkPath = Annotated[str, _Path, Known("link_path")]
EntryPath = Annotated[str, _Path, Known("file_path"), Sample(draws.draw_entry)]
Destination = Annotated[str, _Path, Known("directory"), Sample(draws.draw_destination)]
NewFile = Annotated[str, _Path, Sample(draws.draw_new_file)]
NewDirectory = Annotated[str, _Path, Sample(draws.draw_new_directory)]
NewArchive = Annotated[str, _Path, Sample(draws.draw_new_archive)]
NewLink = Annotated[str, _Path, Sample(draws.draw_new_link)]
UserName = Annotated[str, Known("system_user")]
GroupName = Annotated[str, Field(min_length=1, max_length=32), Known("user_group"), Sample(draws.draw_group)]
Mode = Annotated[
    str,
    Field(pattern=r"^([0-7]{3,4}|[ugoa]+[-+=][rwx]+(,[ugoa]+[-+=][rwx]+){0,3})$", examples=["644", "u+x"]),
    Known("file_mode"),
    Sample(draws.draw_mode),
]
Glob = Annotated[str, Field(min_length=1, max_length=64), Sample(draws.draw_glob)]
Word = Annotated[str, Field(min_length=1, max_length=200), Sample(draws.draw_word)]
Replacement = Annotated[str, Field(max_length=200), Sample(draws.draw_replacement)]
Content = Annotated[Text, Field(max_length=200_000), Sample(draws.draw_text)]
LineCount = Annotated[int, Field(ge=0, le=10_000), Sample(lambda world, rng: rng.choice((1, 2, 3, 4, 5, 8)))]
Depth = Annotated[int, Field(ge=1, le=8), Sample(lambda world, rng: rng.choice((1, 2, 3)))]
Bytes = Annotated[int, Field(ge=0, le=1_000_000_000), Sample(lambda world, rng: rng.choice((100, 150, 200, 300)))]
PastDay = Annotated[Date, Sample(draws.draw_past_day)]
TrashId = Annotated[str, Key("trash_item", "TR-#####")]
Seconds = Annotated[int, DontCare()]
Modified = Annotated[str, DontCare()]


# -- state ------------------------------------------------------------------------------------------------


@record
class File:
    path: FilePath
    content: Text
    size: int
    owner: UserName
    group: str
    mode: int
    packed: bool = False
    touched: int = 0
    mtime: Seconds = 0


@record
class Directory:
    path: DirectoryPath
    owner: UserName
    group: str
    mode: int
    touched: int = 0
    mtime: Seconds = 0
    entries: Annotated[tuple[str, ...], DontCare()] = ()


@record
class Link:
    path: LinkPath
    target: str
    owner: UserName
    group: str
    mode: int = 0o777
    mtime: Seconds = 0


@record
class Account:
    user: UserName
    groups: tuple[str, ...]
    home: str
    byte_limit: int
    node_limit: int
    used_bytes: Annotated[int, DontCare()] = 0
    used_nodes: Annotated[int, DontCare()] = 0


@record
class TrashItem:
    id: TrashId
    name: str
    origin: str
    kind: Kind
    content: str
    size: int
    nodes: int
    trashed_at: Seconds


Node = File | Directory | Link


# -- results ----------------------------------------------------------------------------------------------


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
