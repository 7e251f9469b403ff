"""What the notebook, the layers and the data import, and the lesson does not teach."""
