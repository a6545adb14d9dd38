// The Vercel AI SDK does what it is told on stdin, one task after the other, and reports in one line of JSON each:
//   {"base_url": "…", "api_key": "…", "tasks": [{"how": "generateText", "model": "…", "prompt": "…", "options": {…}}]}
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, Output, stepCountIs, streamObject, streamText, tool } from "ai";
import { z } from "zod";

const { base_url: baseURL, api_key: apiKey, tasks } = JSON.parse(await read(process.stdin));
globalThis.AI_SDK_LOG_WARNINGS = false;

const tools = {
  get_weather: tool({
    description: "The weather in a city.",
    inputSchema: z.object({ city: z.string(), days: z.number().int().min(1).max(14) }),
    execute: async ({ days }) => `${6 + days} degrees`,
  }),
  get_time: tool({
    description: "The time in a zone.",
    inputSchema: z.object({ zone: z.string() }),
    execute: async () => ({ hour: "noon" }),
  }),
};
const schema = z.object({
  title: z.string(),
  steps: z.array(z.object({ explanation: z.string(), cost: z.number() })),
  is_final: z.boolean(),
});

for (const { how, model: id, prompt, options = {}, provider: settings = {} } of tasks) {
  const provider = createOpenAICompatible({ name: "proxy", baseURL, apiKey, includeUsage: true, ...settings });
  const report = {};
  const asked = { model: provider(id), prompt, maxRetries: 0, ...options, onError: ({ error }) => fail(report, error) };
  try {
    await perform(how, asked, report);
  } catch (error) {
    fail(report, error);
  }
  console.log(JSON.stringify(report));
}

async function perform(how, asked, report) {
  const agent = { ...asked, tools, stopWhen: stepCountIs(5) };
  switch (how) {
    case "generateText":
      return tell(await generateText(agent), report);
    case "streamText": {
      const result = streamText(agent);
      report.pieces = [];
      for await (const part of result.fullStream) {
        if (part.type === "text-delta") report.pieces.push(part.text);
      }
      return tell(result, report);
    }
    case "agentWithOutput": {
      const result = await generateText({ ...agent, output: Output.object({ schema }) });
      report.object = result.output;
      return tell(result, report);
    }
    case "streamingAgentWithOutput": {
      const result = streamText({ ...agent, output: Output.object({ schema }) });
      report.partials = [];
      for await (const partial of result.partialOutputStream) report.partials.push(partial);
      report.object = await result.output;
      return tell(result, report);
    }
    case "generateObject": {
      const { object, usage, finishReason } = await generateObject({ ...asked, schema });
      return Object.assign(report, { object, usage, finishReason });
    }
    case "streamObject": {
      const result = streamObject({ ...asked, schema });
      report.partials = [];
      for await (const partial of result.partialObjectStream) report.partials.push(partial);
      report.object = await result.object;
      report.usage = await result.usage;
      return;
    }
    default:
      throw new TypeError(`no such task: ${how}`);
  }
}

async function tell(result, report) {
  const steps = await result.steps;
  report.calls = steps.flatMap((step) => step.toolCalls.map(({ toolName, input }) => ({ name: toolName, input })));
  report.results = steps.flatMap((step) => step.toolResults.map(({ output }) => output));
  report.reasons = steps.map((step) => step.finishReason);
  report.reasoning = steps.map((step) => step.reasoningText ?? "");
  report.text = await result.text;
  report.usage = await result.totalUsage;
}

function fail(report, error) {
  report.error = { name: error.name, message: error.message, status: error.statusCode ?? null };
}

async function read(stream) {
  let text = "";
  stream.setEncoding("utf8");
  for await (const piece of stream) text += piece;
  return text;
}
