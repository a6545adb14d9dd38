"""python smoke.py http://127.0.0.1:8000: asks a running proxy for a whole and for a streamed answer of Llama and of Claude,
through openai-python and LangChain.

Exit code 0 and a line that says so, or 1 and a line that says what was wrong. BEDROCK_PROXY_API_KEY is the key, if any.
"""

from __future__ import annotations

import os
import sys

import openai
from langchain_openai import ChatOpenAI

MODELS = ("meta.llama3-3-70b-instruct-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0")


def main(url: str) -> str:
    """What was seen. Raises `openai.OpenAIError`, `AssertionError`."""
    base_url = url.rstrip("/")
    base_url = base_url if base_url.endswith("/v1") else f"{base_url}/v1"
    api_key = os.environ.get("BEDROCK_PROXY_API_KEY") or "none"
    with openai.OpenAI(base_url=base_url, api_key=api_key) as client:
        assert any(listed.id.endswith(MODELS[0]) for listed in client.models.list()), "the list of models lacks one"
        for model in MODELS:
            messages = [{"role": "user", "content": "Reply with the single word: ok"}]
            whole = client.chat.completions.create(model=model, messages=messages).choices[0]
            assert whole.message.content, f"{model}: {whole}"
            assert whole.finish_reason == "stop", f"{model}: {whole}"
            with client.chat.completions.stream(model=model, messages=messages) as stream:
                final = stream.get_final_completion().choices[0]
            assert final.message.content, f"{model}: the stream was empty"
            chat = ChatOpenAI(base_url=base_url, api_key=api_key, model=model)  # type: ignore[arg-type]
            assert chat.invoke("Say ok.").content, f"{model}: nothing for LangChain"
            assert "".join(str(chunk.content) for chunk in chat.stream("Say ok.")), f"{model}: no stream for LangChain"
    return f"openai-python, LangChain: {len(MODELS)} models of {base_url} answer, whole and streamed"


if __name__ == "__main__":
    try:
        print(main(sys.argv[1]))
    except (openai.OpenAIError, AssertionError, IndexError) as error:
        print(f"openai-python, LangChain: {type(error).__name__}: {error}")
        sys.exit(1)
