"""GRPO in a world: TRL plays the tools of an env, and the verdict of the task is the reward.

    pip install "turngym[train]" && python examples/grpo.py MODEL [ENV] [STEPS]

MODEL is a hub name or a directory, and its chat template one whose calls TRL can read (`Qwen/Qwen3-0.6B`). An
environment is built per env with a method for each tool; each row is a task of the env's pack.
"""

import os
import sys
import tempfile
from collections import Counter

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")


def main(model: str, env: str = "Banking", steps: int = 2) -> list[dict[str, float]]:
    import torch
    import trl
    from datasets import Dataset
    from packaging.version import Version
    from trl import GRPOConfig, GRPOTrainer

    from turngym.envs.bridges.trl import environments, progress_reward, prompts, verdict_reward
    from turngym.envs.env import pack_of

    with tempfile.TemporaryDirectory() as out:
        args = GRPOConfig(
            out,
            max_steps=steps,
            num_generations=4,
            per_device_train_batch_size=4,
            max_completion_length=256,
            max_tool_calling_iterations=8,
            logging_steps=1,
            report_to=[],
            save_strategy="no",
            bf16=torch.cuda.is_available(),
        )
        rows = prompts(task for task in pack_of(env) if task.split == "train")
        if Version(trl.__version__) < Version("1.8"):  # which takes one environment: that of most rows
            [(most, _)] = Counter(row["environment"] for row in rows).most_common(1)
            rows = [row for row in rows if row["environment"] == most]
        made = environments(rows)
        trainer = GRPOTrainer(
            model,
            reward_funcs=[verdict_reward, progress_reward],
            train_dataset=Dataset.from_list(rows),
            environment_factory=made if len(made) > 1 else made.popitem()[1],
            args=args,
        )
        trainer.train()
        return [entry for entry in trainer.state.log_history if "reward" in entry]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("python examples/grpo.py MODEL [ENV] [STEPS]")
    for step, entry in enumerate(main(sys.argv[1], *sys.argv[2:3], *map(int, sys.argv[3:4])), 1):
        print(f"step {step}: reward {entry['reward']:.3f}, tool calls an episode {entry.get('tools/call_frequency', 0.0):.2f}")
