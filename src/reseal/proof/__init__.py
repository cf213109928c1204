"""What is proved of an image: that it is armed, and that nothing of the old machine is left in it."""
