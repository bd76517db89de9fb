"""A lending library in sixty lines: the README's "Your own world", and a world to test with."""

from random import Random
from typing import Annotated, Literal

from pydantic import Field

from turngym.envs import Cell, Fact, Key, Known, Sample, Table, ToolError, World, record, tool

BookId = Annotated[str, Key("book", "BK-####")]
LoanId = Annotated[str, Key("loan", "LN-#####")]
Title = Annotated[str, Known("book_title")]
Card = Annotated[str, Known("library_card")]
Days = Annotated[int, Field(ge=1, le=28), Sample(lambda world, rng: rng.choice((7, 14, 21)))]
TITLES = ("Dune", "Emma", "Ulysses", "Beloved", "Middlemarch", "Solaris", "Persuasion", "Kindred", "Walden", "Utopia")


@record
class Book:
    id: BookId
    title: Title
    shelf: Literal["fiction", "classics", "essays"]
    copies: int


@record
class Loan:
    id: LoanId
    book: BookId
    title: Title
    days: int


@record
class Desk:
    card: Card


def at_the_desk(world: "Library") -> bool:
    """The reader has shown a library card (identify)."""
    return world.reader != ""


class Library(World):
    """A small lending library: find a book, show your card, borrow it, bring it back."""

    books: Table[BookId, Book]
    loans: Table[LoanId, Loan]
    reader = Cell[str]("", incidental=True)
    card = Cell[str]("")

    def generate(self, rng: Random, size: str) -> None:
        self.card = f"{rng.randrange(10**6):06d}"
        for title in rng.sample(TITLES, {"small": 5, "medium": 7, "large": 10}[size]):
            self.books.put(Book(self.mint(self.books), title, rng.choice(("fiction", "classics", "essays")), rng.randint(1, 3)))

    def known(self):
        yield from super().known()
        yield Fact("library_card", self.card)

    def invariants(self):
        yield from (f"{book.title} has {book.copies} copies" for book in self.books if book.copies < 0)
        yield from (f"loan {loan.id} of no book" for loan in self.loans if loan.book not in self.books)

    @tool(writes="reader")
    def identify(self, card: Card) -> Desk:
        """Identify the reader at the desk.

        Args:
            card: the number on the card.
        """
        if card != self.card:
            raise ToolError("permission_denied", "the desk does not know this card")
        self.reader = card
        return Desk(card)

    @tool
    def find_book(self, title: Title) -> list[Book]:
        """Find the books with a title.

        Args:
            title: the exact title.
        """
        return [book for book in self.books if book.title == title]

    @tool(requires=at_the_desk, writes=("books", "loans"))
    def borrow(self, book: BookId, days: Days = 14) -> Loan:
        """Borrow a book.

        Args:
            book: which book to borrow.
            days: for how many days.
        """
        found = self.books[book]
        if not found.copies:
            raise ToolError("unavailable", f"every copy of {found.title} is lent out")
        self.books.put(Book(found.id, found.title, found.shelf, found.copies - 1))
        return self.loans.put(Loan(self.mint(self.loans), found.id, found.title, days))
