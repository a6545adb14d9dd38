"""JSON Schemas that clients send, made fit for Bedrock, and answers checked against them. Pure.

What comes in:

    document.py     a client's schema, looked over, its references followed
    shapes.py       what each keyword may hold
    drafts.py       older drafts read as 2020-12
    writer.py       the schema written anew in that, its references kept or written out
    place.py        where it stands in the request, for refusals; and the budget of work that one request has
    remembered.py   what was made of a schema, kept for the next request that sends it

What goes out, each made of a written schema:

    tools.py        the parameters of a function, as Claude and Converse take them
    wrapping.py     what cannot stand at the top of parameters, one level down: odd names, answers that are no objects
    grammar.py      the subset that the service itself keeps a model to
    room.py         how much of that one request can hold
    check.py        does a text conform to the schema?
    effort.py       how long that can take, known before there is a text

What that takes:

    keywords.py     where subschemas stand
    references.py   how definitions refer to each other
    kinds.py        of what types a value can be
    merge.py        two schemas as one
    top.py          the top of a schema as one plain object, where that is possible

The rule of the package: **what a schema accepts does not change**, or the client is told where it cannot be kept. The one
liberty is documented where it is taken (`writer.py`: a missing `type` beside `properties` or `items`). Whatever a client
sends as a schema is taken or refused with `InvalidRequest`, and costs little either way: depth is bounded, and all that is
done with the schemas of one request by its `place.Budget`.
"""
