"""What clients may ask of the demo model server: the fields of OpenAI's API that it honours, checked by pydantic."""

from typing import Literal

from pydantic import BaseModel, Field, field_validator


class Part(BaseModel):
    """One piece of a message's content; only text has any meaning to the demo model."""

    type: str
    text: str = ""


class Message(BaseModel):
    role: str
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """The words of the message."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    include_usage: bool = False


class Asked(BaseModel):
    """What every request says: the model it wants."""

    model: str


class ChatRequest(Asked):
    """The body of `POST /v1/chat/completions`."""

    messages: list[Message] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    n: Literal[1] | None = None

    @property
    def limit(self) -> int | None:
        """Most tokens of the reply; the newer name wins."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    @property
    def with_usage(self) -> bool:
        """Whether a stream ends with a chunk of token counts."""
        return self.stream_options is not None and self.stream_options.include_usage


class EmbeddingRequest(Asked):
    """The body of `POST /v1/embeddings`; `input` becomes a list with one entry for each vector wanted."""

    input: list[str | list[int]] = Field(max_length=2048)
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int = Field(256, ge=1, le=4096)

    @field_validator("input", mode="before")
    @classmethod
    def _each(cls, given: object) -> list[object]:
        single = isinstance(given, str) or (isinstance(given, list) and all(type(item) is int for item in given))
        items = [given] if single or not isinstance(given, list) else given
        if not all(item and (isinstance(item, str) or _are_tokens(item)) for item in items):
            raise ValueError("one or a list of: a text that is not empty, a list of token numbers that is not empty")
        return items


def _are_tokens(item: object) -> bool:
    return isinstance(item, list) and all(type(number) is int for number in item)
