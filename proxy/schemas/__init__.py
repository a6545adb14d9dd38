"""JSON Schemas that clients send, made fit for Bedrock, and answers checked against them. Pure.

    tools.py        the parameters of a function, as Claude and Converse take them
    structured.py   `response_format: json_schema`: the subset that is enforced natively, or a synthetic tool's parameters
    check.py        does a text conform to the schema?
    effort.py       how long that can take, known before there is a text
    keys.py         property names that Claude refuses, and the object around them
    room.py         how much of what the service itself enforces one request can hold
    document.py     a client's schema, looked over, its references followed
    writer.py       the same written anew as draft 2020-12, references kept or written out
    top.py, merge.py, kinds.py, references.py, keywords.py, shapes.py, drafts.py, place.py, remembered.py    what those are made of

The rule of the package: **what a schema accepts does not change**, or the client is told where it cannot be kept. The one
liberty is documented where it is taken (`writer.py`: a missing `type` beside `properties` or `items`). Whatever a client
sends as a schema is taken or refused with `InvalidRequest`, and costs little either way: depth is bounded, and all that is
done with the schemas of one request by its `place.Budget`.
"""
