"""LangChain's ChatOpenAI in front, and a retrieval chain over a small document. What reaches the model is seen at Bedrock."""

from __future__ import annotations

from collections import Counter
from typing import Any

import openai
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI
from langchain_text_splitters import RecursiveCharacterTextSplitter

LLAMA = "meta.llama3-8b-instruct-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
BOTH = pytest.mark.parametrize("model", [LLAMA, CLAUDE])


@pytest.fixture(autouse=True)
def no_traces(monkeypatch):
    monkeypatch.setenv("LANGSMITH_TRACING", "false")


@pytest.fixture
def chat(proxy):
    # Its own pool of connections is shared by all instances and never closed.
    with openai.DefaultHttpxClient() as http:

        def chat(model: str, script: dict[str, str] | None = None, **options: Any) -> ChatOpenAI:
            return ChatOpenAI(
                model=model,
                base_url=proxy.base_url,
                api_key=proxy.key,
                max_retries=0,
                default_headers=script,
                http_client=http,
                **options,
            )

        yield chat


@BOTH
def test_invoke(chat, bedrock, model):
    answer = chat(model, temperature=0, max_tokens=200).invoke("Hello there")
    assert answer.content == "You said: Hello there"
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.usage_metadata["total_tokens"] == answer.response_metadata["token_usage"]["total_tokens"] > 0
    body = bedrock.call.body
    assert body["temperature"] == 0
    assert body["max_gen_len" if model == LLAMA else "max_tokens"] == 200


@BOTH
def test_stream(chat, model):
    pieces = list(chat(model, stream_usage=True).stream("Hello there"))
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece
    assert whole.content == "You said: Hello there"
    assert len([piece for piece in pieces if piece.content]) > 2
    assert whole.response_metadata["finish_reason"] == "stop"
    assert whole.usage_metadata["output_tokens"] > 0


@BOTH
async def test_async(chat, model):
    async with openai.DefaultAsyncHttpxClient() as http:
        llm = chat(model, http_async_client=http)
        assert (await llm.ainvoke("Hello there")).content == "You said: Hello there"
        assert "".join([piece.content async for piece in llm.astream("Hello there")]) == "You said: Hello there"
        assert [answer.content for answer in await llm.abatch(["a", "b"])] == ["You said: a", "You said: b"]


@BOTH
def test_batch(chat, bedrock, model):
    questions = [f"question {number}" for number in range(8)]
    assert [answer.content for answer in chat(model).batch(questions)] == [f"You said: {text}" for text in questions]
    assert len(bedrock.calls) == 8


@BOTH
def test_roles_in_any_order(chat, bedrock, model):
    messages = [
        SystemMessage("Be brief."),
        HumanMessage("Hi"),
        AIMessage("Hello!"),
        HumanMessage("One"),
        HumanMessage("Two"),
    ]
    assert chat(model).invoke(messages).content.startswith("You said: ")
    body = bedrock.call.body
    if model == LLAMA:
        assert bedrock.call.faults == []
        for text in ("Be brief.", "Hello!", "One", "Two"):
            assert text in body["prompt"]
    else:
        assert body["system"] == [{"type": "text", "text": "Be brief."}]
        assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]


def test_stop_and_n(chat, bedrock):
    llm = chat(LLAMA, bedrock.script(text=["one ST", "OP two"]), n=2)
    (generations,) = llm.generate([[HumanMessage("Hi")]], stop=["STOP"]).generations
    assert [generation.text for generation in generations] == ["one ", "one "]


def test_an_error_in_the_middle_of_a_stream(chat, bedrock):
    script = bedrock.script(text=["One", " two"], fault={"kind": "exception", "after_events": 2})
    seen = []
    with pytest.raises(openai.APIError):
        for piece in chat(LLAMA, script).stream("Hi"):
            seen.append(piece.content)
    assert "".join(seen) == "One two"


# A retrieval chain as in Meta's notebook on Llama 3: split, embed, store, retrieve, answer, ask again.

GUIDE = """Llamas and open research

Open science. The herd publishes its models, papers and weights, so that researchers anywhere can study and improve them.

Benefits. Open models helped a clinic in the Andes to translate leaflets, and farmers to tell sick plants from healthy ones.

Safety. Before each release a red team attacks the model for weeks, and what it finds is mended or documented.

Diet. Llamas eat grass and hay, sleep little, and hum when they are content.
"""
STOP_WORDS = frozenset({"a", "are", "do", "for", "how", "in", "is", "of", "that", "the", "they", "to", "what"})


def words(text: str) -> list[str]:
    plain = "".join(letter.lower() if letter.isalnum() else " " for letter in text)
    return [word.removesuffix("s") for word in plain.split() if word not in STOP_WORDS]


class BagOfWords(Embeddings):
    """Counts the words of a fixed vocabulary: local, and the same on every run."""

    def __init__(self, text: str) -> None:
        self._vocabulary = sorted(set(words(text)))

    def embed_query(self, text: str) -> list[float]:
        counts = Counter(words(text))
        return [float(counts[word]) for word in self._vocabulary] + [1e-6]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


@pytest.fixture
def retriever():
    splitter = RecursiveCharacterTextSplitter(chunk_size=150, chunk_overlap=0)
    chunks = splitter.split_documents([Document(GUIDE, metadata={"source": "guide"})])
    assert len(chunks) >= 4
    store = InMemoryVectorStore(BagOfWords(GUIDE))
    store.add_documents(chunks)
    return store.as_retriever(search_kwargs={"k": 1})


def asked(call: Any) -> str:
    """All that the model was given to read."""
    return call.body["prompt"] if "prompt" in call.body else str(call.body["system"]) + str(call.body["messages"])


@BOTH
def test_a_retrieval_chain(chat, bedrock, retriever, model):
    prompt = ChatPromptTemplate.from_messages(
        [("system", "Answer from this context only:\n\n{context}"), ("human", "{question}")]
    )

    def join(documents: list[Document]) -> str:
        return "\n\n".join(document.page_content for document in documents)

    chain = (
        {"context": retriever | join, "question": RunnablePassthrough()}
        | prompt
        | chat(model, temperature=0.75, max_tokens=1000)
        | StrOutputParser()
    )
    question = "How is open science done in two short sentences?"
    assert chain.invoke(question) == f"You said: {question}"
    assert "".join(chain.stream(question)) == f"You said: {question}"
    for call in bedrock.calls:
        assert "publishes its models" in asked(call)
        assert "red team" not in asked(call)
        assert call.faults == []


@BOTH
def test_a_follow_up_that_knows_the_history(chat, bedrock, retriever, model):
    """The follow-up says "it"; the model is first asked for a question that stands by itself, and that one is looked up."""
    rewrite = ChatPromptTemplate.from_messages(
        [
            ("system", "Rewrite the last question so that it can be understood without the conversation."),
            MessagesPlaceholder("history"),
            ("human", "{question}"),
        ]
    )
    answer = ChatPromptTemplate.from_messages(
        [
            ("system", "Answer from this context only:\n\n{context}"),
            MessagesPlaceholder("history"),
            ("human", "{question}"),
        ]
    )
    history = [HumanMessage("How is open science done?"), AIMessage("The herd publishes everything.")]
    standalone = "What are the benefits of open models for farmers?"
    bedrock.rules(
        {"match": {"text": "How does it help?"}, "script": {"text": standalone, "times": 1}},
        {"script": {"text": "It helped a clinic, and farmers."}},
    )
    llm = chat(model)
    question = (rewrite | llm | StrOutputParser()).invoke({"history": history, "question": "How does it help?"})
    assert question == standalone
    found = retriever.invoke(question)
    final = (answer | llm | StrOutputParser()).invoke(
        {"history": history, "question": "How does it help?", "context": found[0].page_content}
    )
    assert final == "It helped a clinic, and farmers."
    first, second = bedrock.calls
    for call in (first, second):
        text = asked(call)
        assert text.index("How is open science done?") < text.index("The herd publishes everything.")
        assert text.index("The herd publishes everything.") < text.index("How does it help?")
        assert call.faults == []
    assert "translate leaflets" not in asked(first)
    assert "translate leaflets" in asked(second)
