"""A notice board whose substitutes are known by heart: a twin of a tool, a roundabout way, and tools that nothing replaces."""

from dataclasses import replace
from random import Random
from typing import Annotated, Any

from turngym.envs import Cell, Fact, Key, Known, Table, ToolError, World, record, tool
from turngym.envs.task import Checks, GoldCall, RequiredOutput, Source, Task, TaskWorld, Turn

NoteId = Annotated[str, Key("sb_note", "NB-####")]
Title = Annotated[str, Known("sb_title")]
BOARD = "special_worlds:Board"
TITLES = ("Lost cat", "Old bike", "Piano lessons", "Flat to let")


@record
class Note:
    id: NoteId
    title: Title
    label: str
    pinned: bool
    reads: int


@record
class Line:
    text: str


class Board(World):
    """A notice board: notes are found, pinned, labelled, counted and torn off."""

    notes: Table[NoteId, Note]
    open = Cell[bool](False)

    def generate(self, rng: Random, size: str) -> None:
        for title in (*TITLES, *(f"Sale {n}" for n in range(40 if size == "large" else 0))):
            self.notes.put(Note(self.mint(self.notes), title, "old", False, rng.randrange(100, 999)))

    def known(self) -> Any:
        yield from super().known()
        yield from (Fact("sb_title", note.title) for note in self.notes)

    @tool
    def list_notes(self) -> list[Note]:
        """List all notes."""
        return list(self.notes)

    @tool
    def find_note(self, title: Title) -> list[Note]:
        """Find the notes with a title.

        Args:
            title: the exact title.
        """
        return [note for note in self.notes if note.title == title]

    @tool
    def count_notes(self) -> Line:
        """Say how many notes there are."""
        return Line(str(len(self.notes)))

    @tool(writes="notes")
    def pin(self, note: NoteId) -> Note:
        """Pin a note.

        Args:
            note: which note.
        """
        return self.notes.put(replace(self.notes[note], pinned=True))

    @tool(writes="notes")
    def fasten(self, note: NoteId) -> Line:
        """Fasten a note, which is to pin it.

        Args:
            note: which note.
        """
        self.notes.put(replace(self.notes[note], pinned=True))
        return Line("fastened")

    @tool(writes="notes")
    def relabel(self, note: NoteId, label: str) -> Note:
        """Give a note another label.

        Args:
            note: which note.
            label: the new label.
        """
        return self.notes.put(replace(self.notes[note], label=label))

    @tool(writes="notes")
    def peel(self, note: NoteId) -> Line:
        """Peel the label off a note.

        Args:
            note: which note.
        """
        self.notes.put(replace(self.notes[note], label=""))
        return Line("peeled")

    @tool(writes="notes")
    def stamp(self, note: NoteId, label: str) -> Line:
        """Stamp a label on a note that has none.

        Args:
            note: which note.
            label: the label.
        """
        if self.notes[note].label:
            raise ToolError("precondition_failed", "there is a label on it; peel it off first")
        self.notes.put(replace(self.notes[note], label=label))
        return Line("stamped")

    @tool(writes="notes")
    def brand(self, note: NoteId, label: str = "new") -> Line:
        """Burn a label into a note.

        Args:
            note: which note.
            label: the label.
        """
        self.notes.put(replace(self.notes[note], label=label))
        return Line("branded")

    @tool(writes="notes")
    def tear_off(self, note: NoteId) -> Line:
        """Tear a note off.

        Args:
            note: which note.
        """
        self.notes.remove(self.notes[note].id)
        return Line("gone")

    @tool(writes="open")
    def unlock(self) -> Line:
        """Open the glass door."""
        self.open = True
        return Line("open")


def found(seed: int = 0, which: int = 0) -> Note:
    return list(Board.create(seed).notes)[which]


def gold_of(tool_name: str, tag: str = "", which: int = 0, **said: Any) -> tuple[GoldCall, ...]:
    """Find a note by what the user says, then do one thing with it."""
    note = found(which=which)
    look = GoldCall(id=f"f{tag}", name="find_note", arguments={"title": note.title}, sources={"title": Source(kind="user")})
    where = Source(kind="output", call=f"f{tag}", path="[0].id", pick="only", semantic="sb_note")
    act = GoldCall(
        id=f"a{tag}", name=tool_name, arguments={"note": note.id, **said}, after=(f"f{tag}",),
        sources={"note": where, **{name: Source(kind="user") for name in said}},
    )  # fmt: skip
    return look, act


def task_of(*turns: Turn, size: Any = "small", **more: Any) -> Task:
    return Task(env=BOARD, worlds=(TaskWorld(world=BOARD, size=size),), family="board", turns=turns, **more)


def handed_over(tool_name: str, hidden: tuple[str, ...] = (), gold: tuple[GoldCall, ...] = (), **said: Any) -> Task:
    """A `miss_func` task by hand: a tool is withheld, the request declined, the tool handed over."""
    gold = gold or gold_of(tool_name, **said)
    asked = Turn(user=f"Please {tool_name} {found().title} {' '.join(map(str, said.values()))}.", reply="I cannot do that.",
                 checks=Checks(declines=True))  # fmt: skip
    done = Turn(user="Now you can.", gold=gold, reply="Done.", release=(tool_name,))
    special = [{"kind": "miss_func", "turn": 0, "tool": tool_name}]
    return task_of(asked, done, category="miss_func", held_out=(tool_name, *hidden), meta={"special": special})


def never(tools: tuple[str, ...], tool_name: str, **said: Any) -> Task:
    """An `irrelevant` task by hand: something ordinary, then a request whose tools are withheld for good."""
    first = Turn(user="Unlock the door.", gold=(GoldCall(id="u", name="unlock"),), reply="It is open.")
    note = found()
    asked = Turn(user=f"{tool_name} {note.title}", reply="I cannot do that.", checks=Checks(declines=True))
    gold = [call.model_dump(mode="json", exclude_defaults=True) for call in gold_of(tool_name, **said)]
    special = [{"kind": "irrelevant", "turn": 1, "tools": list(tools), "would": {"gold": gold, "checks": {}}}]
    return task_of(first, asked, category="irrelevant", held_out=tools, meta={"special": special})


def shown() -> RequiredOutput:
    return RequiredOutput(fields={"reads": found().reads})
