"""The policy `graph`: it reads the user's words and plans on the tool graph, without gold and without a model."""
