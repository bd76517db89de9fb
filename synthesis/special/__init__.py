"""Special turns (FunReason-MT, arXiv 2510.24645, section on multi-turn assembly): what goes wrong on purpose, with proof.

`miss_func`: a tool is withheld, handed over a turn later. `miss_param`: the user leaves something out, says it a turn
later. `clarify`: the user's words fit several things, and the user says which one. `irrelevant`: no tool helps.
`error_tool_response`: services fail, and the assistant recovers. `long_context`: the worlds hold much more. Law: what
makes a turn special is proven when it is made (`search.py` and the rest) and again from the task alone (`proofs.py`).
"""
