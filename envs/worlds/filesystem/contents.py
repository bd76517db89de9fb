"""What the files say: short texts of the kinds people keep, drawn from word lists.

`write(kind, rng, topic)` gives a text of several lines that ends in a newline. Not here: where files lie.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

PEOPLE = (
    "Ana", "Bruno", "Chloe", "Dmitri", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Keiko", "Leon",
    "Mara", "Nils", "Olga", "Pablo", "Quinn", "Rosa", "Sven", "Tara", "Umar", "Vera", "Wanda", "Yusuf",
)  # fmt: skip
TASKS = (
    "book the meeting room", "review the budget", "call the supplier", "renew the insurance", "update the roadmap",
    "send the invoice", "order new chairs", "fix the login page", "back up the laptop", "water the plants",
    "prepare the slides", "pay the electricity bill", "reply to the landlord", "clean the test data",
    "draft the contract", "check the backup job", "plan the team lunch", "archive old tickets",
)  # fmt: skip
DECISIONS = (
    "the budget stays at {n} thousand", "the deadline moves to week {n}", "we hire {n} more testers", "the release needs {n} sign-offs",
    "the invoice of {n}00 is approved", "we keep supplier number {n}", "the demo lasts {n} minutes",
    "the error rate must stay under {n} percent",
)  # fmt: skip
ITEMS = ("paper", "coffee", "train ticket", "hotel", "cables", "software licence", "printer ink", "books", "lunch", "taxi")
SERVICES = ("backup", "mailer", "scheduler", "web", "billing", "sync")
EVENTS = (
    ("INFO", "started"), ("INFO", "job finished in {n} s"), ("INFO", "{n} items processed"), ("INFO", "cache refreshed"),
    ("WARN", "queue length is {n}"), ("WARN", "slow reply: {n}00 ms"), ("ERROR", "connection lost after {n} s"),
    ("ERROR", "disk nearly full: {n} MB left"), ("ERROR", "invoice {n} rejected"),
)  # fmt: skip
SETTINGS = (
    "timeout = {n}", "retries = {n}", "workers = {n}", "debug = false", "debug = true", "log_level = INFO", "log_level = WARN",
    "cache_size = {n}00", "region = north", "region = south", "max_upload = {n}", "theme = dark", "backup = daily",
)  # fmt: skip
BOOKS = ("Solaris", "Middlemarch", "The Trial", "Kindred", "Emma", "Dune", "Walden", "Beloved", "Persuasion", "The Leopard")
FOODS = ("onions", "flour", "lentils", "eggs", "tomatoes", "rice", "butter", "spinach", "lemons", "garlic", "yoghurt", "carrots")
FUNCTIONS = ("load", "parse", "total", "clean", "report", "merge", "score", "export")


def _pick(rng: Random, words: tuple[str, ...], count: int) -> list[str]:
    """`count` words that follow each other from a random start: distinct, and cheap to draw."""
    start = int(rng.random() * len(words))
    return [words[(start + 3 * i + i // 4) % len(words)] for i in range(count)]


def _day(rng: Random) -> str:
    return f"2026-{1 + int(rng.random() * 2):02d}-{1 + int(rng.random() * 28):02d}"


def _notes(rng: Random, topic: str) -> list[str]:
    who = _pick(rng, PEOPLE, 2)
    lines = [f"Notes on {topic}, {_day(rng)}", f"Talked to {who[0]} and {who[1]}."]
    lines += [f"- {task}" for task in _pick(rng, TASKS, 2 + int(rng.random() * 3))]
    return [*lines, f"Remember: {topic} has {2 + int(rng.random() * 30)} days left."]


def _todo(rng: Random, topic: str) -> list[str]:
    tasks = _pick(rng, TASKS, 3 + int(rng.random() * 4))
    done = int(rng.random() * len(tasks))
    return [f"TODO {topic}", *[f"[{'x' if i < done else ' '}] {task}" for i, task in enumerate(tasks)]]


def _minutes(rng: Random, topic: str) -> list[str]:
    people = _pick(rng, PEOPLE, 3)
    lines = [f"# Minutes: {topic}", f"Date: {_day(rng)}", f"Present: {', '.join(people)}", "", "## Decisions"]
    lines += [f"- {decision.format(n=2 + int(rng.random() * 40))}" for decision in _pick(rng, DECISIONS, 2)]
    return [*lines, "## Actions", *[f"- {who}: {task}" for who, task in zip(people, _pick(rng, TASKS, 3), strict=True)]]


def _expenses(rng: Random, topic: str) -> list[str]:
    base, day = 3 + int(rng.random() * 60), 1 + int(rng.random() * 12)
    items = _pick(rng, ITEMS, 4 + int(rng.random() * 4))
    return ["date,item,amount", *[f"2026-02-{day + 2 * i:02d},{item},{base * (i + 2) * 7 % 191 + 4}.50" for i, item in enumerate(items)]]


def _contacts(rng: Random, topic: str) -> list[str]:
    people = _pick(rng, PEOPLE, 4 + int(rng.random() * 3))
    phone = int(rng.random() * 8000)
    return ["name,team,phone", *[f"{who},{topic},555-{phone + 37 * i + 1000}" for i, who in enumerate(people)]]


def _scores(rng: Random, topic: str) -> list[str]:
    base = int(rng.random() * 97)
    return [str((base + 31 * i * i + 17 * i) % 100) for i in range(6 + int(rng.random() * 5))]


def _log(rng: Random, topic: str) -> list[str]:
    service, at, seed = SERVICES[int(rng.random() * 6)], int(rng.random() * 600), int(rng.random() * 97)
    day, lines = _day(rng), []
    for i in range(6 + int(rng.random() * 6)):
        level, event = EVENTS[(seed + 5 * i + i * i) % len(EVENTS)]
        at += 7 + (seed * (i + 1)) % 53
        lines.append(
            f"{day} {8 + at // 3600:02d}:{at // 60 % 60:02d}:{at % 60:02d} {level} {service}: {event.format(n=seed * (i + 2) % 61 + 2)}"
        )
    return lines


def _config(rng: Random, topic: str) -> list[str]:
    n = 2 + int(rng.random() * 30)
    return [f"[{topic}]", f"port = {8000 + int(rng.random() * 900)}", *[s.format(n=n + i) for i, s in enumerate(_pick(rng, SETTINGS, 5))]]


def _code(rng: Random, topic: str) -> list[str]:
    first, second = _pick(rng, FUNCTIONS, 2)
    n = 2 + int(rng.random() * 9)
    return [
        f'"""Helpers for {topic}."""', "", "", f"def {first}(rows):", f"    # TODO: handle rows shorter than {n}",
        f"    return [row for row in rows if len(row) >= {n}]", "", "", f"def {second}(rows):",
        f"    return sum(row[0] for row in {first}(rows))",
    ]  # fmt: skip


def _readme(rng: Random, topic: str) -> list[str]:
    who = PEOPLE[int(rng.random() * len(PEOPLE))]
    return [
        f"# {topic}",
        "",
        f"Ask {who} for access.",
        f"The budget is {5 + int(rng.random() * 90)} thousand.",
        "See docs for the roadmap.",
    ]


def _reading(rng: Random, topic: str) -> list[str]:
    return ["Reading list", *[f"{i + 1}. {book}" for i, book in enumerate(_pick(rng, BOOKS, 3 + int(rng.random() * 3)))]]


def _shopping(rng: Random, topic: str) -> list[str]:
    return [f"{food} x{1 + int(rng.random() * 4)}" for food in _pick(rng, FOODS, 4 + int(rng.random() * 4))]


def _letter(rng: Random, topic: str) -> list[str]:
    who, task = PEOPLE[int(rng.random() * len(PEOPLE))], TASKS[int(rng.random() * len(TASKS))]
    return [f"Dear {who},", "", f"could you please {task} before {_day(rng)}?", f"It matters for {topic}.", "", "Kind regards"]


_WRITERS: tuple[tuple[str, Callable[[Random, str], list[str]]], ...] = (
    ("notes", _notes), ("todo", _todo), ("minutes", _minutes), ("expenses", _expenses), ("contacts", _contacts),
    ("scores", _scores), ("log", _log), ("config", _config), ("code", _code), ("readme", _readme), ("reading", _reading),
    ("shopping", _shopping), ("letter", _letter),
)  # fmt: skip


def write(kind: str, rng: Random, topic: str) -> str:
    """A text of this kind about `topic`."""
    for name, writer in _WRITERS:
        if name == kind:
            return "\n".join(writer(rng, topic)) + "\n"
    raise KeyError(kind)
