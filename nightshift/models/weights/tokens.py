"""Text to tokens and back without torch, through the model's own `tokenizer.json`.

Special tokens are never read from text: `<|im_end|>` inside an item's description becomes the ordinary
characters it is made of, so that a catalogue cannot end its own prompt.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from nightshift.errors import ModelUnavailable

_SURROGATE = re.compile("[\ud800-\udfff]")


def encodable(text: str) -> str:
    """The text with lone surrogates, which no tokenizer accepts, replaced by U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


class TextTokenizer:
    """The tokenizer of one local model."""

    def __init__(self, folder: Path) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ModelUnavailable(
                "tokenizers is missing; install nightshift[models] to count a local model's tokens"
            ) from error
        path = folder / "tokenizer.json"
        if not path.exists():
            raise ModelUnavailable(f"{path} is missing; a local model needs its fast tokenizer")
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.encode_special_tokens = True
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def encode(self, texts: Sequence[str], special: bool = True) -> list[list[int]]:
        """Token ids of each text; `special` adds what the model wants around a prompt (a BOS token, for
        some)."""
        encodings = self._tokenizer.encode_batch_fast(
            [encodable(text) for text in texts], add_special_tokens=special
        )
        return [encoding.ids for encoding in encodings]

    def encode_control(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of a chat template's own pieces, control tokens read as such. Never for text from a
        catalogue."""
        self._tokenizer.encode_special_tokens = False
        try:
            return self.encode(texts, special=False)
        finally:
            self._tokenizer.encode_special_tokens = True

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens left out."""
        return [len(ids) for ids in self.encode(texts, special=False)]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the tokens, special tokens left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))


def common_length(left: Sequence[int], right: Sequence[int]) -> int:
    """How many leading tokens two sequences share."""
    for position, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return position
    return min(len(left), len(right))
