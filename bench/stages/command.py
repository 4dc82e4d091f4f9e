"""How a stage is started from the shell."""

import gc
import inspect
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, get_origin

import typer

from methods.errors import UserError


def run(main: Callable[..., None]) -> None:
    """Run `main` with its parameters as command-line options.

    A user's mistake ends in one line on standard error and exit status 2, without a traceback.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(_with_options(main))
    gc.freeze()  # what is imported stays: statsmodels collects garbage in every test it makes
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if not error.filename or not error.strerror:
            raise
        print(f"error: '{error.filename}': {error.strerror}; free space there or make it accessible", file=sys.stderr)
        sys.exit(2)


def say(stage: str, read: object, wrote: object) -> None:
    """Print the one line that tells what a stage read and wrote."""
    print(f"{stage}: read {read}; wrote {wrote}", flush=True)


def _with_options(main: Callable[..., None]) -> Callable[..., None]:
    """Make every parameter without a default a required option, unless its annotation says what else it is."""
    signature = inspect.signature(main)
    parameters = [
        parameter.replace(default=typer.Option(...)) if _bare(parameter) else parameter
        for parameter in signature.parameters.values()
    ]

    @wraps(main)
    def command(**arguments: object) -> None:
        main(**arguments)

    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return command


def _bare(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty and get_origin(parameter.annotation) is not Annotated
