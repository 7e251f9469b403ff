"""The assistant's desk: reads hand-ins, runs nothing of them, and scores them."""
