"""What people run: `python -m tools COMMAND`. Nothing of the lesson imports it."""
