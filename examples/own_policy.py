"""A policy of one's own, three ways: a function, an async function, and a batched model. No base class is needed.

    python examples/own_policy.py
    turngym rollout Banking --policy examples/own_policy.py:Batched -n 20

A batched policy is asked once for all episodes that wait, which is what a model on an accelerator wants. Whatever
comes back is understood or told back as an error: text, a call, a list of calls, an OpenAI assistant message.
"""

from typing import Any

from turngym.agents import Conversation, run_all
from turngym.envs.env import pack_of


def polite(conversation: Conversation) -> str:
    """A function: it only talks, so every turn ends at once."""
    return f"I am sorry, I cannot do that yet. ({conversation.messages[-1]['content'][:20]} ...)"


async def curious(conversation: Conversation) -> Any:
    """An async function: it calls the first tool that needs nothing, then answers with what came back."""
    last = conversation.messages[-1]
    if last["role"] == "tool":
        return last["content"][:200]
    free = [tool["function"]["name"] for tool in conversation.tools if not tool["function"]["parameters"].get("required")]
    return {"name": free[0], "arguments": {}} if free else "There is nothing that I can do."


class Batched:
    """A model stands here: one forward pass for the whole list."""

    name = "batched"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def batch(self, conversations: list[Conversation]) -> list[str]:
        self.batches.append(len(conversations))
        return ["I have looked into it." for _ in conversations]


if __name__ == "__main__":
    tasks = list(pack_of("Banking"))[:20]
    batched = Batched()
    for policy in (polite, curious, batched):
        summary = run_all(policy, tasks, concurrency=10).summary
        print(f"{getattr(policy, '__name__', 'batched'):8} solved {summary['success']:.0%}, turns passed {summary['progress']:.0%}")
    print(f"sizes of the batches: {batched.batches}")
