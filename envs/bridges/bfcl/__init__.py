"""The Berkeley Function-Calling Leaderboard (BFCL v4, `bfcl-eval`): its worlds, its tasks and its verdicts, behind our door.

`bfcl:GorillaFileSystem` names a world, `bfcl:multi_turn_base` tasks, and `bfcl` their judge; `bfcl:simple_python` and its kin
are tasks of one turn, whose calls are written down and not run (`bfcl-ast`). The package comes with the extra
`bfcl`; without it, asking for any of these says how to install it. Laws: BFCL's own classes do the work, one set for each
episode; nothing global is changed; no text is ever evaluated. See docs/bfcl.md.
"""

from __future__ import annotations

from .judge import BfclJudge, error_type
from .single import BfclSingleJudge
from .tasks import bfcl_tasks
from .worlds import bfcl_world

__all__ = ["BfclJudge", "BfclSingleJudge", "bfcl_tasks", "bfcl_world", "error_type"]
