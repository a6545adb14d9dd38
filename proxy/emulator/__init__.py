"""A local Amazon Bedrock over real HTTP: for your CI and your first steps, without an AWS account.

It checks requests as Bedrock does (signatures, model ids, every field of a body), answers as Bedrock does (bodies,
headers, framed streams, errors), and never leaves this machine. Every text model of the catalogue is served through
Converse and ConverseStream, Claude and Llama through InvokeModel and InvokeModelWithResponseStream as well, Claude through
CountTokens; the control plane lists models and inference profiles. Answers depend on the request alone, but for the prompt
cache: an echo, tool calls, JSON, or what a script says.


Start it
========

    bedrock-proxy emulate [--host 127.0.0.1] [--port 9100] [--script rules.yaml] [--strict-prompts] [--enforce-eol]

or inside a test:

    from proxy.emulator.server import EmulatorServer

    async with EmulatorServer() as bedrock:      # port 0: any free one
        bedrock.url                              # "http://127.0.0.1:49152"


Point boto3 (or bedrock-proxy, or the AWS CLI) at it
====================================================

    export AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://127.0.0.1:9100
    export AWS_ENDPOINT_URL_BEDROCK=http://127.0.0.1:9100
    export AWS_ACCESS_KEY_ID=AKIDEMULATOR
    export AWS_SECRET_ACCESS_KEY=emulator-secret
    export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1

Anthropic's SDK: `AnthropicBedrock(base_url="http://127.0.0.1:9100", aws_access_key="AKIDEMULATOR", …)`.


Credentials
===========

    AKIDEMULATOR / emulator-secret           accepted, with any session token or none
    ASIAEMULATOR / emulator-secret           accepted with any session token, refused without one
    AKIDEXPIRED / emulator-secret            ExpiredTokenException
    session token "expired-session-token"    ExpiredTokenException, with any key
    bearer key bedrock-api-key-emulator      accepted
    bearer key bedrock-api-key-expired       403 {"Message":"Bearer Token has expired"}

Anything else is refused as AWS refuses it. Signatures (Version 4, service `bedrock`) are verified in full; when one does
not match, the error shows the canonical request that it should have been made of. A signed call is in the region that it
was signed for, so one emulator stands for all regions; a bearer call is in `us-east-1`. `Settings` changes all of this.


Models
======

Base ids, profile ids (`us.…`, `eu.…`, `global.…`, where the geography fits the region), foundation-model and
inference-profile ARNs, and in account 123456789012, in any region, these made-up resources:

    application-inference-profile/emulatorclaude    provisioned-model/emulatorclaude
    application-inference-profile/emulatorllama     provisioned-model/emulatorllama
    imported-model/emulatorllama                    custom-model-deployment/emulatorllama
    imported-model/emulatorqwen

The last takes a prompt in ChatML, by InvokeModel alone, and answers as it was asked: in Bedrock's form of a completion to
`max_gen_len`, in OpenAI's to `max_tokens`. Its tools are those between `<tools>` and `</tools>`.

What each model takes (token limits, sampling parameters, prefill, thinking, forced tools …) is checked as Bedrock checks
it. Ends of life are not, unless asked for. A Llama prompt that breaks its template is answered and noted (see
`faults` below), or refused with `--strict-prompts`. Claude's thinking blocks are taken back only as they were given, and
with `Settings(binds_thinking=True)`, from the models that do so, only behind the conversation that they were given in.

A Converse body is checked three times: against botocore's service model, whose words are `1 validation error detected:
Value at 'messages.1.member.content.1.member.text' failed to satisfy constraint: …`; against what Converse and the
catalogue say of the model (turns, tool pairs, documents, cache points, tools in streams …); and for Claude, as the
InvokeModel body that Bedrock makes of it. `additionalModelRequestFields` that the model does not know are refused.


Answers
=======

    "You said: …", with the last user message
    "The tool said: …", with the results that the last message holds
    one word, when one word is asked for: "Reply with the single word: ok" -> "ok"
    a JSON object, when the system prompt says JSON
    JSON that satisfies a schema: that of `output_config.format`, of `outputConfig.textFormat`, or one that stands in the
    system or user text behind the words "JSON … schema"
    tool calls, see below

`max_tokens`, `max_gen_len` and `stop_sequences` cut the answer where they say. Claude models that think by default send a
thinking block, those that are asked to as well; a user message with ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING gets
a redacted one. Of the other models DeepSeek R1, gpt-oss, Kimi K2 Thinking and Magistral always reason, and those that know
a field for it when it says so. Tokens are counted with a tokenizer of the emulator's own (`proxy.emulator.tokens`): words,
punctuation marks and runs of white space; a stream sends one token per event. The counts agree in body, headers, events
and metrics; each message of a conversation adds 4, each tool 8, each image or PDF 1000. Latencies are made up. Service
tier and latency come back as they were asked for.


Tools
=====

A model calls, of its own will, the tools whose names stand as words in the user's last words, in the order of the names
there and each once, all in one answer; then it says what they have said. Two tools, two turns:

    user "Ask now and get_weather." -> calls of both -> user with both results -> "The tool said: noon\n25 C"

When none is named there, or none is left, it calls, once, the tool that the system text tells it to: "calling the tool now",
"call one of the tools".

Where only one call at a time is possible (`disable_parallel_tool_use`, Llama's JSON form) the next tool is called when
the result of the one before is there. A choice of `any` calls the tools that are named, or else the first one; a choice of
one tool calls it, each time that it is asked for. Arguments satisfy the tool's schema: all properties, the first choice of
each, a string holds the name of its property (`proxy.emulator.samples`).

Llama, by InvokeModel, finds the definitions in the prompt by the fixed lines of its trained formats and writes its calls
in the same: `{"name": …, "parameters": …}`, where numbers are strings, `[now(zone='UTC'), …]`, or `<function=now>{…}`.
An answer that has been begun as a call (`[`, `[now(`, `{"name": "now", "parameters": {`) becomes one; one that has been
begun in words does not.


Prompt caching
==============

What stands in front of a `cache_control` or `cachePoint` is written the first time and read later, by the same model,
until five minutes or an hour after its last use (the clock is `Settings.now`), in the order tools, system, messages. A
beginning shorter than the model's minimum is not cached, without a word; more than four marks, or an hour behind five
minutes, are refused. `Settings.max_cached` beginnings are kept.


Guardrails
==========

    emulatorguard    blocks what the user says, and what the model says, when it contains "forbidden"
    emulatoropen     blocks nothing

Versions `1` and `DRAFT`, by id or by ARN in account 123456789012. A blocked question is answered without the model and
costs nothing; a blocked answer is replaced. InvokeModel then has `amazon-bedrock-guardrailAction` INTERVENED, in the body or
the last event of the stream, and its usual stop reason; Converse has the stop reason `guardrail_intervened`. Traces come
when they are asked for. An asynchronous stream has been sent as it was when the guardrail intervenes. Only tagged or marked
content is looked at, where there is any; else the last user message. `Settings.guardrails` has others.


Scripts
=======

A script replaces the echo or breaks the answer. It comes with one call in a header,

    x-emulator-script: {"text": "Hello from the script", "gap_ms": 50}

or waits in a file (YAML or JSON, `--script`), or is put in place at run time (`PUT /_emulator/rules`), as a list of rules.
The first rule that matches, and is not used up, applies:

    - match: {model: claude, text: weather, operation: invoke-with-response-stream}
      script: {error: {type: ThrottlingException}, times: 2}
    - script: {text: Hello}

`match.model` is part of the model's id, `match.text` part of the last user message, `match.operation` the last segment of
the path; what is left out matches everything. A script that cannot be read is a 400 which says why:
`{"emulator": "unreadable script: …"}`.

What is answered:

    text            "Hello there", or ["Hel", "lo there"]: the text, or exactly the deltas of a stream
    thinking        "Let me see", ["Let", " me see"], or "" for an empty block: a thinking block before it (Claude), or
                    reasoning (Converse)
    content         [{"type":"tool_use","id":"toolu_1","name":"now","input":{}}]: further content blocks (Claude; turned
                    into Converse's), or [{"toolUse": {…}}], exactly these (Converse)
    stop_reason     "refusal": instead of the reason that fits; the text then stays whole
    stop_sequence   "END": beside it
    usage           {"cache_read_input_tokens": 100}: laid over the counts; for Llama prompt_token_count and
                    generation_token_count, for Converse its own names as well
    events          [{"type":"ping"}, …]: exactly these objects as the chunks of a stream; for Converse
                    [{"messageStart": {"role": "assistant"}}, …], type and payload
    raw             {"status": 503, "content_type": "text/html", "body": "<html>busy</html>"}: exactly this response;
                    `body` may be any JSON, `base64` stands for bytes. {"body": ""} is a 200 with nothing in it
    error           {"type": "ModelErrorException", "message": "…", "members": {"originalStatusCode": 500}}: a refusal
                    before anything is sent; type alone is enough, `status` is for types that AWS does not have
    headers         {"retry-after": "2"}: further response headers

When:

    delay_ms        1000: before the status line
    first_event_ms  200: between the headers and the first event of a stream
    gap_ms          50: between two events
    split           1: bytes of the body per HTTP chunk, whatever the frames; without it, one frame each

What goes wrong, `fault`:

    {"kind": "exception", "after_events": 3, "type": "throttlingException", "message": "…", "members": {…}}
                    an exception frame after three events, and the end
    {"kind": "error", "after_events": 3, "type": "InternalFailure", "message": "…"}
                    the same with `:message-type: error`
    {"kind": "claude_error", "after_events": 3, "type": "overloaded_error", "message": "…"}
                    the same inside a chunk, as Claude says it: {"type":"error", …}; not for Converse
    {"kind": "cut", "after_events": 3}       the connection is closed in the middle of the HTTP body
    {"kind": "end", "after_events": 3}       the HTTP body ends well, the stream does not
    {"kind": "stall", "after_events": 3}     nothing more comes, until the client leaves
    {"kind": "bad_crc", "after_events": 3}   the fourth frame has a wrong checksum; the rest follows
    {"kind": "bad_length", "after_events": 3}    … claims to be two gigabytes long, under a right checksum
    {"kind": "bad_json", "after_events": 3}  … holds broken JSON
    {"kind": "no_response"}                  the connection is closed before the status line

`after_bytes` instead of `after_events` counts bytes of the body, also within a frame; cut and stall take it with plain
answers too, where it is 0 if not given. A request that is refused is refused without them.

How often:

    times           2: applies to two calls, then the emulator behaves (or the next rule applies)
    key             "test-42": what `times` counts by; without it, equal headers count together, and each rule alone


Observation
===========

    GET    /_emulator/health
    GET    /_emulator/calls              {"calls": […], "total": 3, "open": 1, "hung_up": 0}
    GET    /_emulator/calls?open=0       the same, once no call is being answered any more; 408 after `timeout=10` seconds
    DELETE /_emulator/calls              forgets them, how often scripts were used, and cached prompts
    GET, PUT, DELETE /_emulator/rules    the rules

Each call tells method, path, operation, model_id (as named), model (what it led to), region, headers without secrets,
body, request_id, status, error, faults (of a Llama prompt), fault (as scripted), events_sent, bytes_sent, is_open and
hung_up: whether the client left before the answer was complete.
"""
