"""What all tests share: the worlds of the tests themselves are trusted, as a user's own would be."""

from turngym import allow

allow("mini_world:Library", "planted_worlds:Market", "planted_worlds:Silo", "planted_worlds:Things", "special_worlds:Board")
