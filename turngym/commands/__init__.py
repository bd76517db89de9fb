"""The commands, a file each concept. Each has `add_to(app)`; heavy imports stand inside the functions."""
