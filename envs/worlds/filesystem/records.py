"""The types that tie the tools of the file system together, and the records that its state keeps.

Paths are keys, and people know them. Files, directories, archives and links are kinds apart, so that the
output of a search feeds a reader and never the wrong one. Times never decide whether two states are equal,
except the moment at which somebody stamped a file by `touch`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ...records import record
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
WideDirectory = Annotated[str, _Path, Known("directory"), Sample(draws.draw_wide_directory)]
EmptyDirectory = Annotated[str, _Path, Known("directory"), Sample(draws.draw_empty_directory)]
StampedFile = Annotated[str, _Path, Known("file_path"), Sample(draws.draw_new_file)]
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
OldText = Annotated[str, Field(min_length=1, max_length=200), Sample(draws.draw_old)]
EditedFile = Annotated[str, _Path, Known("file_path"), Sample(draws.draw_edited_file)]
Replacement = Annotated[str, Field(max_length=200), Sample(draws.draw_replacement)]
Content = Annotated[Text, Field(max_length=200_000), Sample(draws.draw_text)]
LineCount = Annotated[int, Field(ge=0, le=10_000), Sample(lambda world, rng: rng.choice((1, 2, 3, 4, 5, 8)))]
Depth = Annotated[int, Field(ge=1, le=8), Sample(lambda world, rng: rng.choice((1, 2, 3)))]
Bytes = Annotated[int, Field(ge=0, le=1_000_000_000), Sample(lambda world, rng: rng.choice((100, 150, 200, 300)))]
PastDay = Annotated[Date, Sample(draws.draw_past_day)]
TrashId = Annotated[str, Key("trash_item", "TR-#####")]
Seconds = Annotated[int, DontCare()]
Modified = Annotated[str, DontCare()]


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
