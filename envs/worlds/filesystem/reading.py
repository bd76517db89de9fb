"""Tools that read what files say: cat, head, tail, wc, grep, search_files, sort, compare."""

from __future__ import annotations

import re
from difflib import unified_diff

from ...errors import ToolError
from ...tool import tool
from .disk import Disk
from .looking import moment
from .records import Directory, File, FilePath, LineCount, WideDirectory, Word
from .results import Counts, Difference, FileText, Hit, MatchedLine, Matches
from .tree import ENTER, READ

MAX_DIFF_LINES = 2_000
_NUMBER = re.compile(r"\s*(-?\d{1,18}(?:\.\d{1,18})?)", re.ASCII)


def _as_text(file: File, lines: list[str]) -> FileText:
    return FileText(file.path, "".join(lines), len(lines))


def _lines(text: str) -> list[str]:
    """Lines with their newline; only `\\n` ends a line."""
    return [f"{line}\n" for line in text.split("\n")[:-1]]


def _number_in(line: str) -> float:
    """The number at the start of a line; lines without one count as 0."""
    found = _NUMBER.match(line)
    return float(found[1]) if found else 0.0


class Reading(Disk):
    """The tools that read files."""

    @tool(phrases=("show me what {path} says", "read {path}", "print the whole of {path}", "open {path} and tell me its content"))
    def cat(self, path: FilePath) -> FileText:
        """Show the whole content of a file.

        Args:
            path: the file to read.
        """
        file = self.need_file(path)
        return _as_text(file, _lines(file.content))

    @tool(phrases=("show the beginning of {path}", "show the first {lines} lines of {path}", "let me see how {path} starts"))
    def head(self, path: FilePath, lines: LineCount = 10) -> FileText:
        """Show the first lines of a file.

        Args:
            path: the file to read.
            lines: how many lines; 0 gives none.
        """
        file = self.need_file(path)
        return _as_text(file, _lines(file.content)[:lines])

    @tool(phrases=("show the end of {path}", "show the last {lines} lines of {path}", "tell me what was added to {path} most recently"))
    def tail(self, path: FilePath, lines: LineCount = 10) -> FileText:
        """Show the last lines of a file.

        Args:
            path: the file to read.
            lines: how many lines; 0 gives none.
        """
        file = self.need_file(path)
        content = _lines(file.content)
        return _as_text(file, content[max(0, len(content) - lines) :])

    @tool(phrases=("count the lines and words of {path}", "tell me how long {path} is", "find out how many words {path} has"))
    def wc(self, path: FilePath) -> Counts:
        """Count lines, words, characters and bytes of a file.

        Args:
            path: the file to count.
        """
        file = self.need_file(path)
        return Counts(file.path, file.content.count("\n"), len(file.content.split()), len(file.content), file.size)

    @tool(
        phrases=(
            'show the lines of {path} that contain "{pattern}"',
            'look for "{pattern}" in {path}',
            'tell me where {path} mentions "{pattern}"',
        )
    )
    def grep(self, pattern: Word, path: FilePath, ignore_case: bool = False, invert: bool = False) -> Matches:
        """Show the lines of one file that contain a text.

        Args:
            pattern: the text to look for, taken literally.
            path: the file to look into.
            ignore_case: whether capital and small letters count as equal.
            invert: whether to show the lines that do not contain it.
        """
        file = self.need_file(path)
        wanted = pattern.lower() if ignore_case else pattern
        found = []
        for number, line in enumerate(file.content.split("\n")[:-1], 1):
            if (wanted in (line.lower() if ignore_case else line)) is not invert:
                found.append(MatchedLine(number, line))
        return Matches(file.path, len(found), tuple(found), "".join([f"{m.line}\n" for m in found]))

    @tool(
        phrases=(
            'find the files below {directory} that mention "{pattern}"',
            'search every file in {directory} for "{pattern}"',
            'tell me which files in {directory} contain "{pattern}"',
        )
    )
    def search_files(self, directory: WideDirectory, pattern: Word, ignore_case: bool = False) -> list[Hit]:
        """Find the files below a directory that contain a text, in order of path.

        Files and directories that the user may not read, archives, and links are passed over.

        Args:
            directory: the directory in which the search starts.
            pattern: the text to look for, taken literally.
            ignore_case: whether capital and small letters count as equal.
        """
        top = self.need_directory(directory, READ | ENTER)
        wanted = pattern.lower() if ignore_case else pattern
        hits = []
        for node in self.while_untouched(top, "texts", lambda: self._texts(top)):
            text = node.content.lower() if ignore_case else node.content
            if wanted not in text:
                continue
            rows = [i for i, line in enumerate(text.split("\n")) if wanted in line]
            if rows:
                first = node.content.split("\n")[rows[0]]
                hits.append(Hit(node.path, len(rows), first, node.size, moment(node.mtime)))
        return hits

    def _texts(self, top: Directory) -> tuple[File, ...]:
        """The plain files below a directory that the user may read."""
        nodes = self.below(top, strict=False)
        return tuple([node for node in nodes if isinstance(node, File) and not node.packed and self.may(node, READ)])

    @tool(
        phrases=(
            "show the lines of {path} in alphabetical order",
            "sort {path} and show the result",
            "put the lines of {path} in order for me",
        )
    )
    def sort(self, path: FilePath, reverse: bool = False, numeric: bool = False, unique: bool = False) -> FileText:
        """Show the lines of a file in order; the file itself stays as it is.

        Args:
            path: the file whose lines are sorted.
            reverse: whether the order runs from last to first.
            numeric: whether lines are compared by the number they start with.
            unique: whether lines that occur several times are shown once.
        """
        file = self.need_file(path)
        lines = _lines(file.content)
        if unique:
            lines = list(dict.fromkeys(lines))
        lines.sort(key=(lambda line: (_number_in(line), line)) if numeric else None, reverse=reverse)
        return _as_text(file, lines)

    @tool(
        phrases=(
            "compare {first} with {second}",
            "show what differs between {first} and {second}",
            "check whether {first} and {second} say the same",
        )
    )
    def compare(self, first: FilePath, second: FilePath) -> Difference:
        """Compare two files line by line.

        Args:
            first: the file to compare from.
            second: the file to compare with.
        """
        one, two = self.need_file(first), self.need_file(second)
        if one.content == two.content:
            return Difference(True, 0, 0, "")
        old, new = one.content.split("\n")[:-1], two.content.split("\n")[:-1]
        if max(len(old), len(new)) > MAX_DIFF_LINES:
            raise ToolError("limit_exceeded", f"files of more than {MAX_DIFF_LINES} lines cannot be compared; head or tail shows a part")
        lines = list(unified_diff(old, new, one.path, two.path, n=1, lineterm=""))
        added = sum([line[0] == "+" for line in lines[2:]])
        removed = sum([line[0] == "-" for line in lines[2:]])
        return Difference(False, added, removed, "\n".join(lines) + "\n")
