"""Answers: of a model behind a server with OpenAI's chat completions API, and of blind players."""
