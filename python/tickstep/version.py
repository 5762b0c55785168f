"""The version: the kernel's, because a package and its kernel are one release."""

from tickstep import _kernel

__all__ = ["__version__"]

_major, _rest = divmod(_kernel.VERSION, 10_000)
__version__ = f"{_major}.{_rest // 100}.{_rest % 100}"
