"""Names of the placebo's families. Several dealings of answers to wrong items, so that the luck of one is
not taken for a finding."""


def dealings(count: int) -> tuple[str, ...]:
    """Names of the placebo's families: `permuted`, `permuted2`, `permuted3`, ..."""
    return tuple("permuted" if number == 0 else f"permuted{number + 1}" for number in range(count))


def dealing_of(name: str) -> int | None:
    """Which dealing of the placebo a family or arm is, from 0; None for any other."""
    number = name.removeprefix("permuted")
    return None if number == name or not (number == "" or number.isdecimal()) else int(number or 1) - 1
