"""How an asset fails on purpose: with its message, and without the frames that led to it."""

import functools
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from nightshift.errors import NightshiftError

Body = Callable[..., Iterator[Any]]


def plainly(body: Body) -> Body:
    """The body of an asset, whose errors of `nightshift.errors` become a `dagster.Failure` of the same
    message.

    A run's page opens at the end of its log, and the end is then the message. The error stays the
    failure's cause, so that its class can be told; where it was raised is logged at debug. Any other error
    is a bug and keeps its stack.
    """

    @functools.wraps(body)
    def step(context: dg.AssetExecutionContext, *args: Any, **kwargs: Any) -> Iterator[Any]:
        try:
            yield from body(context, *args, **kwargs)
        except NightshiftError as error:
            context.log.debug("".join(traceback.format_exception(error)))
            raise dg.Failure(str(error), allow_retries=False) from _bare(error)

    return step


def _bare(error: NightshiftError) -> NightshiftError:
    """The error without its frames and the errors before it."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
