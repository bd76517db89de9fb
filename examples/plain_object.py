"""A lending library as somebody wrote it: plain Python that knows nothing of turngym. It is a world all the same:

turngym check examples/plain_object.py:Library
turngym synthesize examples/plain_object.py:Library -n 30 --out library-data
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

Genre = Literal["crime", "history", "poetry", "travel"]
GENRES: tuple[Genre, ...] = ("crime", "history", "poetry", "travel")
TITLES = [
    "The Salt Road",
    "Night Ferry",
    "A Winter Ledger",
    "Small Harbours",
    "The Glass Orchard",
    "Letters to Tomis",
    "Low Tide",
    "Nine Bridges",
]
AUTHORS = ["Mara Lind", "Ivo Castell", "Ruth Adeyemi", "Jonas Weir"]
NAMES = ["Ada Brandt", "Bo Larsen", "Carla Nunez", "Dmitri Ilic", "Elif Demir", "Femi Okoro"]


class ClosedAccount(Exception):
    """A member whose card has run out wants to borrow."""


@dataclass
class Book:
    id: str
    title: str
    author: str
    genre: Genre
    pages: int
    on_loan: bool = False


@dataclass
class Member:
    id: str
    name: str
    active: bool
    fine: float


@dataclass
class Loan:
    id: str
    book_id: str
    member_id: str
    weeks: int


class Library:
    """The desk of a small lending library: its books, its members, and what is on loan to whom.

    A member borrows with a valid card and without a fine; a book is on loan to one member at a time.
    """

    def __init__(self, seed: int = 0) -> None:
        chance = random.Random(seed)
        self.books: dict[str, Book] = {}
        self.members: dict[str, Member] = {}
        self.loans: dict[str, Loan] = {}
        self._last = 0
        for title in chance.sample(TITLES, 6):
            key = f"B{chance.randrange(100, 1000)}"
            self.books[key] = Book(key, title, chance.choice(AUTHORS), chance.choice(GENRES), chance.randrange(90, 600))
        for name in chance.sample(NAMES, 4):
            key = f"M{chance.randrange(100, 1000)}"
            self.members[key] = Member(key, name, chance.random() < 0.6, chance.choice([0.0, 0.0, 2.5, 4.0]))

    def list_books(self) -> list[Book]:
        """List all books of the library."""
        return list(self.books.values())

    def find_books(self, author: str, genre: Genre | None = None) -> list[Book]:
        """Find the books of an author.

        Args:
            author: the author's full name.
            genre: only books of this genre.
        """
        return [b for b in self.books.values() if b.author == author and genre in (None, b.genre)]

    def find_member(self, name: str) -> Member:
        """Look up a member.

        Args:
            name: the member's full name.
        """
        for member in self.members.values():
            if member.name == name:
                return member
        raise KeyError(f"no member is called {name}")

    def borrow_book(self, book_id: str, member_id: str, weeks: int = 3) -> Loan:
        """Lend a book to a member.

        Args:
            book_id: which book.
            member_id: who borrows it.
            weeks: for how many weeks, at most eight.
        """
        if not 1 <= weeks <= 8:
            raise ValueError("a book is lent for one to eight weeks")
        book, member = self.books[book_id], self.members[member_id]
        if not member.active:
            raise ClosedAccount("the member's card has run out; renew it first")
        if member.fine > 0:
            raise RuntimeError("the member owes a fine; it must be paid first")
        if book.on_loan:
            raise RuntimeError("this book is on loan")
        self._last += 1
        book.on_loan = True
        loan = self.loans[f"L{self._last}"] = Loan(f"L{self._last}", book_id, member_id, weeks)
        return loan

    def return_book(self, loan_id: str) -> Book:
        """Take a book back.

        Args:
            loan_id: which loan ends.
        """
        book = self.books[self.loans.pop(loan_id).book_id]
        book.on_loan = False
        return book

    def list_loans(self, member_id: str) -> list[Loan]:
        """List what a member has on loan.

        Args:
            member_id: whose loans.
        """
        return [loan for loan in self.loans.values() if loan.member_id == self.members[member_id].id]

    def renew_card(self, member_id: str) -> Member:
        """Renew a member's card.

        Args:
            member_id: whose card.
        """
        if self.members[member_id].active:
            raise RuntimeError("this card is still valid")
        self.members[member_id].active = True
        return self.members[member_id]

    def pay_fine(self, member_id: str) -> float:
        """Take the payment of a member's fine.

        Args:
            member_id: who pays.

        Returns:
            The amount that was paid.
        """
        paid, self.members[member_id].fine = self.members[member_id].fine, 0.0
        if not paid:
            raise RuntimeError("the member owes nothing")
        return paid
