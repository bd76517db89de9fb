"""Where targets and tasks come from beside chance: what a policy fails at, and the boundary of what it can do."""
