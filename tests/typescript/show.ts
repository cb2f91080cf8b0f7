// Submits a prompt, waits for the picture and shows it, with no types but those that are generated from the document.
//
// node built/show.js URL API_KEY FILE writes the picture to FILE and one JSON object to standard output.
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./atelier.js";

type Event = components["schemas"]["Event"];
type Image = components["schemas"]["Image"];
type Status = components["schemas"]["Status"];

const [baseUrl, apiKey, file] = process.argv.slice(2);
if (baseUrl === undefined || apiKey === undefined || file === undefined) throw new Error("URL, API_KEY and FILE");
const client = createClient<paths>({ baseUrl, headers: { "X-Api-Key": apiKey } });

/** The stable reason of an error: its details are told apart by their type. */
function reasonOf(status: Status): string {
  for (const detail of status.details) {
    if (detail["@type"] === "type.googleapis.com/google.rpc.ErrorInfo") return detail.reason;
  }
  throw new Error(`no ErrorInfo: ${status.message}`);
}

/** The fields that an error names. */
function fieldsOf(status: Status): string[] {
  return status.details.flatMap((detail) =>
    detail["@type"] === "type.googleapis.com/google.rpc.BadRequest"
      ? detail.field_violations.map((violation) => violation.field)
      : [],
  );
}

function required<Data>(answer: { data?: Data; error?: Status }): Data {
  if (answer.error !== undefined) throw new Error(`${reasonOf(answer.error)}: ${answer.error.message}`);
  if (answer.data === undefined) throw new Error("an answer without a body");
  return answer.data;
}

async function* eventsOf(id: string): AsyncGenerator<Event> {
  const path = { id };
  const stream = required(
    await client.GET("/api/v1/images/{id}/events", { params: { path, query: { after_seq: 0 } }, parseAs: "stream" }),
  );
  if (stream === null) throw new Error("no stream");
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield JSON.parse(line) as Event;
  }
}

async function wait(submitted: Image): Promise<string[]> {
  const states: string[] = [];
  for await (const event of eventsOf(submitted.id)) {
    const progress = event.snapshot ?? event.generation_progress;
    if (progress === undefined) continue;
    if (states.at(-1) !== progress.state) states.push(progress.state);
    if (progress.terminal) return states;
  }
  throw new Error("the stream ended before the image did");
}

// Names that the contract does not have, and values that nobody sends, do not compile.
// @ts-expect-error
const misspelt: components["schemas"]["GenerationParametersInput"] = { prompt: "x", width: 64 };
// @ts-expect-error
const neverSent: Image["state"] = "STATE_UNSPECIFIED";
void [misspelt, neverSent];

const refused = await client.POST("/api/v1/images/generate", { body: { prompt: "x", steps: 100000 } });
if (refused.error === undefined) throw new Error("100000 steps were accepted");

const submitted = required(
  await client.POST("/api/v1/images/generate", {
    params: { header: { "Idempotency-Key": randomUUID() } },
    body: { prompt: "a red circle on a blue background", steps: 4, width_px: 64, height_px: 64 },
  }),
);
const states = await wait(submitted);
const path = { id: submitted.id };
const image = required(await client.GET("/api/v1/images/{id}", { params: { path } }));
const [output] = image.outputs;
if (output === undefined) throw new Error(`no picture: ${image.error?.message}`);
const picture = required(
  await client.GET("/api/v1/images/{id}/content", { params: { path }, parseAs: "arrayBuffer" }),
);
await writeFile(file, new Uint8Array(picture));

const asset = required(
  await client.POST("/api/v1/assets", {
    params: { query: { filename: "again.png" } },
    headers: { "Content-Type": output.content_type },
    body: "",
    bodySerializer: () => picture,
  }),
);
const page = required(await client.GET("/api/v1/images", { params: { query: { state: "SUCCEEDED", page_size: 100 } } }));
console.log(
  JSON.stringify({
    refused: { status: refused.response.status, reason: reasonOf(refused.error), fields: fieldsOf(refused.error) },
    states,
    sha256: output.sha256,
    uploaded: asset.sha256,
    listed: page.images.some((listed) => listed.id === submitted.id),
  }),
);
