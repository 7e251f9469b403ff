"""The assistant's desk: reads hand-ins, runs them in a sandbox alone, and scores them."""
