"""What every group of options is: frozen, and without unknown keys."""

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """A group of options; one that is written without anything below it is all defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_all_defaults(cls, value: object) -> object:
        return {} if value is None else value
