"""Roll a model behind any OpenAI-compatible server out in the banking world, and look at what it did.

    python examples/server_rollout.py http://localhost:8000/v1 my-model     # the key, if one is needed, in $OPENAI_API_KEY

The same from the command line: turngym rollout Banking --base-url http://localhost:8000/v1 --model my-model -n 20
"""

import asyncio
import sys

from turngym.agents import Limits, make_policy, run
from turngym.envs.env import pack_of


async def main(base_url: str, model: str, out: str | None = None) -> None:
    policy = make_policy("chat", base_url=base_url, model=model, temperature=0.0)
    tasks = list(pack_of("Banking"))[:20]
    passed = counted = 0
    async for trajectory in run(policy, tasks, concurrency=8, limits=Limits(steps=30), out=out):  # `out`: a directory that resumes
        calls = [call["function"]["name"] for message in trajectory.messages for call in message.get("tool_calls", ())]
        print(f"{trajectory.id}  {trajectory.status:9}  turns passed {trajectory.progress:.0%}  {' '.join(calls)}")
        counted += trajectory.counts  # what a server failed at says nothing about the model
        passed += trajectory.counts and trajectory.success
    print(f"{passed} of {counted} tasks solved")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    asyncio.run(main(*sys.argv[1:4]))
