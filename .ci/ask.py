"""Asks a running proxy through openai-python and LangChain: `ask.py BASE_URL MODEL`. Fails where they do."""

from __future__ import annotations

import sys

from langchain_openai import ChatOpenAI
from openai import OpenAI


def main(base_url: str, model: str) -> None:
    client = OpenAI(base_url=base_url, api_key="unused", max_retries=0)
    assert model in [listed.id for listed in client.models.list()]

    whole = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Say hello."}])
    assert whole.choices[0].message.content
    assert whole.usage and whole.usage.completion_tokens
    print("openai-python:", whole.choices[0].message.content)

    with client.chat.completions.stream(model=model, messages=[{"role": "user", "content": "Say hello."}]) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == whole.choices[0].message.content
    assert final.choices[0].finish_reason == "stop"

    chat = ChatOpenAI(base_url=base_url, api_key="unused", model=model, max_retries=0)  # type: ignore[arg-type]
    assert "".join(str(chunk.content) for chunk in chat.stream("Say hello.")) == chat.invoke("Say hello.").content
    print("LangChain:", chat.invoke("Say hello.").content)


if __name__ == "__main__":
    main(*sys.argv[1:])
