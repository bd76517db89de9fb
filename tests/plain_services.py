"""Plain services as people write them, each with habits of its own: what `test_objects_meaning` looks for meanings in."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any, Optional


class Shop:
    """A small online shop of one vendor, which speaks in dictionaries and numbers and returns nothing where it need not."""

    def __init__(self, seed: int = 0) -> None:
        rng = random.Random(seed)
        names = rng.sample(["kettle", "lamp", "rug", "desk", "vase", "clock"], 4)
        self.products = {
            i: {"id": i, "name": n, "price": rng.randrange(5, 90) + 0.5, "stock": rng.randrange(1, 6)} for i, n in enumerate(names, 1)
        }
        self.orders: dict[int, dict[str, Any]] = {}
        self.user: Optional[str] = None  # noqa: UP045
        self.accounts = {name: f"pw-{rng.randrange(1000, 9999)}" for name in rng.sample(["ada", "bo", "carl", "dora"], 2)}

    def login(self, username: str, password: str) -> None:
        """Log a customer in.

        Args:
            username: the account's name
            password: the account's password
        """
        if self.accounts.get(username) != password:
            raise PermissionError("wrong user name or password")
        self.user = username

    def list_products(self):
        """List everything that is for sale."""
        return list(self.products.values())

    def place_order(self, product_id: int, quantity: int = 1) -> dict[str, Any]:
        """Order a product.

        Args:
            product_id: the product's number
            quantity: how many
        """
        if self.user is None:
            raise RuntimeError("nobody is logged in")
        product = self.products[product_id]
        if quantity < 1:
            raise ValueError("at least one must be ordered")
        if product["stock"] < quantity:
            raise RuntimeError("not enough in stock")
        product["stock"] -= quantity
        number = 1000 + len(self.orders)
        self.orders[number] = {"order_id": number, "product_id": product_id, "quantity": quantity, "status": "open", "user": self.user}
        return self.orders[number]

    def cancel_order(self, order_id: int) -> None:
        """Cancel an order.

        Args:
            order_id: the order's number
        """
        order = self.orders[order_id]
        if order["status"] == "cancelled":
            raise RuntimeError("this order is cancelled already")
        order["status"] = "cancelled"
        self.products[order["product_id"]]["stock"] += order["quantity"]

    def my_orders(self) -> list[dict[str, Any]]:
        """List the orders of the customer who is logged in."""
        if self.user is None:
            raise RuntimeError("nobody is logged in")
        return [order for order in self.orders.values() if order["user"] == self.user]


class InsufficientFunds(Exception):
    """There is not that much."""


class Wallets:
    """Wallets of people, by the names of their owners."""

    def __init__(self, rng: random.Random) -> None:
        self.wallets = {
            name: rng.randrange(20, 200) for name in rng.sample(["Ada Lund", "Ben Roth", "Cleo Marsh", "Dan Ives", "Eva Stein"], 3)
        }

    def balance(self, owner: str) -> int:
        """Tell what is in a wallet.

        :param owner: whose wallet
        """
        return self.wallets[owner]

    def send(self, from_owner: str, to_owner: str, amount: int) -> dict[str, int]:
        """Send money from one wallet to another.

        :param from_owner: who pays
        :param to_owner: who gets it
        :param amount: how much, in whole coins
        """
        if from_owner == to_owner:
            raise ValueError("a wallet cannot pay itself")
        if self.wallets[from_owner] < amount:
            raise InsufficientFunds("there is not that much in the wallet")
        self.wallets[to_owner] += amount
        self.wallets[from_owner] -= amount
        return {"paid": amount, "left": self.wallets[from_owner]}


class Room(Enum):
    SMALL = "small"
    HALL = "hall"


@dataclass
class Booking:
    ref: str
    room: Room
    day: date
    people: int


class Rooms:
    """Rooms that are booked by the day."""

    def __init__(self) -> None:
        self.bookings: list[Booking] = []
        self._count = 0

    def book(self, room: Room, day: date, people: int) -> Booking:
        """Book a room for a day.

        Parameters
        ----------
        room
            Which room.
        day
            The day.
        people
            How many come.
        """
        if any(b.room is room and b.day == day for b in self.bookings):
            raise FileExistsError("the room is taken on that day")
        if people > (60 if room is Room.HALL else 8):
            raise ValueError("the room is too small for so many")
        self._count += 1
        booking = Booking(f"R-{self._count:04d}", room, day, people)
        self.bookings.append(booking)
        return booking

    def cancel(self, ref: str) -> bool:
        """Cancel a booking.

        Parameters
        ----------
        ref
            The booking's reference.
        """
        found = next((b for b in self.bookings if b.ref == ref), None)
        if found is None:
            raise LookupError("there is no such booking")
        self.bookings.remove(found)
        return True

    def agenda(self, day: Optional[date] = None) -> list[Booking]:  # noqa: UP045
        """List the bookings.

        Parameters
        ----------
        day
            Only those of a day.
        """
        return [b for b in self.bookings if day in (None, b.day)]
