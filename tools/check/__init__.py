"""What is wrong with my layer, my model? See check.py, which can be copied beside any notebook."""

from tools.check.check import main

__all__ = ["main"]
