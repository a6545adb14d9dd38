"""An OpenAI-compatible HTTP proxy for the models of Amazon Bedrock."""

__version__ = "0.1.0"
