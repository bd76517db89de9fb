"""A walk: drawing the calls of one round, one by one, by executing them.

The walk holds the running state; the navigator knows the way. A call is tried on a fork and taken only if it
succeeds, shows or changes something, and every value it takes from a result can be pointed at in words. On a
failure another binding is tried (4 times), then a fresh read is asked for; after that the round ends with a
reason. Law: nothing is undone, so the target is reached within its closure.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any, NamedTuple

from ..envs.binding import Bound, Mix, Occurrence, Pool, bind, is_loose
from ..envs.bridges.foreign import ForeignTool
from ..envs.tool import Tool, ToolResult
from ..envs.worldset import WorldSet
from .navigator import Navigator, Rejected, byways, holding
from .plan import PlannedCall, Reference, implied
from .references import refer

LENGTHS = {1: 0.10, 2: 0.28, 3: 0.26, 4: 0.16, 5: 0.10, 6: 0.05, 7: 0.03, 8: 0.02}
REBINDS, BANS = 4, 2


class Errand(NamedTuple):
    """What a round is to do: which turn it is, the tool to reach, whether to prefer values of earlier turns."""

    turn: int
    target: str
    across: bool = False
    earlier: tuple[PlannedCall, ...] = ()


class Walk:
    """One round while it is being drawn.

    Attributes:
        worlds, pool: the state and what is known now. calls: what was executed and taken. holds: predicates that hold
            now. executed: how many calls were executed, taken or not.
    """

    def __init__(self, navigator: Navigator, worlds: WorldSet, pool: Pool, rng: Random, errand: Errand) -> None:
        self.navigator, self.worlds, self.pool, self.rng = navigator, worlds, pool, rng
        self.turn, self.target, self.across = errand.turn, errand.target, errand.across
        self.byways = byways(worlds)
        self.length = rng.choices(list(LENGTHS), list(LENGTHS.values()))[0]
        self.banned: set[str] = set()
        self.calls: list[PlannedCall] = []
        self.holds = holding(worlds)
        self.made = {call.id: call for call in errand.earlier}
        self.spent = self.executed = 0
        self.plan: list[str] = []
        self.gifts: dict[str, tuple[str, str]] = {}

    def run(self, calls: list[PlannedCall]) -> None:
        self.calls = calls
        sampling = self.navigator.options.sampling
        if sampling == "random":
            self._wander()
            return
        plan = self.plan = [] if sampling == "literal" else self._plan(self.target)
        while len(calls) < max(self.length, 1) or not self._reached():
            self.spent += 1
            if self.spent > 24:
                raise Rejected("looped" if sampling == "literal" else "target_not_reached", self.target)
            name = self._next(plan)
            if name is None or not self._make(name):
                if name is not None:
                    self.banned.add(name)
                    if name == self.target or name in plan:
                        raise Rejected("call_failed", name)
                if name is None or (len(self.banned) >= BANS and (sampling != "literal" or self._reached())):
                    break  # the rule as printed gives up nothing that is near
            elif self._reached() and self._loose_ends() > 1:
                break
        if not self._reached():
            raise Rejected("target_not_reached", self.target)
        if sampling == "directed" and self._asks_no_leap():
            self._accompany()
            if self._asks_no_leap():
                raise Rejected("low_jump", "whatever the words")

    def _asks_no_leap(self) -> bool:
        """Whether even a query that cues no call would fall short of the least jump score."""
        return (1.0 + sum(implied(self.calls))) / 3 < self.navigator.options.min_jump

    def _accompany(self) -> None:
        """Add a second goal whose arguments only results can show: alone, the target asks for no leap."""
        names = [
            n for n in self.navigator.targets
            if n not in {c.name for c in self.calls} and n not in self.byways and any(
                p.semantic is not None and p.required and not is_loose(p, self.pool) for p in self.worlds.tools[n].parameters.values()
            )
        ]  # fmt: skip
        if not names:
            return
        first, self.target = self.target, self.rng.choice(names)
        for name in (*self._plan(self.target), self.target):
            if name not in {c.name for c in self.calls} and not self._make(name):
                raise Rejected("call_failed", name)
        self.target = first

    def _reached(self) -> bool:
        return any(call.name == self.target for call in self.calls)

    def _loose_ends(self) -> int:
        """How many results nobody has used yet: each is another thing the user asks for."""
        used = {b.seen.call for c in self.calls for b in c.bound.values() if b.seen is not None}
        return sum(c.id not in used and c.name not in self.byways for c in self.calls)

    def _plan(self, target: str) -> list[str]:
        """The closure, with now and then a tool whose result supplies what the user could have said."""
        plan = self.navigator.needed(target, self.holds, self.pool, self.rng)
        tool = self.worlds.tools[target]
        if gift := self._gift(target):
            self.gifts[target] = gift
            plan += [n for n in (*self.navigator.needed(gift[1], self.holds, self.pool, self.rng), gift[1]) if n not in plan]
            return plan
        for parameter in tool.parameters.values():
            meaning = parameter.semantic
            if meaning is None or not meaning.known or not parameter.required or is_loose(parameter, self.pool):
                continue
            if self.rng.random() < self.navigator.options.enrich:
                makers = self.navigator.suppliers(target, meaning.name)
                if makers:
                    maker = self.rng.choice(makers)
                    plan += [n for n in (*self.navigator.needed(maker, self.holds, self.pool, self.rng), maker) if n not in plan]
                break
        return plan

    def _gift(self, target: str) -> tuple[str, str] | None:
        """Now and then, where several worlds are together: a parameter, and a read of another world that supplies it."""
        if len(self.worlds.worlds) == 1 or self.rng.random() >= self.navigator.options.cross:
            return None
        home = self.worlds.world_of(target)
        gifts = [
            (p.name, supplier)
            for p in self.worlds.tools[target].parameters.values()
            if p.required and p.semantic is not None and p.semantic.known
            for supplier in self.navigator.suppliers(target, p.semantic.name)
            if self.worlds.world_of(supplier) is not home
        ]
        return self.rng.choice(gifts) if gifts else None

    def _accept(self, name: str, bound: dict[str, Bound]) -> dict[str, Bound]:
        """Put what another world supplied in its place."""
        parameter, supplier = self.gifts.get(name, ("", ""))
        kind = self.worlds.tools[name].parameters[parameter].semantic if parameter else None
        shown = [o for o in self.pool.latest(kind.name, turn=self.turn) if o.tool == supplier] if kind is not None else []
        if shown:
            seen = self.rng.choice(shown)
            bound[parameter] = Bound(seen.value, "output", seen)
        return bound

    def _next(self, plan: list[str]) -> str | None:
        if self._reached():
            return self._extra()
        if self.navigator.options.sampling == "literal":
            return self._literal()
        called = {call.name for call in self.calls}
        slack = self.length - len(self.calls) - 1 - sum(name not in called for name in plan)
        if slack > 0 and self.rng.random() < self.navigator.options.explore and (extra := self._extra(reads=True)):
            return extra
        waiting = [name for name in plan if name not in called or self._owes(name)]
        if not waiting:
            return self.target
        legal = [name for name in waiting if self._legal(name)] or waiting[:1]
        far = self.navigator.distance
        return min(legal, key=lambda n: (far.get(n, {}).get(self.target, 99), plan.index(n)))

    def _owes(self, name: str) -> bool:
        """Whether a read was called too early: what it is there to show is still unseen."""
        if not self.navigator.graph.graph.nodes[name]["read"]:
            return False
        kinds = {
            n.name
            for t in (*self._todo(), self.target)
            for n in self.navigator.graph.requirements[t]
            if n.kind == "data" and name in n.providers
        }
        return any(not self.pool.seen.get(kind) for kind in kinds)

    def _todo(self) -> list[str]:
        called = {call.name for call in self.calls}
        return [name for name in self.plan if name not in called]

    def _literal(self) -> str | None:
        """Eq. 2 as printed: Ta if legal, else the legal tool nearest to Ta, called or not; any of those that are as near."""
        legal = [name for name in self.navigator.graph.tools if self._legal(name)]
        if self.target in legal or not legal:
            return self.target if legal else None
        away = {name: self.navigator.distance.get(name, {}).get(self.target, 99) for name in legal}
        return self.rng.choice([name for name in legal if away[name] == min(away.values())])

    def _wander(self) -> None:
        """Any legal tool, each alike, called before or not; the round was for what it called last."""
        while len(self.calls) < self.length and len(self.banned) < BANS:
            legal = [name for name in self.navigator.targets if name not in self.banned and self._legal(name)]
            if not legal:
                break
            name = self.rng.choice(legal)
            if not self._try(name):
                self.banned.add(name)
        if not self.calls:
            raise Rejected("call_failed", ", ".join(sorted(self.banned)))
        self.target = self.calls[-1].name

    def _legal(self, name: str) -> bool:
        return all(
            (need.given and need.kind == "data")
            or (bool(self.pool.seen.get(need.name)) if need.kind == "data" else need.name in self.holds)
            for need in self.navigator.graph.requirements[name]
        )

    def _extra(self, reads: bool = False) -> str | None:
        """A random legal tool, mostly one that can use what this round has shown."""
        graph = self.navigator.graph.graph
        shown = {call.name for call in self.calls}
        names = [
            n for n in self.navigator.targets
            if n not in self.banned and n not in shown and self._legal(n) and (not reads or graph.nodes[n]["read"])
            and n not in self.byways
        ]  # fmt: skip
        if not names:
            return None
        fed = {
            v for name in shown for _, v, d in graph.out_edges(name, data=True)
            if d["kind"] == "data" and not is_loose(self.worlds.tools[v].parameters[d["parameter"]], self.pool)
        }  # fmt: skip
        near = [n for n in names if n in fed]
        if near and self.rng.random() < 0.9:
            return self.rng.choice(near)
        return self.rng.choice(names) if self.rng.random() < 0.3 else None

    # -- executing -------------------------------------------------------------------------------------

    def _try(self, name: str) -> bool:
        tool = self.worlds.tools[name]
        aim = name == self.target
        mix = Mix(output=2.0 if aim else 0.8, earlier=3.0 if self.across and aim else 0.35, user=0.25, optional=0.25)
        tried, seen, stale = set[str](), set[str](), 0
        for _ in range(3 * (1 + REBINDS)):
            if len(tried) > REBINDS:
                return False
            bound = bind(tool, self.worlds.world_of(name), self.pool, self.rng, turn=self.turn, mix=mix)
            if bound is None:
                return False
            bound = self._accept(name, bound)
            bound = self._agree(tool, {key: self._origin(item) for key, item in bound.items()})
            mark = str(sorted((key, str(item.value)) for key, item in bound.items()))
            if mark in seen:
                stale += 1
                if stale > 2:
                    return False  # nothing new comes
                continue
            seen.add(mark)
            refs = self._refs(bound)
            if refs is None or self._twice(tool, bound):
                continue
            tried.add(mark)
            fork = self.worlds.fork()
            self.executed += 1
            result = fork.call(name, {key: item.value for key, item in bound.items()})
            if result.error is None and self._worthwhile(tool, result, bound, fork):
                self._commit(tool, bound, refs, result, fork)
                return True
        return False

    def _make(self, name: str) -> bool:
        """Call a tool; where its sources are too few or stale, ask a read for fresh ones first."""
        wanted = [p.semantic for p in self.worlds.tools[name].parameters.values() if p.required and p.semantic is not None]
        kinds = Counter(kind.name for kind in wanted if not kind.known)
        for kind, count in kinds.items():
            for _ in range(2 * count):
                if len({o.value for o in self.pool.seen.get(kind, ())}) >= count or not self._ask_again(name, kind):
                    break
        if self._try(name):
            return True
        asked = [self._ask_again(name, kind) for kind in kinds]
        return any(asked) and self._try(name)

    def _ask_again(self, name: str, kind: str) -> bool:
        reads = [supplier for supplier in self.navigator.suppliers(name, kind) if self._legal(supplier)]
        near = reads[: max(1, len(reads) // 3)]
        return bool(reads) and self._try(self.rng.choice(near))

    def _refs(self, bound: dict[str, Bound]) -> dict[str, Reference] | None:
        refs = {}
        for name, item in bound.items():
            if item.seen is not None:
                reference = self._refer(item)
                if reference is None:
                    return None
                refs[name] = reference
        return refs

    def _refer(self, item: Bound) -> Reference | None:
        seen = item.seen
        assert seen is not None
        maker = self.worlds.tools[seen.tool]
        if item.kind == "earlier_turn" and _stands_alone(seen.value, seen.semantic, self.pool, self.turn):
            return Reference((), "that")
        if not maker.is_read and not seen.rivals:
            return Reference((), "new" if item.kind == "output" else "that")
        return refer(seen, maker, self.rng)

    @staticmethod
    def _twice(tool: Tool, bound: dict[str, Bound]) -> bool:
        """Whether one thing stands for two parameters of its kind."""
        things = [(kind.name, str(b.value)) for n, b in bound.items() if (kind := tool.parameters[n].semantic) is not None]
        return len(things) != len(set(things))

    def _agree(self, tool: Tool, bound: dict[str, Bound]) -> dict[str, Bound]:
        """One date of one journey: a value said for a parameter in this round mostly stands for its namesakes."""
        for name, item in bound.items():
            kind = tool.parameters[name].semantic
            if item.kind == "user" and kind is not None and self.rng.random() < 0.85:
                for call in self.calls:
                    other = call.bound.get(name)
                    same = other is not None and other.kind == "user" and call.name != tool.name
                    if other is not None and same and call.tool.parameters[name].semantic == kind:
                        bound[name] = other
        return bound

    def _origin(self, bound: Bound) -> Bound:
        """Where a value that results merely echo really came from: follow it back through the calls."""
        while bound.seen is not None:
            maker = self.made.get(bound.seen.call)
            echoed = [b for b in maker.bound.values() if b.value == bound.value] if maker is not None else []
            if not echoed:
                first = self._first_sight(bound.seen)
                if first is None:
                    return bound
                bound = Bound(bound.value, "output" if first.turn == self.turn else "earlier_turn", first)
                continue
            if echoed[0].seen is None:
                return Bound(bound.value, "user")
            seen = echoed[0].seen
            bound = Bound(bound.value, "output" if seen.turn == self.turn else "earlier_turn", seen)
        return bound

    def _first_sight(self, seen: Occurrence) -> Occurrence | None:
        """Where a value stood before a foreign write showed it again, which shows more than what it made."""
        if self.worlds.tools[seen.tool].is_read or not isinstance(self.worlds.tools[seen.tool], ForeignTool):
            return None
        first = next((o for o in self.pool.seen.get(seen.semantic, ()) if o.value == seen.value), seen)
        return first if first.call != seen.call else None

    def _worthwhile(self, tool: Tool, result: ToolResult, bound: dict[str, Bound], after: WorldSet) -> bool:
        if result.text == "[]" or (result.text == "null" and tool.is_read):  # a foreign write may have nothing to say
            return False
        if tool.writes and not self._changed(result, after):
            return False
        if tool.name in self.byways and self.holds == holding(after) and tool.name != self.target:
            return False  # it was to open a door and did not
        arguments = {key: item.value for key, item in bound.items()}
        return not any(c.name == tool.name and (c.arguments == arguments or c.result.text == result.text) for c in self.calls)

    def _changed(self, result: ToolResult, after: WorldSet) -> bool:
        """Whether a write left anything different."""
        before, later = self.worlds.world_of(result.name), after.world_of(result.name)
        return any(before.part(table).get(key) != later.part(table).get(key) for table, key in result.written)

    def _commit(self, tool: Tool, bound: dict[str, Bound], refs: dict[str, Reference], result: ToolResult, after: WorldSet) -> None:
        self.worlds = after
        identity = f"t{self.turn}c{len(self.calls)}"
        value = result.value
        before = self.holds
        if result.written:
            self.holds = holding(after)
        seen = tuple(self.pool.add(tool, value, turn=self.turn, call=identity))
        made = PlannedCall(identity, tool, bound, refs, result, value, self.holds - before, seen)
        self.calls.append(made)
        self.made[identity] = made


def _stands_alone(value: Any, semantic: str, pool: Pool, turn: int) -> bool:
    """Whether this is the only thing of its kind that earlier turns ended with (a pronoun is enough)."""
    single = {o.value for o in pool.latest(semantic, before=turn) if not o.rivals}
    return single == {value}
