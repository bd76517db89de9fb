"""Signing in with a second factor, the phone's inbox, the bank's notifications and prices."""

from __future__ import annotations

from operator import attrgetter

from ...errors import ToolError
from ...records import changed, maker
from ...tool import tool
from .core import BankCore, code_sent, signed_in
from .literals import NoticeId, Password, SignInCode, Username
from .records import Challenge, Fee, Guard, Notice, PhoneMessage, Session
from .views import InboxMessage, SignIn

_shown = maker(InboxMessage)
SESSION_SECONDS = 2 * 3600
CODE_SECONDS = 600
LOCK_SECONDS = 1800
WRONG_CODES = 3


class Access(BankCore):
    """Tools to sign in and out, and to read messages, notifications and prices."""

    def _refuse_locked(self) -> None:
        if self.now < self.guard.locked_until:
            minutes = -(-(self.guard.locked_until - self.now) // 60)
            raise ToolError("permission_denied", f"sign-in is locked after {WRONG_CODES} wrong codes; try again in {minutes} minutes")

    @tool(
        writes=("challenge", "messages"),
        phrases=(
            "sign in to my bank as {username} with the password {password}",
            "log me in to online banking, my user name is {username} and my password {password}",
            "start a banking session for {username} using {password}",
            "open my online banking: user {username}, password {password}",
        ),
    )
    def sign_in(self, username: Username, password: Password) -> SignIn:
        """Sign in to online banking; a code is then sent to the customer's phone and has to be confirmed.

        Args:
            username: the customer's user name.
            password: the customer's password.

        Raises:
            permission_denied: wrong user name or password, or locked after wrong codes.
        """
        self._refuse_locked()
        if signed_in(self):
            raise ToolError("conflict", "you are signed in already; go on, or sign_out first")
        customer = next(iter(self.customers.where(username=username, password=password)), None)
        if customer is None:
            raise ToolError("permission_denied", "user name or password is wrong")
        told = len(self.messages) - len(self.unrelated().get("messages", ()))  # a swelled inbox changes no code
        code = f"{self.draw('code', self.now, told, below=10**6):06d}"
        self.challenge = Challenge(customer.id, code, self.now + CODE_SECONDS)
        text = f"{code} is your {self.bank} sign-in code. It is valid for 10 minutes. Never share it."
        self.messages.put(PhoneMessage(self.mint(self.messages), customer.id, self.timestamp, self.bank, text, code))
        return SignIn("code_sent", "A code was sent to the phone; read it (read_messages) and confirm it (confirm_sign_in).")

    @tool(
        phrases=(
            "read the messages on my phone",
            "look at my text messages",
            "check what has arrived on my phone",
            "show me my phone's inbox",
        )
    )
    def read_messages(self) -> list[InboxMessage]:
        """Read the text messages on the user's phone, newest first; sign-in codes arrive here.

        A message's `code` is set only while that code can still be confirmed.
        """
        live = self.challenge.code if code_sent(self) else ""
        mine = self.messages.where(owner=self.me)
        found = [_shown(m.id, m.at, m.sender, m.text, live if live and m.code == live else None) for m in mine]
        found.sort(key=lambda message: (message.at, message.code is not None), reverse=True)
        return found

    @tool(
        requires=code_sent,
        writes=("session", "challenge", "guard"),
        phrases=(
            "confirm the sign-in with the code {code}",
            "finish logging in with {code}",
            "enter {code} to complete my banking login",
        ),
    )
    def confirm_sign_in(self, code: SignInCode) -> SignIn:
        """Confirm a sign-in with the code from the phone. Three wrong codes lock sign-in for half an hour.

        Args:
            code: the six-digit code from the text message.
        """
        challenge = self.challenge
        if code == challenge.code:
            self.session = Session(challenge.customer, self.now + SESSION_SECONDS)
            self.challenge, self.guard = Challenge(), Guard()
            return SignIn("signed_in", f"Welcome, {self.customers[challenge.customer].name}. The session lasts two hours.")
        wrong = self.guard.wrong + 1
        if wrong < WRONG_CODES:
            self.guard = Guard(wrong)
            return SignIn("wrong_code", f"That is not the code; {WRONG_CODES - wrong} tries are left.")
        self.guard, self.challenge = Guard(0, self.now + LOCK_SECONDS), Challenge()
        return SignIn("locked", "Three wrong codes: sign-in is locked for 30 minutes.")

    @tool(
        requires=signed_in,
        writes=("session",),
        phrases=("sign out of my bank", "log me out of online banking", "end my banking session"),
    )
    def sign_out(self) -> SignIn:
        """Sign out of online banking."""
        self.session = Session()
        return SignIn("signed_out", "You are signed out.")

    @tool(
        phrases=(
            "show the bank's price list",
            "tell me what the bank charges for its services",
            "list the bank's fees",
        )
    )
    def fee_schedule(self) -> list[Fee]:
        """List what the bank charges: a fixed part plus basis points of the amount, rounded up to the cent."""
        return list(self.fees)

    @tool(
        requires=signed_in,
        phrases=(
            "show my notifications from the bank",
            "tell me what the bank wrote to me",
            "list my bank's notices",
        ),
    )
    def list_notifications(self, unread_only: bool = False) -> list[Notice]:
        """List the bank's notifications to the customer, newest first.

        Args:
            unread_only: whether to leave out what was read already.
        """
        found = [notice for notice in self.all_mine(self.notices) if not (unread_only and notice.read)]
        found.sort(key=attrgetter("date"), reverse=True)
        return found

    @tool(
        requires=signed_in,
        writes="notices",
        phrases=(
            "mark {notification} as read",
            "tick off {notification}",
            "set {notification} to read",
        ),
    )
    def mark_notification_read(self, notification: NoticeId) -> Notice:
        """Mark a notification as read.

        Args:
            notification: the notification that was read.
        """
        notice = self.mine(self.notices, notification)
        if notice.read:
            raise ToolError("conflict", f"{notification} is read already; list_notifications with unread_only shows the others")
        return self.notices.put(changed(notice, read=True))
