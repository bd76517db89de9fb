"""Step it yourself: a small torch policy in a vector of envs, trained by REINFORCE with a reward function of its own.

    pip install torch && python examples/torch_vector_env.py

The policy scores calls that the action space proposes, from hashed words of what arrived last and of the call. The
reward pays a call that the world accepts and the share of the goal it reaches. In half a minute on a CPU it learns
which calls are accepted, and no more: solving tasks takes a language model. The loop is the point; put a model of
your own into it.
"""

import re
from zlib import crc32

import gymnasium as gym
import torch

import turngym  # noqa: F401  registers the ids
from turngym.envs.episode import Episode, Step

ENVS, CANDIDATES, BUCKETS, UPDATES, STEPS = 16, 8, 1 << 14, 40, 16


def reward(episode: Episode, step: Step) -> float:
    """1 for each call that is accepted, and what the state shows of the turn's goal."""
    return sum(result.error is None for result in step.results) + episode.reached() if step.results else 0.0


class Scorer(torch.nn.Module):
    """How well a call suits what was said: the product of two bags of hashed words."""

    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.EmbeddingBag(BUCKETS, 32)
        self.calls = torch.nn.EmbeddingBag(BUCKETS, 32)
        self.bias = torch.nn.EmbeddingBag(BUCKETS, 1)

    def forward(self, said: list[str], proposed: list[list[str]]) -> torch.Tensor:
        """Scores of shape (envs, candidates)."""
        flat = [text for texts in proposed for text in texts]
        calls = bags(self.calls, flat).view(len(said), -1, 32)
        return (calls * bags(self.words, said)[:, None]).sum(-1) + bags(self.bias, flat).view(len(said), -1)


def bags(embedding: torch.nn.EmbeddingBag, texts: list[str]) -> torch.Tensor:
    """One vector a text, from its hashed words."""
    ids = [[crc32(word.encode()) % BUCKETS for word in re.findall(r"\w+", text.lower())] or [0] for text in texts]
    offsets = torch.tensor([0, *[len(row) for row in ids[:-1]]]).cumsum(0)
    return embedding(torch.tensor([i for row in ids for i in row]), offsets)


def main(updates: int = UPDATES) -> list[float]:
    """Train; gives the mean reward of a step, update by update."""
    torch.manual_seed(0)
    envs = gym.make_vec("turngym/Banking-v0", num_envs=ENVS, vectorization_mode="sync", reward=reward, max_steps=40)
    propose = envs.envs[0].action_space
    propose.seed(0)
    model = Scorer()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    messages, _ = envs.reset(seed=0)
    history: list[float] = []
    for update in range(updates):
        logs, rewards = [], []
        for _ in range(STEPS):
            candidates = [[propose.sample() for _ in range(CANDIDATES)] for _ in range(ENVS)]
            texts = [[str([(c["name"], c["arguments"]) for c in a["tool_calls"]] or a["content"]) for a in row] for row in candidates]
            said = [" ".join(message["content"][:300] for message in row) for row in messages]
            choice = torch.distributions.Categorical(logits=model(said, texts))
            picked = choice.sample()
            logs.append(choice.log_prob(picked))
            messages, paid, _, _, _ = envs.step(tuple(row[i] for row, i in zip(candidates, picked.tolist(), strict=True)))
            rewards.append(torch.as_tensor(paid, dtype=torch.float32))
        gains = torch.stack(rewards)
        loss = -(torch.stack(logs) * (gains - gains.mean())).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(gains.mean().item())
        if update % 10 == 9:
            print(f"update {update + 1:3}: mean reward of a step {sum(history[-10:]) / 10:.2f}")
    envs.close()
    return history


if __name__ == "__main__":
    main()
