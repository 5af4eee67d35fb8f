"""`sarchat predict`: a model's answers from a server with OpenAI's chat completions API."""
