"""FileSystem: the rules that a person expects of a disk, each as a promise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from turngym.envs.worlds.filesystem import FileSystem
from turngym.envs.worlds.filesystem.changing import changed_mode
from turngym.envs.worlds.filesystem.packing import pack, parts_of


@pytest.fixture
def disk() -> FileSystem:
    world = FileSystem.create(seed=11)
    for account in list(world.accounts):
        world.accounts.put(replace(account, byte_limit=account.used_bytes + 100_000, node_limit=account.used_nodes + 500))
    world._journal.clear()
    do(world, "mkdir", directory="~/box")
    do(world, "cd", directory="~/box")
    return world


def do(world: FileSystem, tool: str, **arguments: Any) -> Any:
    result = world.call(tool, arguments)
    assert result.error is None, (result.text, result.detail)
    assert not list(world.invariants()), list(world.invariants())
    return result.value


def refuse(world: FileSystem, kind: str, tool: str, **arguments: Any) -> str:
    before = world.fingerprint()
    result = world.call(tool, arguments)
    assert result.error == kind, (result.text, result.detail)
    assert world.fingerprint() == before
    return str(result.value["error"]["message"])


def save(world: FileSystem, path: str, content: str = "one\n") -> str:
    return str(do(world, "write_file", path=path, content=content)["path"])


def text(world: FileSystem, path: str) -> str:
    return str(do(world, "cat", path=path)["text"])


def names(world: FileSystem, directory: str) -> list[str]:
    listing = do(world, "ls", directory=directory, show_hidden=True)
    return sorted(entry["name"] for kind in ("directories", "files", "archives", "links") for entry in listing[kind])


def home(world: FileSystem) -> str:
    return world.account.home


def colleague(world: FileSystem) -> str:
    return next(a.user for a in world.accounts if a.home.startswith("/home/") and a.user != world.user)


def team(world: FileSystem) -> str:
    return f"/srv/{world.account.groups[1]}"


# -- paths ------------------------------------------------------------------------------------------------


def test_absolute_relative_dotted_and_home_paths_name_the_same_file(disk: FileSystem) -> None:
    save(disk, "a.txt")
    top = home(disk)
    for path in (
        "a.txt",
        "./a.txt",
        "../box/a.txt",
        "~/box/a.txt",
        f"{top}/box/a.txt",
        f"/..//home/.{top[5:]}/box//a.txt",
        f"~{disk.user}/box/a.txt",
    ):
        assert do(disk, "cat", path=path)["file"] == f"{top}/box/a.txt"


def test_paths_may_have_many_levels(disk: FileSystem) -> None:
    deep = "/".join(["d"] * 40)
    do(disk, "mkdir", directory=deep, parents=True)
    save(disk, f"{deep}/x.txt", "deep\n")
    assert text(disk, f"~/box/{deep}/x.txt") == "deep\n"


def test_cd_moves_and_the_place_is_incidental(disk: FileSystem) -> None:
    assert do(disk, "cd")["directory"] == home(disk)
    assert do(disk, "cd", directory="/")["directory"] == "/"
    assert do(disk, "cd", directory="..")["directory"] == "/"
    assert do(disk, "pwd")["directory"] == "/"
    assert FileSystem.cell_specs["cwd"].incidental


@pytest.mark.parametrize(
    ("path", "kind"),
    [("missing.txt", "not_found"), ("no/such/dir/x", "not_found"), ("~nobody/x", "not_found"), ("a.txt/x", "invalid_arguments")],
)
def test_wrong_paths_are_told(disk: FileSystem, path: str, kind: str) -> None:
    save(disk, "a.txt")
    refuse(disk, kind, "cat", path=path)


@pytest.mark.parametrize("path", ["", "x\n", "a\x00b", "\u202e", "x" * 1025, None, 5, ["a"], "a\ud800"])
def test_hostile_paths_are_invalid_arguments(disk: FileSystem, path: Any) -> None:
    for tool in ("cat", "touch", "rm"):
        refuse(disk, "invalid_arguments", tool, path=path)


def test_names_and_paths_have_limits(disk: FileSystem) -> None:
    refuse(disk, "limit_exceeded", "touch", path="n" * 256)
    refuse(disk, "limit_exceeded", "touch", path="ü" * 200)
    refuse(disk, "limit_exceeded", "mkdir", directory="/".join(["abc"] * 255), parents=True)
    do(disk, "mkdir", directory="/".join(["abc"] * 200), parents=True)
    do(disk, "mkdir", directory="w" * 250)
    refuse(disk, "limit_exceeded", "mv", source="abc", destination="w" * 250)


def test_a_slash_at_the_end_asks_for_a_directory(disk: FileSystem) -> None:
    save(disk, "a.txt")
    refuse(disk, "invalid_arguments", "cat", path="a.txt/")
    refuse(disk, "not_found", "write_file", path="new/", content="x")
    refuse(disk, "not_found", "cp", source="a.txt", destination="new/")
    assert do(disk, "mkdir", directory="new/")["path"].endswith("/box/new")


# -- links ------------------------------------------------------------------------------------------------


def test_links_are_followed_and_removed_as_themselves(disk: FileSystem) -> None:
    do(disk, "mkdir", directory="real")
    save(disk, "real/a.txt", "hello\n")
    do(disk, "ln", target="real", link="short")
    do(disk, "ln", target="real/a.txt", link="file")
    assert text(disk, "short/a.txt") == text(disk, "file") == "hello\n"
    assert do(disk, "cd", directory="short")["directory"].endswith("/box/real")
    do(disk, "cd", directory="..")
    do(disk, "append_file", path="file", content="more")
    assert text(disk, "real/a.txt") == "hello\nmore\n"
    assert do(disk, "stat", path="file")["target"].endswith("/box/real/a.txt")
    do(disk, "rm", path="short")
    do(disk, "rm", path="file")
    assert names(disk, ".") == ["real"]
    assert text(disk, "real/a.txt") == "hello\nmore\n"


def test_circles_of_links_end_in_an_error(disk: FileSystem) -> None:
    save(disk, "a")
    do(disk, "ln", target="a", link="b")
    do(disk, "rm", path="a")
    do(disk, "ln", target="b", link="a")
    assert "circle" in refuse(disk, "conflict", "cat", path="a")
    assert do(disk, "stat", path="a")["kind"] == "link"
    do(disk, "rm", path="a")
    refuse(disk, "not_found", "cat", path="b")


def test_a_link_onto_something_that_is_there_is_a_conflict(disk: FileSystem) -> None:
    save(disk, "a")
    refuse(disk, "conflict", "ln", target="a", link="a")
    refuse(disk, "not_found", "ln", target="nothing", link="x")
    do(disk, "mkdir", directory="d")
    assert do(disk, "ln", target="a", link="d")["path"].endswith("/box/d/a")


def test_copying_to_a_link_that_leads_nowhere_is_refused(disk: FileSystem) -> None:
    save(disk, "a")
    save(disk, "gone")
    do(disk, "ln", target="gone", link="l")
    do(disk, "rm", path="gone")
    refuse(disk, "conflict", "cp", source="a", destination="l")
    refuse(disk, "not_found", "chmod", path="l", mode="600")
    refuse(disk, "not_found", "touch", path="~/box/gone/x")


# -- reading ----------------------------------------------------------------------------------------------


def test_head_and_tail_give_exactly_what_was_asked(disk: FileSystem) -> None:
    save(disk, "n", "".join(f"{i}\n" for i in range(1, 31)))
    assert do(disk, "tail", path="n", lines=0) == {"file": f"{home(disk)}/box/n", "text": "", "lines": 0}
    assert do(disk, "head", path="n", lines=0)["text"] == ""
    assert do(disk, "tail", path="n", lines=2)["text"] == "29\n30\n"
    assert do(disk, "head", path="n", lines=2)["text"] == "1\n2\n"
    assert do(disk, "tail", path="n")["lines"] == do(disk, "head", path="n")["lines"] == 10
    assert do(disk, "head", path="n", lines=99)["lines"] == 30
    refuse(disk, "invalid_arguments", "tail", path="n", lines=-1)


def test_sizes_are_bytes_and_counts_are_characters(disk: FileSystem) -> None:
    save(disk, "u", "grüße \U0001f600\nzwei")
    assert do(disk, "wc", path="u") | {"file": ""} == {"file": "", "lines": 2, "words": 3, "characters": 13, "size_bytes": 18}
    assert do(disk, "stat", path="u")["size_bytes"] == 18


def test_only_a_newline_ends_a_line(disk: FileSystem) -> None:
    save(disk, "odd", "a\rb\x0bc\u2028d\ne")
    assert do(disk, "cat", path="odd")["lines"] == 2
    assert do(disk, "sort", path="odd", reverse=True)["text"] == "e\na\rb\x0bc\u2028d\n"


def test_grep_takes_the_text_literally(disk: FileSystem) -> None:
    save(disk, "g", "a.c\nabc\nA.C\n")
    assert [m["number"] for m in do(disk, "grep", pattern="a.c", path="g")["matches"]] == [1]
    assert do(disk, "grep", pattern="A.c", path="g", ignore_case=True)["text"] == "a.c\nA.C\n"
    assert do(disk, "grep", pattern="a", path="g", invert=True)["text"] == "A.C\n"
    assert do(disk, "grep", pattern="(", path="g")["count"] == 0


def test_search_goes_down_but_not_where_the_user_may_not_read(disk: FileSystem) -> None:
    do(disk, "mkdir", directory="x/y", parents=True)
    save(disk, "x/y/deep.txt", "zebra 1\nzebra 2\n")
    save(disk, "hidden.txt", "zebra\n")
    do(disk, "chmod", path="hidden.txt", mode="000")
    hits = do(disk, "search_files", directory="~", pattern="zebra")
    assert [(hit["file"], hit["count"], hit["first_line"]) for hit in hits] == [(f"{home(disk)}/box/x/y/deep.txt", 2, "zebra 1")]
    assert not [h for h in do(disk, "search_files", directory="/", pattern="a") if h["file"].endswith(("salary.csv", "shadow", "auth.log"))]


def test_sort_orders_lines_and_leaves_the_file(disk: FileSystem) -> None:
    save(disk, "s", "10 b\n9 a\n10 b\n-1.5 c\n")
    assert do(disk, "sort", path="s")["text"] == "-1.5 c\n10 b\n10 b\n9 a\n"
    assert do(disk, "sort", path="s", numeric=True, unique=True)["text"] == "-1.5 c\n9 a\n10 b\n"
    assert do(disk, "sort", path="s", numeric=True, reverse=True)["text"].startswith("10 b\n10 b\n9 a")
    assert text(disk, "s").startswith("10 b\n9 a")


def test_compare_counts_lines(disk: FileSystem) -> None:
    save(disk, "a", "1\n2\n3\n")
    save(disk, "b", "1\n3\n4\n5\n")
    found = do(disk, "compare", first="a", second="b")
    assert (found["same"], found["added"], found["removed"]) == (False, 2, 1)
    assert "-2\n" in found["text"]
    assert do(disk, "compare", first="a", second="./a") == {"same": True, "added": 0, "removed": 0, "text": ""}
    save(disk, "long", "x\n" * 2001)
    refuse(disk, "limit_exceeded", "compare", first="a", second="long")


def test_readers_refuse_directories_and_archives(disk: FileSystem) -> None:
    do(disk, "mkdir", directory="d")
    do(disk, "tar_create", source="d", archive="d.tar")
    for tool in ("cat", "head", "tail", "wc", "sort"):
        refuse(disk, "invalid_arguments", tool, path="d")
        refuse(disk, "invalid_arguments", tool, path="d.tar")
    refuse(disk, "invalid_arguments", "append_file", path="d.tar", content="x")
    refuse(disk, "invalid_arguments", "ls", directory="d.tar")


def test_find_filters_by_name_kind_size_and_age(disk: FileSystem) -> None:
    save(disk, "big.txt", "x" * 500)
    save(disk, "small.md")
    do(disk, "mkdir", directory="sub")
    do(disk, "ln", target="big.txt", link="sub/l.txt")

    def found(**options: Any) -> list[str]:
        result = do(disk, "find", directory="~/box", **options)
        return sorted(e["name"] for kind in ("directories", "files", "archives", "links") for e in result[kind])

    assert found() == ["big.txt", "l.txt", "small.md", "sub"]
    assert found(name="*.txt") == ["big.txt", "l.txt"]
    assert found(name="*.txt", kind="file") == ["big.txt"]
    assert found(name="s???l.md") == ["small.md"]
    assert found(min_bytes=400) == ["big.txt"]
    assert len(found(modified_since="2026-03-02")) == 4
    assert found(modified_since="2026-03-03") == []
    refuse(disk, "invalid_arguments", "find", directory="~", modified_since="2026-02-30")
    assert do(disk, "find", directory="/home")["unreadable_directories"] >= 1


def test_hidden_names_are_listed_when_asked(disk: FileSystem) -> None:
    save(disk, ".secret")
    assert do(disk, "ls")["files"] == []
    assert names(disk, ".") == [".secret"]


def test_tree_and_du_agree_with_the_state(disk: FileSystem) -> None:
    do(disk, "mkdir", directory="a/b/c", parents=True)
    save(disk, "a/b/f.txt", "x" * 99)
    save(disk, "top.txt", "x" * 49)
    picture = do(disk, "tree", directory=".", depth=2)
    assert picture["text"].splitlines()[1:] == ["  a/", "    b/", "  top.txt"]
    usage = do(disk, "du", directory="~/box")
    assert [(u["size_bytes"], u["files"]) for u in usage] == [(150, 2), (100, 1)]


# -- writing ----------------------------------------------------------------------------------------------


def test_files_hold_whole_lines(disk: FileSystem) -> None:
    save(disk, "a", "x")
    do(disk, "append_file", path="a", content="y")
    do(disk, "append_file", path="a", content="z\n")
    assert text(disk, "a") == "x\ny\nz\n"
    other = disk.fork()
    do(disk, "write_file", path="b", content="x")
    do(other, "write_file", path="b", content="x\n")
    assert disk.fingerprint() == other.fingerprint()
    save(disk, "empty", "")
    assert text(disk, "empty") == ""


def test_writing_over_a_file_must_be_asked_for(disk: FileSystem) -> None:
    save(disk, "a", "old")
    do(disk, "chmod", path="a", mode="640")
    refuse(disk, "conflict", "write_file", path="a", content="new")
    assert do(disk, "write_file", path="a", content="new", overwrite=True)["mode"] == "640"
    assert text(disk, "a") == "new\n"
    refuse(disk, "conflict", "write_file", path="~/box", content="new", overwrite=True)
    refuse(disk, "not_found", "append_file", path="missing", content="x")


def test_replace_text_changes_every_occurrence_or_nothing(disk: FileSystem) -> None:
    save(disk, "a", "ab ab\nab")
    assert do(disk, "replace_text", path="a", old="ab", new="c")["replacements"] == 3
    assert text(disk, "a") == "c c\nc\n"
    refuse(disk, "not_found", "replace_text", path="a", old="ab", new="c")
    do(disk, "replace_text", path="a", old="\n", new="")
    assert text(disk, "a") == "c cc\n"
    refuse(disk, "invalid_arguments", "replace_text", path="a", old="", new="x")


def test_touch_creates_or_stamps_and_the_stamp_alone_matters(disk: FileSystem) -> None:
    assert do(disk, "touch", path="t")["size_bytes"] == 0
    disk.advance(3600)
    before = disk.fork()
    assert do(disk, "touch", path="t")["modified"] == "2026-03-02T10:00:00"
    (change,) = [c for c in before.diff(disk) if c.table == "files"]
    assert change.after.touched == disk.now
    assert text(disk, "t") == ""
    assert {"mtime"} <= FileSystem.table_specs["files"].free
    assert {"mtime", "entries"} <= FileSystem.table_specs["directories"].free


def test_mkdir_needs_parents_unless_told(disk: FileSystem) -> None:
    refuse(disk, "not_found", "mkdir", directory="p/q/r")
    do(disk, "mkdir", directory="p/q/r", parents=True)
    do(disk, "mkdir", directory="p/q/r", parents=True)
    refuse(disk, "conflict", "mkdir", directory="p/q")
    save(disk, "f")
    refuse(disk, "conflict", "mkdir", directory="f/g", parents=True)
    refuse(disk, "conflict", "mkdir", directory="/")
    do(disk, "mkdir", directory="/", parents=True)
    do(disk, "mkdir", directory="~/box/tilde/x", parents=True)
    assert names(disk, ".") == ["f", "p", "tilde"]


def test_what_is_written_gets_the_present_time(disk: FileSystem) -> None:
    disk.advance(120)
    assert do(disk, "write_file", path="a", content="x")["modified"] == "2026-03-02T09:02:00"
    assert do(disk, "stat", path="~/box")["modified"] == "2026-03-02T09:02:00"


# -- copying and moving -----------------------------------------------------------------------------------


def project(disk: FileSystem) -> None:
    do(disk, "mkdir", directory="src/in", parents=True)
    save(disk, "src/a.txt", "a\n")
    save(disk, "src/in/b.txt", "b\n")
    do(disk, "ln", target="src/a.txt", link="src/in/l")


def test_a_copied_directory_is_deep_and_shares_nothing(disk: FileSystem) -> None:
    project(disk)
    result = do(disk, "cp", source="src", destination="dst", recursive=True)
    assert (result["entries"], result["size_bytes"], result["replaced"]) == (5, 4, False)
    do(disk, "append_file", path="dst/in/b.txt", content="changed")
    do(disk, "rm", path="dst/a.txt")
    assert text(disk, "src/in/b.txt") == "b\n"
    assert text(disk, "dst/in/l") == "a\n"
    assert names(disk, "src") == ["a.txt", "in"]
    assert names(disk, "dst/in") == ["b.txt", "l"]


def test_copies_go_into_existing_directories_and_merge(disk: FileSystem) -> None:
    project(disk)
    do(disk, "rm", path="src/in/l")
    do(disk, "mkdir", directory="dst")
    do(disk, "cp", source="src", destination="dst", recursive=True)
    save(disk, "dst/src/extra")
    do(disk, "append_file", path="src/a.txt", content="2")
    do(disk, "cp", source="src", destination="dst", recursive=True)
    assert names(disk, "dst/src") == ["a.txt", "extra", "in"]
    assert text(disk, "dst/src/a.txt") == "a\n2\n"
    refuse(disk, "conflict", "cp", source="src", destination="dst", recursive=True, overwrite=False)
    assert do(disk, "cp", source="src/a.txt", destination="dst")["file"].endswith("/box/dst/a.txt")


def test_copying_a_directory_must_be_asked_for_and_never_into_itself(disk: FileSystem) -> None:
    project(disk)
    refuse(disk, "invalid_arguments", "cp", source="src", destination="dst")
    refuse(disk, "invalid_arguments", "cp", source="src", destination="src/in", recursive=True)
    refuse(disk, "invalid_arguments", "cp", source="src", destination="src/new", recursive=True)
    refuse(disk, "conflict", "cp", source="src", destination=".", recursive=True)
    refuse(disk, "invalid_arguments", "cp", source="/", destination=".", recursive=True)
    do(disk, "cp", source="src", destination="src2", recursive=True)
    save(disk, "f")
    refuse(disk, "conflict", "cp", source="f", destination="./f")
    refuse(disk, "conflict", "cp", source="src", destination="f", recursive=True)
    do(disk, "mkdir", directory="d/f", parents=True)
    refuse(disk, "conflict", "cp", source="f", destination="d")


def test_a_copy_over_a_file_keeps_its_owner_and_mode(disk: FileSystem) -> None:
    shared = f"{team(disk)}/minutes.md"
    disk.files.put(replace(disk.files[f"{team(disk)}/policy.txt"], mode=0o664))
    disk._journal.clear()
    owner = disk.files[f"{team(disk)}/policy.txt"].owner
    assert owner != disk.user
    do(disk, "cp", source=shared, destination=f"{team(disk)}/policy.txt")
    copy = disk.files[f"{team(disk)}/policy.txt"]
    assert (copy.owner, copy.mode, copy.content) == (owner, 0o664, disk.files[shared].content)


def test_a_copy_belongs_to_the_user_and_obeys_the_umask(disk: FileSystem) -> None:
    do(disk, "cp", source=f"/home/{colleague(disk)}/notes.txt", destination="mine.txt")
    save(disk, "open", "x")
    do(disk, "chmod", path="open", mode="777")
    do(disk, "cp", source="open", destination="copy")
    status = do(disk, "stat", path="mine.txt")
    assert (status["owner"], status["mode"]) == (disk.user, "644")
    assert do(disk, "stat", path="copy")["mode"] == "755"


def test_a_read_only_directory_is_copied_with_its_contents_and_mode(disk: FileSystem) -> None:
    project(disk)
    do(disk, "chmod", path="src/in", mode="555")
    do(disk, "cp", source="src", destination="dst", recursive=True)
    assert do(disk, "stat", path="dst/in")["mode"] == "555"
    assert names(disk, "dst/in") == ["b.txt", "l"]


def test_a_moved_directory_takes_everything_along(disk: FileSystem) -> None:
    project(disk)
    do(disk, "cd", directory="src/in")
    do(disk, "mkdir", directory="~/box/far/away", parents=True)
    result = do(disk, "mv", source="~/box/src", destination="~/box/far/away/there")
    assert result["entries"] == 5
    assert do(disk, "pwd")["directory"] == f"{home(disk)}/box/far/away/there/in"
    assert text(disk, "b.txt") == "b\n"
    assert text(disk, "../a.txt") == "a\n"
    refuse(disk, "not_found", "ls", directory="~/box/src")
    refuse(disk, "not_found", "cat", path="~/box/src/a.txt")
    do(disk, "mv", source="~/box/far/away/there", destination="~/box/src")
    assert names(disk, "~/box") == ["far", "src"]


def test_a_move_and_back_reaches_an_equal_state(disk: FileSystem) -> None:
    project(disk)
    before = disk.fork()
    do(disk, "mv", source="src", destination="other")
    do(disk, "mv", source="other", destination="src")
    assert before.fingerprint() == disk.fingerprint()


def test_moves_follow_the_overwrite_rules(disk: FileSystem) -> None:
    project(disk)
    save(disk, "a.txt", "mine\n")
    refuse(disk, "conflict", "mv", source="a.txt", destination="src", overwrite=False)
    do(disk, "mv", source="a.txt", destination="src")
    assert text(disk, "src/a.txt") == "mine\n"
    refuse(disk, "invalid_arguments", "mv", source="src", destination="src/in")
    refuse(disk, "invalid_arguments", "mv", source="src", destination="src/in/deeper")
    refuse(disk, "conflict", "mv", source="src", destination=".")
    save(disk, "f")
    refuse(disk, "conflict", "mv", source="src", destination="f")
    do(disk, "mkdir", directory="d/src/full", parents=True)
    refuse(disk, "conflict", "mv", source="src", destination="d")
    do(disk, "rmdir", directory="d/src/full")
    do(disk, "mv", source="src", destination="d")
    assert names(disk, "d/src") == ["a.txt", "in"]
    refuse(disk, "conflict", "mv", source="f", destination="f")
    refuse(disk, "invalid_arguments", "mv", source="/", destination="d")


def test_a_moved_link_stays_a_link(disk: FileSystem) -> None:
    project(disk)
    do(disk, "mv", source="src/in/l", destination="l")
    assert do(disk, "stat", path="l")["kind"] == "link"
    save(disk, "f", "f\n")
    do(disk, "mv", source="f", destination="l")
    assert do(disk, "stat", path="l")["kind"] == "file"
    assert text(disk, "src/a.txt") == "a\n"


# -- removing ---------------------------------------------------------------------------------------------


def test_full_directories_go_only_recursively(disk: FileSystem) -> None:
    project(disk)
    refuse(disk, "invalid_arguments", "rm", path="src")
    refuse(disk, "conflict", "rmdir", directory="src")
    refuse(disk, "invalid_arguments", "rmdir", directory="src/a.txt")
    assert do(disk, "rm", path="src", recursive=True)["entries"] == 5
    do(disk, "mkdir", directory="e")
    do(disk, "rmdir", directory="e")
    assert names(disk, ".") == []


def test_the_current_directory_cannot_be_removed(disk: FileSystem) -> None:
    do(disk, "mkdir", directory="d/e", parents=True)
    do(disk, "cd", directory="d/e")
    refuse(disk, "conflict", "rm", path="~/box/d", recursive=True)
    refuse(disk, "conflict", "rmdir", directory=".")
    refuse(disk, "conflict", "move_to_trash", path="../../d")
    do(disk, "mkdir", directory="~/box/x/e", parents=True)
    refuse(disk, "conflict", "mv", source="~/box/x/e", destination="~/box/d")


def test_a_removal_that_fails_halfway_removes_nothing(disk: FileSystem) -> None:
    project(disk)
    do(disk, "chmod", path="src/in", mode="555")
    refuse(disk, "permission_denied", "rm", path="src", recursive=True)
    do(disk, "chmod", path="src/in", mode="u+w")
    do(disk, "rm", path="src", recursive=True)


# -- permissions ------------------------------------------------------------------------------------------


def test_the_user_keeps_out_of_what_others_closed(disk: FileSystem) -> None:
    other = colleague(disk)
    for path in ("/etc/shadow", "/var/log/auth.log", f"/home/{other}/diary.txt", f"/home/{other}/private/salary.csv"):
        refuse(disk, "permission_denied", "cat", path=path)
        refuse(disk, "permission_denied", "cp", source=path, destination="stolen")
    for path in ("/etc/hosts", f"/home/{other}/notes.txt"):
        do(disk, "cat", path=path)
        refuse(disk, "permission_denied", "append_file", path=path, content="x")
        refuse(disk, "permission_denied", "rm", path=path)
        refuse(disk, "permission_denied", "mv", source=path, destination="mine")
        refuse(disk, "permission_denied", "chmod", path=path, mode="777")
        refuse(disk, "permission_denied", "chgrp", path=path, group=disk.account.groups[0])
        refuse(disk, "permission_denied", "touch", path=path)
        refuse(disk, "permission_denied", "move_to_trash", path=path)
    for tool in ("ls", "cd", "tree", "du", "find"):
        refuse(disk, "permission_denied", tool, directory=f"/home/{other}/private")
    refuse(disk, "permission_denied", "write_file", path="/etc/new", content="x")
    refuse(disk, "permission_denied", "mkdir", directory="/new")
    refuse(disk, "permission_denied", "rm", path=f"/home/{other}", recursive=True)
    refuse(disk, "permission_denied", "ln", target="/etc/hosts", link="/etc/l")


def test_own_bits_bind_the_owner_too_until_changed(disk: FileSystem) -> None:
    save(disk, "a", "x")
    do(disk, "chmod", path="a", mode="077")
    refuse(disk, "permission_denied", "cat", path="a")
    do(disk, "chmod", path="a", mode="u+r")
    do(disk, "cat", path="a")
    assert "chmod" in refuse(disk, "permission_denied", "append_file", path="a", content="x")


def test_directories_need_enter_to_pass_and_read_to_list(disk: FileSystem) -> None:
    do(disk, "mkdir", directory="d/e", parents=True)
    save(disk, "d/e/f")
    do(disk, "chmod", path="d", mode="300")
    refuse(disk, "permission_denied", "ls", directory="d")
    assert names(disk, "d/e") == ["f"]
    do(disk, "chmod", path="d", mode="400")
    refuse(disk, "permission_denied", "cat", path="d/e/f")
    refuse(disk, "permission_denied", "ls", directory="d")
    do(disk, "chmod", path="d", mode="500")
    refuse(disk, "permission_denied", "rm", path="d/e", recursive=True)
    refuse(disk, "permission_denied", "write_file", path="d/new", content="x")
    do(disk, "append_file", path="d/e/f", content="x")


def test_only_owners_remove_from_a_sticky_directory(disk: FileSystem) -> None:
    save(disk, "/tmp/mine.txt")
    theirs = f"/tmp/{colleague(disk)}-draft.txt"
    refuse(disk, "permission_denied", "rm", path=theirs)
    refuse(disk, "permission_denied", "mv", source=theirs, destination="x")
    refuse(disk, "permission_denied", "mv", source="/tmp/mine.txt", destination=theirs)
    do(disk, "cat", path=theirs)
    do(disk, "rm", path="/tmp/mine.txt")


def test_the_group_shares_and_setgid_hands_the_group_down(disk: FileSystem) -> None:
    group = disk.account.groups[1]
    save(disk, f"{team(disk)}/new.txt")
    do(disk, "mkdir", directory=f"{team(disk)}/a/b", parents=True)
    save(disk, f"{team(disk)}/a/b/c")
    for path in ("new.txt", "a", "a/b", "a/b/c"):
        assert do(disk, "stat", path=f"{team(disk)}/{path}")["group"] == group
    assert do(disk, "stat", path=f"{team(disk)}/a/b")["mode"] == "2755"
    do(disk, "append_file", path=f"{team(disk)}/minutes.md", content="seen")
    refuse(disk, "permission_denied", "append_file", path=f"{team(disk)}/policy.txt", content="x")


def test_groups_are_changed_by_owners_to_their_own_groups(disk: FileSystem) -> None:
    project(disk)
    group = disk.account.groups[1]
    assert do(disk, "chgrp", path="src", group=group)["group"] == group
    assert do(disk, "stat", path="src/a.txt")["group"] == disk.user
    do(disk, "chgrp", path="src", group=group, recursive=True)
    assert do(disk, "stat", path="src/in/b.txt")["group"] == group
    refuse(disk, "permission_denied", "chgrp", path="src", group="root")


@pytest.mark.parametrize(
    ("mode", "text", "after"),
    [
        (0o644, "600", 0o600),
        (0o644, "u+x", 0o744),
        (0o664, "go-w", 0o644),
        (0o755, "go-rwx", 0o700),
        (0o4755, "a=r", 0o4444),
        (0, "ug+rw,o=x", 0o661),
    ],
)
def test_modes_are_read_like_chmod_reads_them(mode: int, text: str, after: int) -> None:
    assert changed_mode(mode, text) == after


@pytest.mark.parametrize("mode", ["8", "888", "77777", "rwx", "+x", "u+q", "u+x,", "", "644 ", "-1", 644, "u+x\n"])
def test_modes_that_are_none_are_refused(disk: FileSystem, mode: Any) -> None:
    refuse(disk, "invalid_arguments", "chmod", path="~/box", mode=mode)


# -- quota ------------------------------------------------------------------------------------------------


def test_the_quota_is_kept_and_told(disk: FileSystem) -> None:
    free = do(disk, "whoami")["free_bytes"]
    assert "quota" in refuse(disk, "limit_exceeded", "write_file", path="big", content="x" * free)
    save(disk, "fits", "x" * (free - 1))
    assert do(disk, "whoami")["free_bytes"] == 0
    for call in (("cp", {"source": "fits", "destination": "copy"}), ("append_file", {"path": "fits", "content": "y"})):
        refuse(disk, "limit_exceeded", call[0], **call[1])
    refuse(disk, "limit_exceeded", "replace_text", path="fits", old="x", new="y" * 200)
    refuse(disk, "limit_exceeded", "tar_create", source="~/documents" if disk.node(f"{home(disk)}/documents") else "~/box", archive="b.tar")
    do(disk, "touch", path="empty")
    do(disk, "mv", source="fits", destination="moved")


def test_the_trash_counts_until_it_is_emptied(disk: FileSystem) -> None:
    do(disk, "empty_trash") if len(disk.trash) else None
    free = do(disk, "whoami")["free_bytes"]
    save(disk, "big", "x" * 49_999)
    do(disk, "move_to_trash", path="big")
    assert do(disk, "whoami")["free_bytes"] == free - 50_000
    assert do(disk, "empty_trash") == {"items": 1, "freed_bytes": 50_000}
    assert do(disk, "whoami")["free_bytes"] == free


def test_the_number_of_nodes_is_limited(disk: FileSystem) -> None:
    do(disk, "mkdir", directory="d")
    for number in range(12):
        result = disk.call("cp", {"source": ".", "destination": f"../copy{number}", "recursive": True})
        assert not list(disk.invariants())
        if result.error is not None:
            assert result.error == "limit_exceeded"
            return
        do(disk, "mv", source=f"../copy{number}", destination=".")
    pytest.fail("copies doubled without end")


# -- archives and trash -----------------------------------------------------------------------------------


def test_an_archive_gives_back_what_was_packed(disk: FileSystem) -> None:
    project(disk)
    do(disk, "chmod", path="src/a.txt", mode="600")
    do(disk, "chmod", path="src/in", mode="555")
    made = do(disk, "tar_create", source="src", archive="src.tar")
    assert made["entries"] == 5
    assert [m["name"] for m in do(disk, "tar_list", archive="src.tar")] == ["src", "src/a.txt", "src/in", "src/in/b.txt", "src/in/l"]
    do(disk, "mkdir", directory="out")
    unpacked = do(disk, "tar_extract", archive="src.tar", directory="out")
    assert unpacked["entries"] == 5
    assert unpacked["first"].endswith("/box/out/src")
    assert do(disk, "stat", path="out/src/a.txt")["mode"] == "600"
    assert do(disk, "stat", path="out/src/in")["mode"] == "555"
    assert text(disk, "out/src/in/l") == "a\n"
    assert text(disk, "src/a.txt") == "a\n"
    refuse(disk, "conflict", "tar_extract", archive="src.tar", directory="out")


def test_archives_nest_without_growing_beyond_measure(disk: FileSystem) -> None:
    save(disk, "a", '"quoted" \\ and\nlines\n')
    do(disk, "tar_create", source="a", archive="0.tar")
    for i in range(8):
        do(disk, "tar_create", source=f"{i}.tar", archive=f"{i + 1}.tar")
    assert do(disk, "stat", path="8.tar")["size_bytes"] < 600
    for i in range(8, -1, -1):
        do(disk, "mkdir", directory=f"x{i}")
        do(disk, "tar_extract", archive=f"{i}.tar" if i == 8 else f"x{i + 1}/{i}.tar", directory=f"x{i}")
    assert text(disk, "x0/a") == '"quoted" \\ and\nlines\n'


def test_a_forged_archive_is_only_a_file(disk: FileSystem) -> None:
    save(disk, "evil.tar", "!tar\nf 777 0 1 - ../../../etc/passwd\nx\n")
    refuse(disk, "invalid_arguments", "tar_extract", archive="evil.tar", directory=".")
    refuse(disk, "invalid_arguments", "tar_list", archive="evil.tar")


def test_archives_have_rules(disk: FileSystem) -> None:
    project(disk)
    refuse(disk, "invalid_arguments", "tar_create", source="src", archive="src.zip")
    save(disk, "there.tar")
    refuse(disk, "conflict", "tar_create", source="src", archive="there.tar")
    refuse(disk, "invalid_arguments", "tar_create", source="/", archive="root.tar")
    refuse(disk, "permission_denied", "tar_create", source=f"/home/{colleague(disk)}", archive="c.tar")
    do(disk, "tar_create", source="src", archive="src.tar")
    refuse(disk, "permission_denied", "tar_extract", archive="src.tar", directory="/etc")
    refuse(disk, "not_found", "tar_extract", archive="src.tar", directory="nowhere")


def test_packing_is_reversible(disk: FileSystem) -> None:
    top = disk.node(home(disk))
    assert top is not None
    nodes = list(disk.below(top))
    parts = parts_of(pack(nodes, len("/home/"), full=True))
    assert [f"/home/{part.name}" for part in parts] == [node.path for node in nodes]


def test_the_trash_gives_back_exactly_what_was_thrown_away(disk: FileSystem) -> None:
    project(disk)
    do(disk, "tar_create", source="src/in", archive="src/i.tar")
    do(disk, "chmod", path="src/in", mode="555")
    do(disk, "chgrp", path="src/a.txt", group=disk.account.groups[1])
    do(disk, "touch", path="src/a.txt")
    do(disk, "chmod", path="src/in", mode="755")
    before = disk.fork()
    item = do(disk, "move_to_trash", path="src")
    assert item["entries"] == 6
    assert names(disk, ".") == []
    assert item in do(disk, "list_trash")
    assert do(disk, "restore_from_trash", item=item["item"])["directory"].endswith("/box/src")
    assert before.fingerprint() == disk.fingerprint()


def test_restoring_needs_a_free_place(disk: FileSystem) -> None:
    do(disk, "mkdir", directory="d")
    save(disk, "d/a", "old")
    item = do(disk, "move_to_trash", path="d/a")["item"]
    save(disk, "d/a", "new")
    refuse(disk, "conflict", "restore_from_trash", item=item)
    do(disk, "rm", path="d", recursive=True)
    refuse(disk, "not_found", "restore_from_trash", item=item)
    do(disk, "mkdir", directory="d")
    do(disk, "restore_from_trash", item=item)
    assert text(disk, "d/a") == "old\n"
    refuse(disk, "not_found" if len(disk.trash) else "precondition_failed", "restore_from_trash", item=item)


def test_an_empty_trash_says_how_to_fill_it(disk: FileSystem) -> None:
    if len(disk.trash):
        do(disk, "empty_trash")
    assert "move_to_trash" in refuse(disk, "precondition_failed", "empty_trash")
    assert do(disk, "list_trash") == []


def test_the_trash_forgets_after_thirty_days(disk: FileSystem) -> None:
    save(disk, "a")
    item = do(disk, "move_to_trash", path="a")["item"]
    disk.advance(29 * 86_400)
    assert [entry["item"] for entry in do(disk, "list_trash")] == [item]
    disk.advance(86_400)
    assert do(disk, "list_trash") == []
    assert not list(disk.invariants())
