"""nano's tokenizer: byte-level BPE whose commonest words are whole tokens.

So each of them can carry a meaning from the start.

Pieces come from BPE on the foundation domains' text; whole words, in the three forms in which prose, identifiers and names need them (` word`, `word`, `Word`),
come from MiniLM's word list, which is in order of frequency. Capitalised words, digits and punctuation never take in the space before them, so a
value is cut into the same tokens in a sentence and in JSON, and can be copied token by token. Digits stand alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
PATTERN = r" ?[a-z]+|[A-Z][a-z]+|[A-Z]+|[0-9]| ?[^\sA-Za-z0-9]+|\s"
SPACE = "\u0120"  # how byte-level BPE writes a space


def train_tokenizer(texts: Iterable[str], words: Sequence[str], pieces: int, spaced: int, bare: int, capital: int) -> PreTrainedTokenizerFast:
    """A tokenizer of about `pieces + spaced + bare + capital` tokens.

    Args:
        texts: what BPE learns its pieces from.
        words: lower-case words, the commonest first.
        pieces: tokens that BPE makes, bytes included.
        spaced: how many words become tokens with a space before them.
        bare: how many become tokens as in identifiers.
        capital: how many become tokens with a capital letter.
    """
    splitting = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PATTERN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    draft = Tokenizer(models.BPE())
    draft.pre_tokenizer = splitting
    trainer = trainers.BpeTrainer(
        vocab_size=pieces, special_tokens=list(SPECIAL), initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    draft.train_from_iterator(texts, trainer)
    model = json.loads(draft.to_str())["model"]
    vocabulary: dict[str, int] = model["vocab"]
    for form, count in ((SPACE + "{}", spaced), ("{}", bare)):
        for word in words[:count]:
            vocabulary.setdefault(form.format(word), len(vocabulary))
    for word in words[:capital]:
        vocabulary.setdefault(word.capitalize(), len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[tuple(merge) for merge in model["merges"]], ignore_merges=True))
    tokenizer.pre_tokenizer = splitting
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    template = (Path(__file__).parent.parent / "models" / "nano" / "chat_template.jinja").read_text(encoding="utf-8")
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=2048)
    fast.chat_template = template
    return fast
