"""The one exception for a user's mistake."""


class UserError(Exception):
    """Something the user can mend; the message is one line naming the thing and the remedy."""


def one_of(kind: str, name: str, known: list[str]) -> UserError:
    """Return the error for an unknown `name` of some `kind`, with the nearest known name first."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return UserError(f"unknown {kind} '{name}': {hint}known are {', '.join(known) or 'none'}")
