"""A tiny model made on the spot: a byte-level BPE tokenizer of about 1,000 tokens, a Qwen3 of two layers with random weights
from a fixed seed, and a chat template with tools, reasoning and tool results in the Hermes convention.

Its words are noise, but it is leaned towards ending messages, opening calls and closing strings, so that a few hundred
sampled tokens show everything a trained model would. The template drifts on purpose, as those of trained models do: it drops
the reasoning of earlier turns, and writes calls as it likes, not as they were sampled.

    directory = tiny_model()                      # made once per process, removed at its end
    directory = make_tiny(tmp_path, context=512)  # one of your own, about a second
"""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
import warnings
from functools import lru_cache
from pathlib import Path

START, END, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
MARKUP = ("<tool_call>", "</tool_call>", "<think>", "</think>", "<tool_response>", "</tool_response>")
VOCABULARY = 1000
CONTEXT = 32_768

TEMPLATE = """
{%- set ns = namespace(last=-1) -%}
{%- for m in messages -%}{%- if m.role == 'user' -%}{%- set ns.last = loop.index0 -%}{%- endif -%}{%- endfor -%}
{%- set first = messages[0].content if messages and messages[0].role == 'system' else '' -%}
{%- if tools or first -%}
<|im_start|>system
{{ first }}
{%- if tools %}
{{ '\\n\\n' if first }}Functions you may call, one JSON schema a line:
<tools>
{% for t in tools %}
{{ t | tojson }}
{% endfor %}
</tools>
A call is written <tool_call>
{"name": NAME, "arguments": OBJECT}
</tool_call>
{%- endif -%}
<|im_end|>
{% endif -%}
{%- for m in messages -%}
{%- if m.role == 'user' -%}
<|im_start|>user
{{ m.content }}<|im_end|>
{% elif m.role == 'assistant' -%}
<|im_start|>assistant
{% if m.reasoning_content and loop.index0 > ns.last -%}
<think>
{{ m.reasoning_content | trim }}
</think>

{% endif -%}
{{ m.content }}
{%- for c in m.tool_calls or [] -%}
{%- set given = c.function.arguments -%}
{{ '\\n' if m.content or not loop.first }}<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ given if given is string else given | tojson }}}
</tool_call>
{%- endfor -%}
<|im_end|>
{% elif m.role == 'tool' -%}
{{ '<|im_start|>user' if loop.first or messages[loop.index0 - 1].role != 'tool' }}
<tool_response>
{{ m.content }}
</tool_response>
{%- if loop.last or messages[loop.index0 + 1].role != 'tool' -%}
<|im_end|>
{% endif -%}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}
"""

_LEANINGS = {END: 1.8, "<tool_call>": 1.8, '"': 2.0, '"}': 2.0, '",': 2.0, "}": 2.0, "<think>": 1.4, "</think>": 1.8}


@lru_cache(maxsize=1)
def tiny_model() -> str:
    """The directory of the model, the same one for the whole process."""
    directory = Path(tempfile.mkdtemp(prefix="tiny-model-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return make_tiny(directory)


def make_tiny(directory: str | Path, *, seed: int = 0, context: int = CONTEXT, padding: int = 0, template: str = TEMPLATE) -> str:
    """Write model, tokenizer and template into `directory` and return it as text.

    Args:
        seed: of the weights. context: most positions. padding: rows of the model that no token stands for.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokenizer = make_tokenizer(template)
        tokenizer.model_max_length = context
        tokenizer.save_pretrained(str(directory))
        _save_weights(str(directory), tokenizer, seed, context, padding)
    return str(directory)


def make_tokenizer(template: str = TEMPLATE, *, bos: bool = False):
    """The tokenizer alone; with `bos` it puts `<|endoftext|>` before every text, as many do."""
    from transformers import PreTrainedTokenizerFast

    options = {"bos_token": PAD} if bos else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=_trained(bos), eos_token=END, pad_token=PAD, chat_template=template, clean_up_tokenization_spaces=False, **options
    )


@lru_cache(maxsize=2)
def _trained(bos: bool):
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    size = VOCABULARY - 3 - len(MARKUP)
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(_corpus(), trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in (PAD, START, END)])
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in MARKUP])
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(f"{PAD} $A", special_tokens=[(PAD, tokenizer.token_to_id(PAD))])
    return tokenizer


def _corpus() -> list[str]:
    from turngym.envs.registry import world_class

    texts = [TEMPLATE]
    for name in ("Banking", "FileSystem", "Travel"):
        texts += [json.dumps(tool.schema) for tool in world_class(name).tools.values()]
    return texts


def _save_weights(directory: str, tokenizer, seed: int, context: int, padding: int) -> None:
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()

    config = Qwen3Config(
        vocab_size=len(tokenizer) + padding,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=context,
        initializer_range=0.15,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM(config)
    with torch.no_grad():  # the first number of every hidden state is about as large as all others: a place for the leanings
        model.model.embed_tokens.weight[:, 0] = 8.0
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight[0] = 0.0
            layer.mlp.down_proj.weight[0] = 0.0
        model.lm_head.weight[:, 0] = 0.0
        for text, strength in _LEANINGS.items():
            (token,) = tokenizer(text, add_special_tokens=False).input_ids
            model.lm_head.weight[token, 0] = strength
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(directory)


if __name__ == "__main__":  # a model to try the examples on: python tests/tiny_model.py DIRECTORY
    import sys

    print(make_tiny(sys.argv[1]))
