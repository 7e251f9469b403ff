"""How fast the RNN layer trains, beside other engines."""
