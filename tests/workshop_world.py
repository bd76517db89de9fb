"""A workshop whose tool graph is known by heart: every edge that probing must find, and decoys that it must not."""

from dataclasses import replace
from random import Random
from typing import Annotated, Any

from turngym.envs import Cell, Fact, Key, Known, Table, ToolError, World, record, tool

PartId = Annotated[str, Key("ws_part", "PT-####")]
CrateId = Annotated[str, Key("ws_crate", "CR-####")]
PermitId = Annotated[str, Key("ws_permit", "PM-####")]
JobId = Annotated[str, Key("ws_job", "JB-####")]
Code = Annotated[str, Known("ws_code")]
Badge = Annotated[str, Known("ws_badge")]


@record
class Part:
    id: PartId
    code: Code


@record
class Crate:
    id: CrateId
    sealed: bool
    left: int


@record
class Permit:
    id: PermitId


@record
class Job:
    id: JobId
    checked: bool
    fuelled: bool
    launched: bool


@record
class Line:
    text: str


@record
class Entry:
    part: str  # looks like a part's id and carries no meaning
    text: str


def inside(world: "Workshop") -> bool:
    """Somebody is inside the workshop (enter, or enter_by_window)."""
    return world.place == "inside"


def powered(world: "Workshop") -> bool:
    """The power is on (power_on)."""
    return world.power


class Workshop(World):
    """A workshop with a door and a window, power, permits, sealed crates and jobs that must be made ready."""

    parts: Table[PartId, Part]
    crates: Table[CrateId, Crate]
    permits: Table[PermitId, Permit]
    jobs: Table[JobId, Job]
    place = Cell[str]("outside", incidental=True)
    power = Cell[bool](False)
    light = Cell[bool](False)
    badge = Cell[str]("")

    def generate(self, rng: Random, size: str) -> None:
        self.badge = f"{rng.randrange(10**4):04d}"
        for _ in range(4):
            self.parts.put(Part(self.mint(self.parts), f"code-{rng.randrange(1000)}"))
            self.crates.put(Crate(self.mint(self.crates), True, 9))

    def known(self) -> Any:
        yield Fact("ws_badge", self.badge)
        yield from (Fact("ws_code", part.code) for part in self.parts)

    @tool
    def list_parts(self) -> list[Part]:
        """List the parts on the shelf."""
        return list(self.parts)

    @tool
    def scan_part(self, code: Code) -> list[Part]:
        """Scan a part's code.

        Args:
            code: what is printed on the part.
        """
        return [part for part in self.parts if part.code == code]

    @tool
    def catalogue(self) -> list[Entry]:
        """Print the catalogue, whose numbers are text and no ids."""
        return [Entry(part.id, "a part") for part in self.parts]

    @tool
    def list_crates(self) -> list[Crate]:
        """List the crates on the floor."""
        return list(self.crates)

    @tool(writes="place")
    def enter(self, badge: Badge) -> Line:
        """Enter through the door.

        Args:
            badge: the number on the badge.
        """
        if badge != self.badge:
            raise ToolError("permission_denied", "the door does not know this badge")
        self.place = "inside"
        return Line("welcome")

    @tool(writes="place")
    def enter_by_window(self) -> Line:
        """Climb in through the window."""
        self.place = "inside"
        return Line("ouch")

    @tool(requires=inside, writes="place")
    def leave(self) -> Line:
        """Leave the workshop."""
        self.place = "outside"
        return Line("bye")

    @tool(writes="power")
    def power_on(self) -> Line:
        """Turn the power on."""
        self.power = True
        return Line("hum")

    @tool(writes="power")
    def press_power_button(self) -> Line:
        """Press a button that is called power and cuts it."""
        self.power = False
        return Line("click")

    @tool
    def power_status(self) -> Line:
        """Tell whether the power is on."""
        return Line("on" if self.power else "off")

    @tool(writes="light")
    def switch_light(self) -> Line:
        """Switch the light, which matters to nothing."""
        self.light = not self.light
        return Line("light")

    @tool(requires=inside, writes="permits")
    def get_permit(self) -> Permit:
        """Get a permit from the machine inside."""
        return self.permits.put(Permit(self.mint(self.permits)))

    @tool(requires=(inside, powered), writes="jobs")
    def start_job(self, part: PartId, permit: PermitId) -> Job:
        """Start a job on a part.

        Args:
            part: what to work on.
            permit: by which permit.
        """
        self.parts[part], self.permits[permit]
        return self.jobs.put(Job(self.mint(self.jobs), False, False, False))

    @tool(writes="crates")
    def open_crate(self, crate: CrateId) -> Crate:
        """Break a crate's seal.

        Args:
            crate: which crate.
        """
        return self.crates.put(replace(self.crates[crate], sealed=False))

    @tool(writes="crates")
    def seal_crate(self, crate: CrateId) -> Crate:
        """Seal a crate.

        Args:
            crate: which crate.
        """
        return self.crates.put(replace(self.crates[crate], sealed=True))

    @tool(writes="crates")
    def take_from(self, crate: CrateId) -> Line:
        """Take a piece out of a crate.

        Args:
            crate: which crate.
        """
        found = self.crates[crate]
        if found.sealed:
            raise ToolError("precondition_failed", "the crate is sealed; open it first")
        if not found.left:
            raise ToolError("unavailable", "the crate is empty")
        self.crates.put(replace(found, left=found.left - 1))
        return Line("a piece")

    @tool(writes="jobs")
    def check_job(self, job: JobId) -> Line:
        """Check a job.

        Args:
            job: which job.
        """
        self.jobs.put(replace(self.jobs[job], checked=True))
        return Line("checked")

    @tool(writes="jobs")
    def fuel_job(self, job: JobId) -> Line:
        """Fuel a job.

        Args:
            job: which job.
        """
        self.jobs.put(replace(self.jobs[job], fuelled=True))
        return Line("fuelled")

    @tool(writes="jobs")
    def launch(self, job: JobId) -> Job:
        """Launch a job that is checked and fuelled.

        Args:
            job: which job.
        """
        found = self.jobs[job]
        if found.launched:
            raise ToolError("conflict", "the job was launched already")
        if not found.checked:
            raise ToolError("precondition_failed", "the job is not checked")
        if not found.fuelled:
            raise ToolError("precondition_failed", "the job has no fuel")
        return self.jobs.put(replace(found, launched=True))


class Archive(World):
    """An archive next door: it files a part's report, and shares a tool's name and a kind with the workshop."""

    power = Cell[bool](False)
    filed = Cell[int](0)

    def generate(self, rng: Random, size: str) -> None:
        self.filed = rng.randrange(9)

    @tool(writes="filed")
    def file_report(self, part: PartId) -> Line:
        """File a report about a part.

        Args:
            part: which part.
        """
        self.filed = self.filed + 1
        return Line("filed")

    @tool(writes="power")
    def power_on(self) -> Line:
        """Turn the archive's power on."""
        self.power = True
        return Line("hum")

    @tool(requires=powered)
    def read_film(self) -> Line:
        """Read a film on the lit screen."""
        return Line("film")


DATA = (
    {(maker, "start_job") for maker in ("list_parts", "scan_part", "get_permit")}
    | {("list_parts", "scan_part")}
    | {(maker, user) for maker in ("list_crates", "open_crate", "seal_crate") for user in ("open_crate", "seal_crate", "take_from")}
    | {(maker, user) for maker in ("start_job", "launch") for user in ("check_job", "fuel_job", "launch")}
) - {(name, name) for name in ("open_crate", "seal_crate", "launch")}
DOORS, BEHIND = ("enter", "enter_by_window"), ("leave", "get_permit", "start_job")
DECLARED = {(maker, user) for maker in DOORS for user in BEHIND} | {("power_on", "start_job")}
HIDDEN = {("open_crate", "take_from"), ("check_job", "launch"), ("fuel_job", "launch")}
UNDONE = {("leave", "Workshop.inside"), ("press_power_button", "Workshop.powered")}
