"""Supervised training on an export: TRL takes the rows as they are, and the loss stands on the assistant's words alone.

    pip install "turngym[train]" && turngym export DATA --format trl --rows message --out DIR
    python examples/sft.py MODEL DIR [STEPS] [OUT]

MODEL is a hub name or a directory. Rows of one message (`prompt` and `completion`) bear the loss on the completion; rows of
whole conversations need a chat template that marks what the assistant says (TRL knows those of Qwen3 and others). `datasets`
has a type for objects since 4.7; before, the rows go by as they stand in the JSONL.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any


def rows_of(data: str) -> Any:
    """The rows of an export, with objects throughout."""
    import datasets

    if hasattr(datasets, "Json"):
        return datasets.load_dataset(data, split="train")

    def rows() -> Iterator[dict[str, Any]]:
        with open(f"{data}/jsonl/train.jsonl", encoding="utf-8") as lines:
            yield from map(json.loads, lines)

    return datasets.IterableDataset.from_generator(rows)


def main(model: str, data: str, steps: int = 20, out: str = "sft-out") -> list[float]:
    import torch
    from trl import SFTConfig, SFTTrainer

    rows = rows_of(data)
    whole = "messages" in next(iter(rows))
    args = SFTConfig(
        out,
        max_steps=steps,
        per_device_train_batch_size=2,
        assistant_only_loss=whole,
        max_length=None,
        logging_steps=1,
        report_to=[],
        save_strategy="no",
        bf16=torch.cuda.is_available(),
    )
    trainer = SFTTrainer(model, args=args, train_dataset=rows)
    trainer.train()
    trainer.save_model(out)
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("python examples/sft.py MODEL DIR [STEPS] [OUT]")
    losses = main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:4]), *sys.argv[4:5])
    print(f"{len(losses)} steps, loss {losses[0]:.3f} to {losses[-1]:.3f}")
