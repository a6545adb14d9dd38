// node smoke.mjs http://127.0.0.1:8000: asks a running proxy for a whole and for a streamed answer of Llama and of Claude.
// Exit code 0 and a line that says so, or 1 and a line that says what was wrong. BEDROCK_PROXY_API_KEY is the key, if any.
import OpenAI from "openai";

const MODELS = ["meta.llama3-3-70b-instruct-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0"];

try {
  const base = process.argv[2].replace(/\/$/, "");
  const baseURL = base.endsWith("/v1") ? base : `${base}/v1`;
  const client = new OpenAI({ baseURL, apiKey: process.env.BEDROCK_PROXY_API_KEY || "none" });
  for (const model of MODELS) {
    const body = { model, messages: [{ role: "user", content: "Reply with the single word: ok" }] };
    const whole = (await client.chat.completions.create(body)).choices[0];
    if (!whole.message.content || whole.finish_reason !== "stop") throw new Error(`${model}: ${JSON.stringify(whole)}`);
    const streamed = await client.chat.completions.stream(body).finalContent();
    if (!streamed) throw new Error(`${model}: the stream was empty`);
  }
  console.log(`openai-node: ${MODELS.length} models of ${baseURL} answer, whole and streamed`);
} catch (error) {
  console.log(`openai-node: ${error.constructor.name}: ${error.message}`);
  process.exitCode = 1;
}
