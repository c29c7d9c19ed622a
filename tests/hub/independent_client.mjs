// Asks a Hub what its JavaScript client can ask, and prints what it was told as one JSON document.
import { createHash } from "node:crypto";
import { downloadFile, fileDownloadInfo, listFiles, listModels, modelInfo, pathsInfo, whoAmI } from "@huggingface/hub";

const [hubUrl, repo, filename, closed] = process.argv.slice(2);

async function everything(pages) {
  const found = [];
  for await (const entry of pages) found.push(entry);
  return found;
}

async function refusal(work) {
  try {
    await work();
    return null;
  } catch (error) {
    return error.statusCode ?? String(error);
  }
}

async function digest(blob) {
  return createHash("sha256").update(Buffer.from(await blob.arrayBuffer())).digest("hex");
}

const accessToken = "hf_good";
const blob = await downloadFile({ hubUrl, repo, path: filename });
const told = {
  models: (await everything(listModels({ hubUrl, search: { query: "mod" }, limit: 100 }))).map((model) => model.name),
  model: await modelInfo({ hubUrl, name: repo, additionalFields: ["sha", "tags", "author"] }),
  files: await everything(listFiles({ hubUrl, repo, recursive: true })),
  paths: await pathsInfo({ hubUrl, repo, paths: [filename, "missing.gguf"] }),
  info: await fileDownloadInfo({ hubUrl, repo, path: filename }),
  missing: await downloadFile({ hubUrl, repo, path: "missing.gguf" }),
  size: blob.size,
  sha256: await digest(blob),
  middle: await digest(blob.slice(1000, 5000)),
  account: (await whoAmI({ hubUrl, accessToken })).name,
  strange: await refusal(() => whoAmI({ hubUrl, accessToken: "hf_wrong" })),
  shut: await refusal(() => downloadFile({ hubUrl, repo: closed, path: filename })),
  opened: await digest(await downloadFile({ hubUrl, repo: closed, path: filename, accessToken })),
};
console.log(JSON.stringify(told));
