"""Swelled worlds hold all that plain ones hold and much besides, and what is asked of the plain ones stays as it was."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import pytest

from turngym.envs import Fact, Key, Known, Table, World, record, tool
from turngym.envs.check import check_world
from turngym.envs.env import pack_of
from turngym.envs.errors import DefinitionError, TaskError
from turngym.envs.records import fields_of, is_record
from turngym.envs.registry import world_class
from turngym.envs.task import Task
from turngym.envs.types import sample_of, semantic_of
from turngym.envs.verdict import Judge, TurnTrace, start_of
from turngym.envs.worlds.filesystem.draws import FOLDERS, STEMS
from turngym.envs.worldset import WorldSet, WorldSpec

WORLDS = ("FileSystem", "Travel", "Banking")
SEEDS = [pytest.param(range(4), id="few"), pytest.param(range(4, 20), id="many", marks=pytest.mark.slow)]
PLAIN = {
    ("FileSystem", 0, "small"): "6abb3b63f63735016f243a530840c5b6",
    ("FileSystem", 7, "small"): "890a4899a3c6b100ac51fa54b18c9a84",
    ("FileSystem", 0, "medium"): "1cb1411091a17d65b9708cfbd8a90257",
    ("FileSystem", 0, "large"): "0a085c6426286148f05e8164ca5b42cf",
    ("Travel", 0, "small"): "de0b44f10652f5840d5ab2dc06b88e01",
    ("Travel", 7, "small"): "0bd8d12c44945266ea781cc9713194aa",
    ("Travel", 0, "medium"): "0cd4c6ebe8375378f3033417f5207ff5",
    ("Travel", 0, "large"): "eaa82f46220bae9e773b2123a93fff40",
    ("Banking", 0, "small"): "4a8d03ac00f4d74f6d2257b3a76d497a",
    ("Banking", 7, "small"): "b151fc04a3778021bf45d2f46f175375",
    ("Banking", 0, "medium"): "6343e27c998ba9c92f355945e7e16943",
    ("Banking", 0, "large"): "afec9de1f7b686beb67f499b076e25ce",
}
"""Fingerprints from before worlds could swell."""

BELONGS = {"FileSystem": {"system_user"}, "Travel": {"city", "iban"}, "Banking": set[str]()}
"""Kinds by which a new record may say whose it is, or where: an owner of files, a city of hotels, the agency's IBAN."""

LABELS = {"FileSystem": ("name", "origin"), "Travel": ("title", "airline", "code"), "Banking": ("reference", "text", "sender")}
"""Fields without a meaning of their own by which people tell things apart."""

TOTALS = {"Banking": ("list_accounts",), "Travel": ("get_account", "get_itinerary"), "FileSystem": ("pwd",)}


def enter(world: World) -> World:
    """Sign in, where the world has a door."""
    known = dict(world.known())
    if "bank_username" in known:
        done = world.call("sign_in", {"username": known["bank_username"], "password": known["bank_password"]})
        assert done.error is None
        code = next(message["code"] for message in world.call("read_messages").value if message["code"])
        assert world.call("confirm_sign_in", {"code": code}).value["status"] == "signed_in"
    elif "travel_email" in known:
        assert world.call("sign_in", {"email": known["travel_email"], "password": known["travel_password"]}).error is None
    return world


def told(world: World) -> dict[str, str]:
    """What every read that needs no argument says."""
    reads = [name for name, item in world.tools.items() if item.is_read and not item.parameter_schema.get("required")]
    results = {name: world.call(name) for name in reads}
    assert not [name for name, result in results.items() if result.error]
    return {name: result.text for name, result in results.items()}


def records(world: World) -> int:
    return sum(map(len, world.tables().values()))


def rows(world: World, fresh: bool = False) -> Iterator[Any]:
    """All records, or those that swelling put there."""
    added = world.unrelated()
    for name, table in world.tables().items():
        yield from (row for row in table if not fresh or getattr(row, table.spec.key) in added[name])


def meanings(row: Any) -> Iterator[tuple[str, Any]]:
    """Every value that a person could say, with its kind, nested records included."""
    for field, hint in fields_of(type(row)).items():
        value, meaning = getattr(row, field), semantic_of(hint)
        for part in value if isinstance(value, tuple) else (value,):
            if is_record(type(part)):
                yield from meanings(part)
            elif meaning is not None and meaning.known and part not in (None, "") and (sample_of(hint) is None or meaning.name == "iban"):
                yield meaning.name, part


# -- the plain world stays as it is -----------------------------------------------------------------------


@pytest.mark.parametrize(("name", "seed", "size"), PLAIN, ids=str)
def test_plain_worlds_are_what_they_were_before_worlds_could_swell(name: str, seed: int, size: Any) -> None:
    assert world_class(name).create(seed, size).fingerprint() == PLAIN[name, seed, size]
    assert world_class(name)(seed, size, 0).unrelated() == {}


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("seeds", SEEDS)
def test_a_swelled_world_holds_every_record_cell_and_fact_of_the_plain_one(name: str, seeds: range) -> None:
    cls = world_class(name)
    for seed in seeds:
        plain, swelled = cls.create(seed), cls.create(seed, swell=1)
        for part, table in plain.tables().items():
            for row in table:
                twin = swelled.tables()[part][getattr(row, table.spec.key)]
                changed = {f"{part}.{f.name}" for f in dataclasses.fields(row) if getattr(row, f.name) != getattr(twin, f.name)}
                assert changed <= set(cls.GROWS)
        assert all(getattr(plain, cell) == getattr(swelled, cell) for cell in cls.cell_specs)
        assert set(plain.known()) <= set(swelled.known())
        assert not list(swelled.invariants())


@pytest.mark.parametrize("seeds", SEEDS)
def test_what_may_differ_grows_at_its_end_or_leaves_as_much_room(seeds: range) -> None:
    for seed in seeds:
        plain, swelled = (world_class("Travel").create(seed, swell=n) for n in (0, 1))
        for city in plain.cities:
            assert swelled.cities[city.name].hotels[: len(city.hotels)] == city.hotels
        for route in plain.routes:
            services = swelled.routes[route.pair].services
            assert services[: len(route.services)] == route.services
            assert len(services) <= 9
        plain, swelled = (world_class("FileSystem").create(seed, swell=n) for n in (0, 1))
        for account in plain.accounts:
            twin = swelled.accounts[account.user]
            assert twin.byte_limit - twin.used_bytes == account.byte_limit - account.used_bytes
            assert twin.node_limit - twin.used_nodes == account.node_limit - account.used_nodes
        for directory in plain.directories:
            assert set(directory.entries) <= set(swelled.directories[directory.path].entries)
            assert directory.entries or not swelled.directories[directory.path].entries, "an empty folder was filled"


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("seeds", SEEDS)
def test_nothing_new_is_called_like_what_was_there(name: str, seeds: range) -> None:
    cls = world_class(name)
    for seed in seeds:
        plain, swelled = cls.create(seed), cls.create(seed, swell=1)
        old = {value for row in rows(plain) for value in meanings(row)}
        old.update(("iban", contact.iban) for contact in getattr(plain, "address_book", ()))
        old.update(("person_name", contact.name) for contact in getattr(plain, "address_book", ()))
        new = {(kind, value) for row in rows(swelled, fresh=True) for kind, value in meanings(row) if kind not in BELONGS[name]}
        assert new
        assert not new & old
        labels = [{getattr(row, f, "") for row in group for f in LABELS[name]} for group in (rows(plain), rows(swelled, fresh=True))]
        assert not labels[0] & labels[1] - {""}


@pytest.mark.parametrize("seeds", SEEDS)
def test_no_new_file_or_folder_has_an_old_name_or_one_that_people_give(seeds: range) -> None:
    for seed in seeds:
        world = world_class("FileSystem").create(seed, swell=1)
        new, old = set[str](), set[str]()
        for name in ("files", "directories", "links"):
            added = world.unrelated()[name]
            table = world.tables()[name]
            for path in map(str, table.keys()):
                (new if path in added else old).add(path.rpartition("/")[2])
        assert not new & old
        assert not {name.partition(".")[0] for name in new} & {*STEMS, *FOLDERS}


# -- it grows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("seeds", SEEDS)
def test_state_grows_fourfold_and_what_is_read_threefold(name: str, seeds: range) -> None:
    cls = world_class(name)
    for seed in seeds:
        plain, swelled = enter(cls.create(seed)), enter(cls.create(seed, swell=1))
        assert records(swelled) >= 4 * records(plain)
        assert sum(map(len, told(swelled).values())) >= 3 * sum(map(len, told(plain).values()))


@pytest.mark.parametrize(
    "name", ["FileSystem", pytest.param("Travel", marks=pytest.mark.slow), pytest.param("Banking", marks=pytest.mark.slow)]
)
def test_a_larger_factor_and_a_larger_size_give_more(name: str) -> None:
    cls = world_class(name)
    counts = [records(cls(3, "small", factor)) for factor in (0, 1, 2, 7)]
    assert counts == sorted(set(counts))
    assert counts[3] > 10 * counts[0]
    for world in (cls(3, "small", 7), cls(3, "medium", 2), cls(3, "large", 1)):
        assert not list(world.invariants())
        assert records(world) > records(cls.create(3, world.size))


def test_flights_and_hotels_of_plain_places_become_more_and_never_cheaper() -> None:
    more = 0
    for seed in range(6):
        plain, swelled = (world_class("Travel").create(seed, swell=n) for n in (0, 1))
        for route in plain.routes:
            query = {"origin": route.origin, "destination": route.destination, "date": "2026-03-20"}
            old, new = (world.call("search_flights", query).value for world in (plain, swelled))
            assert new[: len(old)] == old
            more += len(new) - len(old)
        for city in plain.cities:
            query = {"city": city.name, "check_in": "2026-03-20", "nights": 2}
            old, new = (world.call("search_hotels", query).value for world in (plain, swelled))
            assert new[: len(old)] == old
            more += len(new) - len(old)
    assert more > 500


# -- what is asked stays true -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("seeds", SEEDS)
def test_sums_balances_and_codes_stay(name: str, seeds: range) -> None:
    cls = world_class(name)
    for seed in seeds:
        plain, swelled = enter(cls.create(seed)), enter(cls.create(seed, swell=1))
        if name == "Travel":
            assert [plain.call(read).text for read in TOTALS[name]] == [swelled.call(read).text for read in TOTALS[name]]
        elif name == "Banking":
            for account in plain.call("list_accounts").value:
                for query in ({"account": account["id"], "month": month} for month in ("2025-12", "2026-02", "2026-03")):
                    assert plain.call("statement", query).text == swelled.call("statement", query).text
                query = {"account": account["id"]}
                assert plain.call("account_details", query).text == swelled.call("account_details", query).text
            assert plain.call("search_transactions").text == swelled.call("search_transactions").text
        else:
            free = "bytes_free" if "bytes_free" in plain.call("whoami").value else "free_bytes"
            assert plain.call("whoami").value[free] == swelled.call("whoami").value[free]


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("seeds", [range(2), pytest.param(range(2, 6), marks=pytest.mark.slow)])
def test_time_brings_nothing_new_within_a_week_and_no_law_breaks_in_a_year(name: str, seeds: range) -> None:
    cls = world_class(name)
    for seed in seeds:
        swelled = cls.create(seed, swell=1)
        before = swelled.fork()
        swelled.advance(7 * 86_400)
        added = swelled.unrelated()
        assert not [change for change in before.diff(swelled) if change.key in added.get(change.table, ())]
        for _ in range(12):
            swelled.advance(31 * 86_400)
            assert not list(swelled.invariants())


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("seeds", SEEDS)
def test_an_episode_mints_the_ids_that_it_mints_in_the_plain_world(name: str, seeds: range) -> None:
    cls = world_class(name)
    for seed in seeds:
        plain, swelled = cls.create(seed), cls.create(seed, swell=3)
        for part, table in plain.tables().items():
            if table.spec.semantic is not None and not table.spec.semantic.known:
                assert plain.mint(table) == swelled.mint(swelled.tables()[part])


def test_ids_stay_the_same_even_where_there_are_only_a_hundred_of_them() -> None:
    for seed in range(60):
        plain, swelled = Stamps.create(seed), Stamps.create(seed, swell=1)
        assert len(swelled.stamps) == len(plain.stamps) + 60
        for _ in range(10):
            one, two = plain.mint(plain.stamps), swelled.mint(swelled.stamps)
            assert one == two
            plain.stamps.put(Stamp(one))
            swelled.stamps.put(Stamp(two))


def swelled_task(task: Task, swell: int = 1) -> Task:
    data = task.model_dump(exclude={"id"})
    for part in data["worlds"]:
        part["swell"] = swell
    return Task.model_validate(data)


def passes(task: Task) -> bool:
    """Whether a task's gold, called as it stands, passes all its checks."""
    try:
        judge = Judge(task)
    except TaskError:  # more was copied than there is room for, say
        return False
    worlds, traces, passed = judge.start.fork(), list[TurnTrace](), True
    for number, turn in enumerate(task.turns):
        worlds.advance(turn.elapse)
        traces.append(TurnTrace([worlds.call(call.name, call.arguments) for call in turn.gold], turn.reply))
        passed = passed and judge.turn(number, worlds, traces).passed
    return passed


@pytest.mark.parametrize("step", [12, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("env", "share"), [("FileSystem", 0.8), ("Travel", 1.0), ("Banking", 0.95)])
def test_gold_of_packed_tasks_passes_unchanged_where_the_worlds_swell(env: str, share: float, step: int) -> None:
    pack = pack_of(f"turngym/{env}-v0")
    tasks = [pack[place] for place in range(0, 120, step)]
    kept = sum(passes(swelled_task(task)) for task in tasks)
    assert kept >= share * len(tasks)


# -- the same everywhere ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORLDS)
def test_a_swelled_world_is_itself_in_every_copy(name: str) -> None:
    cls = world_class(name)
    one, two = cls(5, "small", 1), cls.create(5, swell=1)
    assert one.fingerprint() == two.fingerprint() == two.fork().fingerprint()
    assert two.fork().swell == 1
    assert two.fork().unrelated() == one.unrelated()
    prints = {cls.create(5, swell=factor).fingerprint() for factor in (0, 1, 2)}
    assert len(prints) == 3
    plain = cls.create(5)
    plain.restore(two)
    assert (plain.swell, plain.fingerprint()) == (1, two.fingerprint())


@pytest.mark.parametrize("hash_seed", ["4242", pytest.param("1", marks=pytest.mark.slow)])
def test_swelled_worlds_are_alike_in_every_process(hash_seed: str) -> None:
    code = "from turngym.envs.registry import world_class as w; print(*[w(n)(s, 'small', 2).fingerprint() for n in {} for s in (0, 9)])"
    mine = [world_class(name)(seed, "small", 2).fingerprint() for name in WORLDS for seed in (0, 9)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", code.format(WORLDS)], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == mine


def test_the_fingerprint_tells_a_swelled_world_apart_even_where_nothing_was_added() -> None:
    class Idle(Kiosk):
        """A kiosk to which swelling adds nothing, though it says that it can swell."""

        def generate_more(self, rng: random.Random, factor: int) -> None:
            return

    assert len({Idle.create(1, swell=factor).fingerprint() for factor in range(4)}) == 4


# -- tasks ------------------------------------------------------------------------------------------------


def test_ids_of_packed_tasks_are_what_they_were_and_say_nothing_of_swelling() -> None:
    for env in ("FileSystem", "Travel", "Banking", "Assistant"):
        for task in list(pack_of(f"turngym/{env}-v0"))[:40]:
            assert task.content_id() == task.id
            assert "swell" not in task.line()


def test_a_swelled_task_is_another_task_that_survives_json_and_starts_swelled() -> None:
    task = pack_of("turngym/Assistant-v0")[0]
    swelled = swelled_task(task, 2)
    assert swelled.id != task.id
    assert swelled_task(task, 0).id == task.id
    assert '"swell":2' in swelled.line()
    assert Task.model_validate_json(swelled.line()) == swelled
    assert [world.swell for world in start_of(swelled).worlds] == [2] * len(task.worlds)
    assert start_of(swelled).fingerprint() != start_of(task).fingerprint()
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        swelled_task(task, -1)


def test_a_world_set_makes_each_world_as_its_spec_says() -> None:
    worlds = WorldSet.create([WorldSpec(world_class("Travel"), 1), WorldSpec(world_class("Banking"), 1, "small", 3)])
    assert [world.swell for world in worlds.fork().worlds] == [0, 3]


# -- worlds of others -------------------------------------------------------------------------------------

PaperId = Annotated[str, Key("paper", "PA-####")]


@record
class Paper:
    id: PaperId
    title: Annotated[str, Known("paper_title")]
    copies: int


class Kiosk(World):
    """A kiosk that sells papers and cannot swell; it lists what it has and nothing more."""

    papers: Table[PaperId, Paper]

    def generate(self, rng: random.Random, size: str) -> None:
        for place in range({"small": 4, "medium": 6, "large": 9}[size]):
            self.papers.put(Paper(self.mint(self.papers), f"Paper {rng.randrange(10**6)} {place}", rng.randint(1, 9)))

    def invariants(self) -> Iterator[str]:
        yield from (f"{paper.title} has {paper.copies} copies" for paper in self.papers if paper.copies < 0)

    @tool
    def list_papers(self) -> list[Paper]:
        """List the papers that are for sale."""
        return list(self.papers)


class Swells(Kiosk):
    """A kiosk that swells as it should: further papers with titles of their own."""

    def generate_more(self, rng: random.Random, factor: int) -> None:
        for place in range(20 * factor):
            self.papers.put(Paper(self.mint(self.papers), f"Leaflet {place}", rng.randint(1, 9)))


class Removes(Swells):
    """A kiosk that throws a paper away when it swells."""

    def generate_more(self, rng: random.Random, factor: int) -> None:
        self.papers.remove(next(self.papers.keys()))
        super().generate_more(rng, factor)


class Changes(Swells):
    """A kiosk that changes how many copies there are when it swells."""

    def generate_more(self, rng: random.Random, factor: int) -> None:
        first = next(iter(self.papers))
        self.papers.put(dataclasses.replace(first, copies=first.copies + 1))
        super().generate_more(rng, factor)


class Forgets(Swells):
    """A kiosk whose user knows nothing of the plain papers once it swells."""

    def known(self) -> Iterator[Fact]:
        yield from (fact for fact in super().known() if not self.swell or fact.value.startswith("Leaflet"))


class Breaks(Swells):
    """A kiosk that owes copies when it swells."""

    def generate_more(self, rng: random.Random, factor: int) -> None:
        super().generate_more(rng, factor)
        self.papers.put(Paper(self.mint(self.papers), "Debt", -1))


class Takes(Swells):
    """A kiosk that takes the id which an episode would mint."""

    def generate_more(self, rng: random.Random, factor: int) -> None:
        first = f"PA-{self.draw('id', 'papers', 0, below=1 << 62) % 10_000:04d}"[::-1][:4]
        self.papers.put(Paper(f"PA-{first}", "Taken", 1))
        super().generate_more(rng, factor)


class Refuses(Swells):
    """A kiosk that answers nobody any more once it has swelled."""

    @tool
    def list_papers(self) -> list[Paper]:
        """List the papers that are for sale."""
        if len(self.papers) > 10:
            self.papers["PA-0000-none"]
        return list(self.papers)


StampId = Annotated[str, Key("stamp", "ST-##")]


@record
class Stamp:
    id: StampId


class Stamps(World):
    """A sheet of numbered stamps, of which there cannot be more than a hundred."""

    stamps: Table[StampId, Stamp]

    def generate(self, rng: random.Random, size: str) -> None:
        for _ in range(5):
            self.stamps.put(Stamp(self.mint(self.stamps)))

    def generate_more(self, rng: random.Random, factor: int) -> None:
        for _ in range(60 * factor):
            self.stamps.put(Stamp(self.mint(self.stamps)))


FAULTS = (
    (Removes, "swelling-keeps-plain"), (Changes, "swelling-keeps-plain"), (Forgets, "swelling-keeps-plain"),
    (Breaks, "swelling-holds"), (Takes, "swelling-holds"), (Refuses, "swelling-disturbs-nothing"),
)  # fmt: skip


@pytest.mark.parametrize(("cls", "name"), FAULTS)
def test_each_planted_fault_of_swelling_is_caught_by_its_law(cls: type[World], name: str) -> None:
    report = check_world(cls, seeds=(0, 1), calls=60, processes=False)
    found = {check.name: check.detail for check in report.failures if check.name.startswith("swelling")}
    assert list(found) == [name] or (cls is Breaks and name in found)


def test_a_lawful_swelling_passes_and_worlds_without_one_are_passed_over() -> None:
    for cls, words in ((Swells, ""), (Kiosk, "cannot swell")):
        report = check_world(cls, seeds=(0, 1), calls=60, processes=False)
        checks = [check for check in report.checks if check.name.startswith("swelling")]
        assert len(checks) == 3
        assert all(check.passed and words in check.detail for check in checks)


def test_a_world_that_cannot_swell_says_so_with_the_remedy() -> None:
    assert (Kiosk.can_swell, Swells.can_swell) == (False, True)
    with pytest.raises(DefinitionError, match=r"Kiosk cannot swell; give it generate_more\(self, rng, factor\)"):
        Kiosk.create(0, swell=1)
    with pytest.raises(ValueError, match="swell=-1 is negative"):
        Swells.create(0, swell=-1)


def test_what_a_world_says_may_grow_must_be_there_and_a_tool_must_not_hide_swell() -> None:
    with pytest.raises(DefinitionError, match=r"GROWS names 'papers\.pages'"):
        type("Odd", (Kiosk,), {"__doc__": "A kiosk.", "__module__": __name__, "GROWS": ("papers.pages",)})
    with pytest.raises(DefinitionError, match=r"hides World\.swell"):
        type("Hides", (Kiosk,), {"__doc__": "A kiosk.", "__module__": __name__, "swell": tool(_swell)})


def _swell(self: World) -> list[Paper]:
    """Let the papers swell in the rain."""
    return []
