"""JSON schemas of one meaning in different words."""

from typing import Any


def canonical(schema: Any, root: Any = None) -> Any:
    """One spelling for all: references filled in, types in small letters, null as one of the alternatives."""
    root = schema if root is None else root
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return canonical({**target, **beside}, root)
    told: dict[str, Any] = {}
    nullable = bool(schema.get("nullable"))
    for key, value in schema.items():
        match key:
            case "$defs" | "definitions" | "$schema" | "title" | "nullable" | "propertyOrdering" | "strict":
                pass
            case "type" if isinstance(value, list):
                nullable = nullable or "null" in value
                types = [name.lower() for name in value if name != "null"]
                told |= {"type": types[0]} if len(types) == 1 else {"anyOf": [{"type": name} for name in types]}
            case "type":
                told["type"] = value.lower()
            case "anyOf" | "oneOf":
                nullable = nullable or any(_is_null(inner) for inner in value)
                inner = [canonical(choice, root) for choice in value if not _is_null(choice)]
                told |= inner[0] if len(inner) == 1 else {"anyOf": inner}
            case "const":
                told["enum"] = [value]
            case "enum":
                nullable = nullable or None in value
                told["enum"] = [item for item in value if item is not None]
            case "properties":
                told["properties"] = {name: canonical(inner, root) for name, inner in value.items()}
            case "items":
                told["items"] = canonical(value, root)
            case "required":
                told["required"] = sorted(value)
            case "minItems" | "maxItems" | "minLength" | "maxLength":
                told[key] = int(value)
            case _:
                told[key] = value
    if nullable:
        told["nullable"] = True
    return {key: value for key, value in told.items() if value not in ([], None) or key == "enum"}


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and str(schema.get("type")).lower() == "null"


def same(sent: Any, heard: Any, in_geminis_dialect: bool = False) -> str | None:
    """What differs. Gemini's own dialect has no word for closed objects."""
    one, other = canonical(sent), canonical(heard)
    if in_geminis_dialect:
        one, other = _opened(one), _opened(other)
    # A tool without parameters may say so in several ways.
    empty: list[Any] = [None, {}, {"type": "object"}, {"type": "object", "properties": {}}]
    if one == other or (one in empty and other in empty):
        return None
    return f"sent {one}, heard {other}"


def _opened(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_opened(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _opened(value) for key, value in schema.items() if key != "additionalProperties"}
