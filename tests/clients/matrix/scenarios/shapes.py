"""Schemas of tools and of answers."""

from typing import Any

from ..words import Answer, Ask, Call, Text, Tool
from . import single
from .pieces import says

PLAIN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "First and last"},
        "age": {"type": ["integer", "null"]},
        "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}
RICH: dict[str, Any] = {
    "type": "object",
    "$defs": {
        "Place": {
            "type": "object",
            "properties": {"lat": {"type": "number"}, "lon": {"type": "number", "minimum": -180, "maximum": 180}},
            "required": ["lat", "lon"],
        }
    },
    "properties": {
        "where": {"$ref": "#/$defs/Place"},
        "via": {"type": "array", "items": {"$ref": "#/$defs/Place"}, "minItems": 1},
        "when": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer"}]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "May be missing"},
        "rank": {"type": ["integer", "null"]},
        "mode": {"type": "string", "enum": ["walk", "drive"], "description": "How"},
        "exact": {"type": "boolean"},
    },
    "required": ["where", "when", "mode"],
}
OWN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "when": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer"}]},
        "note": {"type": ["string", "null"], "description": "May be missing"},
        "mode": {"type": "string", "enum": ["walk", "drive"]},
        "stops": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "number"}}}, "minItems": 1},
    },
    "required": ["when", "mode"],
}
ROUTE = Call(
    "plan_route",
    {"where": {"lat": 41.9, "lon": 12.5}, "when": 1700000000, "mode": "walk", "note": None, "via": [], "exact": True},
)
ASKED = says("user", "Plan a route.")
JSON = '{"name": "Ada Lovelace", "age": null, "tags": ["a", "b"]}'

SCENARIOS = [
    single("rich schema of a tool", Ask((ASKED,), (Tool("plan_route", "Plans.", RICH),)), Answer((ROUTE,), "tool")),
    single(
        "schema of a tool in Gemini's dialect",
        Ask((ASKED,), (Tool("plan_route", "Plans.", OWN),), own_dialect=True),
        Answer((Call("plan_route", {"when": 5, "mode": "walk"}),), "tool"),
        clients=("gemini",),
    ),
    single("JSON of a schema", Ask((says("user", "Who?"),), output=PLAIN), Answer((Text(JSON),))),
    single(
        "JSON of a schema in Gemini's dialect",
        Ask((says("user", "Who?"),), output=PLAIN, own_dialect=True),
        Answer((Text(JSON),)),
        clients=("gemini",),
    ),
]
