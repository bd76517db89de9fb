"""The user on a model: its prompt, what it knows, and what it may say."""
