"""Build a sample Windows image, generalize it, and say where everything is."""
