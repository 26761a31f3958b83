"""Which number type a model computes in, decided without loading torch."""

import functools
from pathlib import Path
from typing import Literal

Dtype = Literal["auto", "bfloat16", "float32"]
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""Processor flags that make bfloat16 products native: x86 (AVX-512, AMX) and Arm."""


@functools.cache
def cpu_has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """True when the processor multiplies bfloat16 natively: twice the speed of float32, otherwise far
    slower."""
    if not cpuinfo.exists():
        return False
    lines = (line for line in cpuinfo.read_text().splitlines() if line.startswith(("flags", "Features")))
    return bool(BFLOAT16_FLAGS & set(next(lines, "").split()))


def number_type(dtype: Dtype, device: str = "cpu") -> Literal["bfloat16", "float32"]:
    """What `auto` means here: bfloat16 where it is native, float32 elsewhere."""
    if dtype != "auto":
        return dtype
    return "bfloat16" if device != "cpu" or cpu_has_bfloat16() else "float32"
