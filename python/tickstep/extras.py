"""Libraries that are not part of the base install, and how to get them."""

from importlib import import_module
from types import ModuleType

__all__ = ["require"]


def require(module: str, *, extra: str) -> ModuleType:
    """Import a library of an extra, or say how to install it.

    Parameters
    ----------
    module : str
        Name of the module, such as "duckdb".
    extra : str
        The extra of this package that brings it.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    ImportError
        When it is not installed; the message names the extra.

    Examples
    --------
    >>> from tickstep.extras import require
    >>> require("json", extra="data").__name__
    'json'
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"this needs {module.partition('.')[0]}: pip install 'tickstep[{extra}]'"
        ) from error
