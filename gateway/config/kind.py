"""What one kind of scalar is: how it is read, spelled, and described in the JSON Schema."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Annotates a field's type.

    `read` takes what YAML or a variable gave (str, int, float, bool, None); ValueError says what is allowed.
    `schema` is JSON Schema plus "x-type", the kind's name in the documentation; "writeOnly" marks a secret.
    `spell` turns a value into what one would write in the file.
    """

    read: Callable[[Any], object]
    schema: Mapping[str, object]
    spell: Callable[[Any], object] = str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        spelled = core_schema.plain_serializer_function_ser_schema(self.spell, when_used="json")
        return core_schema.no_info_plain_validator_function(self.read, serialization=spelled)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return dict(self.schema)
