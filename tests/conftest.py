"""What all tests share: the worlds of the tests themselves are trusted, as a user's own would be."""

from turngym import allow

allow("mini_world:Library", "planted_worlds:Market", "planted_worlds:Silo", "planted_worlds:Things", "special_worlds:Board")
allow(*[f"leaving_worlds:{name}" for name in ("Post", "Gone", "Late")])
