"""What the lab needs but does not teach: small helpers of the notebook, the data and the tests."""
