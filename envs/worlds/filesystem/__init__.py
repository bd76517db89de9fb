"""A file system with users, permissions, links, quotas, archives and a trash; see `FileSystem`."""

from __future__ import annotations

from random import Random

from ...world import Size
from .changing import Changing
from .generator import build
from .keeping import Keeping
from .looking import Looking
from .moving import Moving
from .reading import Reading
from .swelling import swell

__all__ = ["FileSystem"]


class FileSystem(Looking, Reading, Changing, Moving, Keeping):
    """The files of one person on a shared computer: a home, a colleague's home, a team's place, the system.

    Everything lies in one simulated tree; no real disk is ever touched. The user works under an ordinary
    account, in two groups; other people and root own what is theirs.

    State: `files` (plain ones and archives), `directories`, `links` and `accounts`, each by path or name;
    `trash`; the cells `user` and, incidental, `cwd`. There are no inode numbers: two routes to the same tree
    give the same state. Modification times, the entries of directories and the use of quotas follow from the
    rest or from the route, and never decide a task; a stamp by `touch` does.

    Paths: absolute, or relative to the current directory; `.`, `..`, `~` and `~colleague`. Links are followed
    inside the simulation only, 40 at most. Every directory on the way must let the user enter.

    Access: read, write and enter bits of owner, group and others, octal or symbolic. Adding, moving and
    removing need write and enter on the directory; in a sticky one (`/tmp`) only owners remove; below a setgid
    one new things take over its group. Only owners change permissions, and only to groups that they are in.

    Quota: each owner pays for bytes and for the number of nodes, the trash included; beyond the limit a call
    is refused whole. Files hold whole lines: a final newline that is left out is added.

    Tools: look (pwd, cd, ls, tree, find, stat, du, whoami), read (cat, head, tail, wc, grep, search_files,
    sort, compare), make and change (touch, mkdir, write_file, append_file, replace_text, chmod, chgrp, ln), place
    (cp, mv, rm, rmdir), keep (tar_create, tar_list, tar_extract, move_to_trash, list_trash,
    restore_from_trash, empty_trash).

    Right here and often wrong elsewhere: a copied directory shares nothing with its source; a moved one takes
    everything below along, the current directory too; nothing is copied or moved into itself; full directories
    are removed only recursively; `tail` of 0 lines is empty; every path may have many levels; a call that
    fails half-way has changed nothing.

        >>> disk = FileSystem.create(seed=7)
        >>> disk.call("mkdir", {"directory": "~/reports/2026", "parents": True}).value["path"].endswith("/reports/2026")
        True
    """

    INCIDENTAL = ("accounts",)
    GROWS = ("directories.entries", "accounts.byte_limit", "accounts.used_bytes", "accounts.node_limit", "accounts.used_nodes")

    def generate(self, rng: Random, size: Size) -> None:
        """Fill the disk: see `generator.py`."""
        build(self, rng, size)

    def generate_more(self, rng: Random, factor: int) -> None:
        """Add folders and files that nobody asks about: see `swelling.py`."""
        swell(self, rng, factor)
