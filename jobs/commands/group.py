"""How words of a command line find their command: options before it, and the nearest word for a wrong one."""

from typing import Any

from typer.core import TyperGroup, TyperOption

from nightshift.errors import nearest

BEFORE = ("config", "home")
"""Options of the commands that may also stand before the command."""


class Commands(TyperGroup):
    """A group of commands.

    `nightshift --home X plan` is `nightshift plan --home X`; where an option stands in both places, the
    one after the command counts.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what stands before the command. An option of the command itself is refused with its place."""
        place = next((place for place, word in enumerate(args) if word in self.commands), len(args))
        takers = {
            name: _options(one)
            for name, one in self.commands.items()
            if name in args[place : place + 1] or place == len(args)
        }
        for option in (word.partition("=")[0] for word in args[:place]):
            taker = next(
                (name for name, options in takers.items() if option in options - _options(self)), None
            )
            if taker:
                ctx.fail(f"{option} stands after the command: '{ctx.command_path} {taker} {option} ...'.")
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is meant, and its words. A wrong one is refused with the nearest."""
        words = self._words()
        if args[0] not in self.commands and (near := nearest(args[0], words)):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {words[near]!r}?")
        name, command, rest = super().resolve_command(ctx, args)
        if command is None or isinstance(command, TyperGroup):
            return name, command, rest
        return name, command, [*self._before(ctx, command), *rest]

    def _words(self) -> dict[str, str]:
        """Words that could be meant -> the command as it is called: `item` is `show item`."""
        groups = {name: one.commands for name, one in self.commands.items() if isinstance(one, TyperGroup)}
        nested = {word: f"{name} {word}" for name, commands in groups.items() for word in commands}
        return nested | {name: name for name in self.commands}

    @staticmethod
    def _before(ctx: Any, command: Any) -> list[str]:
        """The options that stood before the command, as if they stood after it. Refused for a command that
        has no such option."""
        given = {f"--{name}": ctx.find_root().params.get(name) for name in BEFORE}
        for option, value in given.items():
            if value is not None and option not in _options(command):
                ctx.fail(f"{option} is no option of '{command.name}'; leave it out.")
        return [f"{option}={value}" for option, value in given.items() if value is not None]


def _options(command: Any) -> set[str]:
    return {option for param in command.params if isinstance(param, TyperOption) for option in param.opts}
