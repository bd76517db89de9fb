"""Policies on language models: any OpenAI-compatible server, and engines in this process, with exact token records."""
