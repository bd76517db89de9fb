"""A to-do list: a world without phrases, predicates or `Known` facts, whose amounts and days are made up."""

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from turngym.envs import Amount, Date, Key, Table, ToolError, World, record, tool

TaskId = Annotated[str, Key("todo_item")]


@record
class Item:
    id: TaskId
    title: Annotated[str, Field(max_length=80)]
    priority: Literal["low", "normal", "high"]
    done: bool
    due: Date
    cost: Amount


class Todo(World):
    """A to-do list of one person, with priorities, due days and costs for each item on it."""

    items: Table[TaskId, Item]

    def generate(self, rng, size):
        for n in range({"small": 6, "medium": 20, "large": 60}[size]):
            self.items.put(
                Item(
                    self.mint(self.items),
                    f"{rng.choice(('Call', 'Write to', 'Visit'))} {rng.choice(('Ann', 'Bob', 'Cleo', 'Dan'))} {n}",
                    rng.choice(("low", "normal", "high")),
                    rng.random() < 0.3,
                    f"2026-03-{rng.randint(3, 28):02d}",
                    rng.randint(100, 9000),
                )
            )

    @tool
    def list_items(self, done: bool = False) -> list[Item]:
        """List the items on the to-do list.

        Args:
            done: whether to list the finished ones instead of the open ones.
        """
        return [i for i in self.items if i.done == done]

    @tool(writes="items")
    def add_item(
        self, title: Annotated[str, Field(min_length=1, max_length=80)], priority: Literal["low", "normal", "high"], due: Date, cost: Amount
    ) -> Item:
        """Add an item to the list.

        Args:
            title: what to do.
            priority: how urgent it is.
            due: the day it is due.
            cost: what it costs.
        """
        return self.items.put(Item(self.mint(self.items), title, priority, False, due, cost))

    @tool(writes="items")
    def finish_item(self, item: TaskId) -> Item:
        """Mark an item as done.

        Args:
            item: the item.
        """
        found = self.items[item]
        if found.done:
            raise ToolError("conflict", "it is done already")
        return self.items.put(replace(found, done=True))

    @tool(writes="items")
    def postpone_item(self, item: TaskId, due: Date) -> Item:
        """Move an item to another day.

        Args:
            item: the item.
            due: the new day.
        """
        return self.items.put(replace(self.items[item], due=due))
