"""The official SDKs, each behind the same two words: ask, and what the SDK's object holds."""

from ..words import Format
from .anthropic import AnthropicClient
from .base import Client
from .chat import ChatClient
from .gemini import GeminiClient
from .responses import ResponsesClient

KINDS: dict[Format, type[Client]] = {
    "chat": ChatClient,
    "responses": ResponsesClient,
    "anthropic": AnthropicClient,
    "gemini": GeminiClient,
}
