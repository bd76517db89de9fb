"""Roll out Banking tasks on weights that vLLM loads in this process: `python examples/vllm_rollout.py MODEL [TASKS]`.

MODEL is a directory or a name on the hub (Qwen/Qwen3-0.6B); needs `pip install 'turngym[vllm]'`.
"""

import sys

from turngym.agents import Limits, make_policy, run_all
from turngym.envs.env import pack_of


def main(model: str, number: int = 16) -> None:
    pack = pack_of("Banking")
    tasks = [pack[index] for index in range(min(number, len(pack)))]

    # One engine serves all episodes and batches them; parsers are told from the chat template; calls fit their schemas.
    policy = make_policy("vllm", model=model, temperature=0.7, max_tokens=512)
    report = run_all(policy, tasks, concurrency=32, limits=Limits(steps=20))

    for trajectory in report.trajectories:
        ids, mask = trajectory.tokens()  # the whole episode as it was sampled; 1 in the mask marks the model's own tokens
        calls = sum(len(message.tool_calls) for message in trajectory.assistant())
        print(f"{trajectory.task_id}: {trajectory.reason or trajectory.status}, {calls} calls, {len(ids)} tokens, {sum(mask)} of the model")
    print({name: report.summary[name] for name in ("episodes", "success", "progress", "excluded") if name in report.summary})


if __name__ == "__main__":  # the engine starts processes of its own, which import this file again
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 16)
