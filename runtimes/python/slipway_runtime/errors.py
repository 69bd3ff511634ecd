"""Errors that a runtime tells apart."""


class InputError(Exception):
    """The request does not fit the model: the caller's mistake, gRPC's INVALID_ARGUMENT."""


class LoadError(Exception):
    """The file is no model that this runtime can serve. The text says what to do about it."""


def brief(error: BaseException, most: int = 500) -> str:
    """The error in one line for a caller, bounded: frameworks write whole stacks into their errors."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # TorchScript puts its stack first and the reason last.
    text = lines[-1] if lines and lines[0].startswith("The following operation failed") else " ".join(lines)
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= most else text[:most] + "…"
