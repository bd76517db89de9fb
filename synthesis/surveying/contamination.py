"""Contamination: whether rows of a data set repeat conversations of given files, a benchmark's above all.

Three signs, each with what it rests on. `words`: 13 words in a row that an entry has too (the rule of GPT-3, arXiv
2005.14165, appendix C), or a whole turn of 8 to 12 words. Such a run may be a phrase that all rows are made of; GPT-3
left out what more than ten documents share, we leave out what holds no rare word: one that at most two rows, or one in
a hundred, have elsewhere than in what they share with that entry, so that a passage copied into many rows stays one.
`similar`: a Jaccard index of 3-word shingles of at least 0.8 over all that the user says, proposed by MinHash and
computed exactly. `calls`: all the reference calls, with equal arguments in equal order. Laws: a row is accused with
the entry and the evidence, never by a sketch alone; what is too little to tell (fewer than two calls, or than two
arguments) accuses nobody; memory holds the files, not the data set, which is read twice. Not here: paraphrases.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from ...agents.directory import Lock, refusal, refuse_no_directory
from ...agents.records import read_manifest
from ...agents.store import write_json
from ...envs.errors import RunError, UnknownNameError
from ...envs.lines import lines_of
from ..sample import SAMPLES
from .conversations import Call, Conversation, read_conversations
from .nearness import Neighbours
from .shingles import hash_of, runs, shingles, words_of

RUN = 13
SHORT = 8
SIMILAR = 0.8
SUBSTANCE = 2  # calls, and arguments, from which a sequence says something
FIRST = 20  # accused rows that the summary names
SIGNS = ("words", "similar", "calls")
Progress = Callable[[int, int], None]


class Evidence(NamedTuple):
    """Why a row is accused: the sign, the entry and its file, and what is shared."""

    sign: str
    file: str
    entry: str
    shared: str | float

    def record(self) -> dict[str, Any]:
        """As plain JSON data."""
        return self._asdict()


class Against:
    """The conversations of some files, ready to be compared with. Raises what `read_conversations` raises."""

    def __init__(self, files: Iterable[str | Path], similar: float = SIMILAR) -> None:
        self.entries: list[tuple[str, str]] = []
        self.files: list[dict[str, Any]] = []
        self.torn = 0
        self.phrases = Phrases()
        self._calls: dict[str, int] = {}
        self._neighbours = Neighbours(similar)
        for file in files:
            before = len(self.entries)
            read = read_conversations(file)
            for conversation in read:
                self._add(conversation, Path(file).name)
            self.torn += read.torn
            self.files.append({"file": Path(file).name, "entries": len(self.entries) - before, "digest": _digest(Path(file))})

    def _add(self, entry: Conversation, file: str) -> None:
        place = len(self.entries)
        self.entries.append((file, entry.id))
        self.phrases.hold(entry.said, place)
        if (mark := _sequence(entry.calls)) is not None:
            self._calls.setdefault(mark, place)
        self._neighbours.add(shingles(entry.said))

    def evidence(self, row: Conversation) -> list[Evidence]:
        """What speaks against a conversation, at most one piece for each sign; empty for a clean one."""
        found = []
        if (told := self.phrases.told(row.said)) is not None:
            found.append(Evidence("words", *self.entries[told[0]], told[1]))
        words = shingles(row.said)
        near = self._neighbours.find(words) if words.size else None
        if near is not None:
            found.append(Evidence("similar", *self.entries[near.key], round(near.jaccard, 4)))
        mark = _sequence(row.calls)
        if mark is not None and mark in self._calls:
            found.append(Evidence("calls", *self.entries[self._calls[mark]], ", ".join(c.name for turn in row.calls for c in turn)))
        return found


class Phrases:
    """The runs of words that entries hold, and which words are rare in the rows that are compared with them."""

    def __init__(self) -> None:
        self.rows = 0
        self._runs: dict[int, int] = {}
        self._turns: dict[int, int] = {}
        self._words: set[str] = set()
        self._having: Counter[str] = Counter()
        self._inside: Counter[tuple[int, str]] = Counter()

    def hold(self, said: Iterable[str], place: int) -> None:
        """Take in an entry, known by its place."""
        words = [words_of(text) for text in said]
        self._words.update(word for turn in words for word in turn)
        for run in runs([word for turn in words for word in turn], RUN):
            self._runs.setdefault(hash_of(run), place)
        for turn in words:
            if SHORT <= len(turn) < RUN:
                self._turns.setdefault(hash_of(turn), place)

    def count(self, said: Iterable[str]) -> None:
        """Count a row's words, for telling which are rare: all rows are counted before one is asked about."""
        words, shared = self._shared(said)
        self.rows += 1
        self._having.update(self._words.intersection(words))
        within: dict[int, set[int]] = {}
        for place, start, end in shared:
            within.setdefault(place, set()).update(range(start, end))
        for place, covered in within.items():
            outside = {word for index, word in enumerate(words) if index not in covered}
            self._inside.update((place, word) for word in {words[index] for index in covered} - outside)

    def told(self, said: Iterable[str]) -> tuple[int, str] | None:
        """The place of an entry and the words that a row shares with it, None where it shares none but phrases."""
        words, shared = self._shared(said)
        few = max(2, self.rows // 100)
        for place, start, end in shared:
            run = words[start:end]
            if any(self._having[word] - self._inside[place, word] <= few for word in run):
                return place, " ".join(run)
        return None

    def _shared(self, said: Iterable[str]) -> tuple[list[str], list[tuple[int, int, int]]]:
        """A row's words, and (place, start, end) of what it shares with an entry."""
        words: list[str] = []
        found: list[tuple[int, int, int]] = []
        for text in said:
            turn = words_of(text)
            if SHORT <= len(turn) < RUN and (place := self._turns.get(hash_of(turn))) is not None:
                found.append((place, len(words), len(words) + len(turn)))
            words += turn
        places = ((start, self._runs.get(hash_of(run))) for start, run in enumerate(runs(words, RUN)))
        return words, [*found, *((place, start, start + RUN) for start, place in places if place is not None)]


def _sequence(calls: Sequence[Sequence[Call]]) -> str | None:
    """A mark of all calls in order, None where they are too few to tell."""
    made = [call for turn in calls for call in turn]
    if len(made) < SUBSTANCE or sum(len(call.arguments) for call in made) < SUBSTANCE:
        return None
    text = json.dumps([[call.name, _whole(call.arguments)] for call in made], sort_keys=True, ensure_ascii=False, default=str)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _whole(value: Any) -> Any:
    """A value in which 2.0 is 2: that is how calls are compared."""
    if isinstance(value, dict):
        return {str(name): _whole(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _digest(path: Path) -> str:
    digest = blake2b(digest_size=8)
    for line in lines_of(path / SAMPLES if path.is_dir() else path):
        digest.update(line.text)
    return digest.hexdigest()


# -- a data set -------------------------------------------------------------------------------------------


def contamination(
    place: str | Path, files: Sequence[str | Path], similar: float = SIMILAR, signs: Sequence[str] = SIGNS, progress: Progress | None = None
) -> dict[str, Any]:
    """Compare a data set (or a file) with files.

    Args:
        place: a data set's directory, or a file of any layout that `read_conversations` knows. files: what it must not
            repeat. similar: the Jaccard index from which a row is similar. signs: those that accuse. progress: told (rows, 0).

    Returns:
        `{rows, contaminated, signs, files, rules, torn, found}`; `torn` counts torn last lines of all files,
        `found` has each accused row with its evidence. Raises `RunError` for files that cannot be read, `MissingExtraError`
        where datasketch is absent.
    """
    for name in signs:
        if name not in SIGNS:
            raise UnknownNameError("sign", name, SIGNS)
    if not files:
        raise RunError("there is nothing to compare with; name files: --against FILE")
    against = Against(files, similar)
    for row in read_conversations(place):
        against.phrases.count(row.said)
    rows, found, counts = 0, list[dict[str, Any]](), dict.fromkeys(signs, 0)
    read = read_conversations(place)
    for rows, row in enumerate(read, 1):
        if evidence := [piece for piece in against.evidence(row) if piece.sign in counts]:
            found.append({"id": row.id, "evidence": [piece.record() for piece in evidence]})
            for piece in evidence:
                counts[piece.sign] += 1
        if progress is not None:
            progress(rows, 0)
    rules = {"run": RUN, "short_turn": SHORT, "similar": similar}
    about = {"rows": rows, "contaminated": len(found), "signs": counts, "files": against.files, "rules": rules}
    return {**about, "torn": read.torn + against.torn, "found": found}


def record_finding(directory: str | Path, report: dict[str, Any]) -> None:
    """Write a report into a data set's `summary.json`, where its card finds it: `data` (a digest of the rows) and
    `comparisons` (counts, rules, files by name, the first ids), of which those with other files and equal rows stay.

    A run that goes on writes its summary anew, and the finding is gone: it says nothing of new rows. Raises `RunError` for a
    directory that is not a run's, or is written by somebody else; then nothing is written.
    """
    path, data = Path(directory) / "summary.json", _digest(Path(directory))
    refuse_no_directory(path.parent, "run")
    read_manifest(path.parent)
    try:
        with Lock(path.parent):
            _add_finding(path, data, report)
    except OSError as error:
        raise refusal(error, f"cannot write {path}") from error


def _add_finding(path: Path, data: str, report: dict[str, Any]) -> None:
    try:
        summary = json.loads(path.read_bytes()) if path.exists() else {}
    except ValueError as error:
        raise RunError(f"cannot read {path}: {error}; the data set's own command writes it anew") from None
    before = summary.get("contamination") or {}
    others = [item for item in before.get("comparisons", ()) if item["files"] != report["files"]] if before.get("data") == data else []
    told = {name: report[name] for name in ("rows", "contaminated", "signs", "files", "rules")}
    told["first"] = [item["id"] for item in report["found"][:FIRST]]
    write_json(path, {**summary, "contamination": {"data": data, "comparisons": [*others, told]}})
