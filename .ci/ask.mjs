// Asks a running proxy through openai-node: BASE_URL MODEL. Fails where it does.
import assert from "node:assert/strict";
import OpenAI from "openai";

const [baseURL, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "unused", maxRetries: 0 });
const messages = [{ role: "user", content: "Say hello." }];

const whole = await client.chat.completions.create({ model, messages });
assert(whole.choices[0].message.content);

const final = await client.chat.completions.stream({ model, messages }).finalChatCompletion();
assert.equal(final.choices[0].message.content, whole.choices[0].message.content);
assert.equal(final.choices[0].finish_reason, "stop");
console.log("openai-node:", whole.choices[0].message.content);
