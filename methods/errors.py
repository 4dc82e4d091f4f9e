"""The one exception for a user's mistake."""

from difflib import get_close_matches


class UserError(Exception):
    """Something the user can mend; the message is one line naming the thing and the remedy."""


def one_of(kind: str, name: str, known: list[str]) -> UserError:
    """Return the error for an unknown `name` of some `kind`, with the nearest known name first."""
    close = get_close_matches(name, known, n=8, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? " if close else ""
    shown = known if len(known) <= 20 else (close or known[:8])
    more = f" and {len(known) - len(shown)} more" if len(shown) < len(known) else ""
    return UserError(f"unknown {kind} '{name}': {hint}known are {', '.join(shown) or 'none'}{more}")
