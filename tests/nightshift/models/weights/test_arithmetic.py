from pathlib import Path

from nightshift.models.weights.arithmetic import cpu_has_bfloat16, number_type


def test_bfloat16_is_read_from_the_processors_flags(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    new.write_text("processor : 0\nflags : fpu avx512f avx512_bf16\n")
    old.write_text("processor : 0\nflags : fpu avx2\n")
    assert cpu_has_bfloat16(new)
    assert not cpu_has_bfloat16(old)
    assert not cpu_has_bfloat16(tmp_path / "none")


def test_a_named_number_type_is_taken_at_its_word() -> None:
    assert number_type("float32", "cuda") == "float32"
    assert number_type("auto", "cuda") == "bfloat16"
