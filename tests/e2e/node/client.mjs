// The official client does what it is told on stdin, one task after the other, and reports in one line of JSON each:
//   {"base_url": "…", "api_key": "…", "tasks": [{"how": "create" | "iterate" | "helper" | "models", "body": {…}, "headers": {…}}]}
// A report holds what the client's user would see: the object, the chunks, or the error that was thrown.
import OpenAI from "openai";

const { base_url: baseURL, api_key: apiKey, max_retries: maxRetries = 0, tasks } = JSON.parse(await read(process.stdin));
const client = new OpenAI({ baseURL, apiKey, maxRetries });

for (const task of tasks) {
  const report = { chunks: [] };
  try {
    await perform(task, report);
  } catch (error) {
    report.error = {
      class: error.constructor.name,
      is_api_error: error instanceof OpenAI.APIError,
      message: error.message,
      status: error.status ?? null,
      code: error.code ?? null,
      param: error.param ?? null,
      type: error.type ?? null,
      request_id: error.requestID ?? null,
    };
  }
  console.log(JSON.stringify(report));
}

async function perform({ how, body, headers }, report) {
  const options = { headers };
  switch (how) {
    case "create": {
      const { data, response, request_id } = await client.chat.completions.create(body, options).withResponse();
      report.value = data;
      report.headers = Object.fromEntries(response.headers);
      report.request_id = request_id;
      return;
    }
    case "iterate":
      for await (const chunk of await client.chat.completions.create({ ...body, stream: true }, options)) {
        report.chunks.push(chunk);
      }
      report.is_whole = true;
      return;
    case "helper": {
      const stream = client.chat.completions.stream(body, options);
      stream.on("content", (delta) => report.chunks.push(delta));
      report.value = await stream.finalChatCompletion();
      report.usage = await stream.totalUsage();
      return;
    }
    case "models": {
      report.value = [];
      for await (const model of client.models.list()) report.value.push(model);
      report.one = await client.models.retrieve(report.value[0].id);
      return;
    }
    default:
      throw new TypeError(`no such task: ${how}`);
  }
}

async function read(stream) {
  let text = "";
  stream.setEncoding("utf8");
  for await (const piece of stream) text += piece;
  return text;
}
