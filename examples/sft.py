"""Supervised training on an export: TRL takes the rows as they are, and the loss stands on the assistant's words alone.

    pip install "turngym[trl]" && turngym export DATA --format trl --rows message --out DIR
    python examples/sft.py MODEL DIR [STEPS] [OUT]

MODEL is a hub name or a directory. Rows of one message (`prompt` and `completion`) bear the loss on the completion; rows of
whole conversations need a chat template that marks what the assistant says (TRL knows those of Qwen3 and others).
"""

import sys


def main(model: str, data: str, steps: int = 20, out: str = "sft-out") -> list[float]:
    import torch
    from datasets import load_dataset
    from trl import SFTConfig, SFTTrainer

    rows = load_dataset(data, split="train")
    whole = "messages" in rows.column_names
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
