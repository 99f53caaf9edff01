"""The room `demo`: an OpenAI-like model server, for `ai-api-gateway demo` and for tests."""
