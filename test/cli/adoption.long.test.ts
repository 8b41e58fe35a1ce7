import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Folder } from "../dev/support/folder.ts";
import { RunningDev } from "../dev/support/running-dev.ts";
import { worker } from "../project/folders.ts";
import { send } from "../support/http.ts";
import { type Ended, tulle } from "./tulle.ts";

const PORTS = ["--port-base", "30300", "--loopback", "127.0.77.0/24"];
const PAGE = readFileSync(join(import.meta.dirname, "../../docs/adoption.md"), "utf8");

/** The samples of a rung, in the page's order. */
function samples(rung: string): readonly string[] {
  const part = PAGE.split(/^## /m).find((text) => text.startsWith(`${rung}\n`)) ?? "";
  return [...part.matchAll(/```yaml\n([^]*?)```/g)].map(([, sample = ""]) => sample);
}

const WEB = "export default { fetch: (request, env) => env.API.fetch('https://api/', { method: request.method }) };";
const API = "export default { fetch: (request) => new Response(`api: ${request.method}`) };";

let folder: Folder;
let dev: RunningDev;

const run = async (...args: readonly string[]): Promise<Ended> => tulle(folder.path, args);
/** What `web` gets of `api`. */
const called = async (method = "GET") => {
  const { status, text } = await send(`${dev.info.gateway}/`, { method });
  return `${status} ${text}`;
};
const apply = async (sample: string) => {
  folder.save("sample.yaml", sample);
  const { code, stderr } = await run("apply", "-f", "sample.yaml");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  // Gateways ask with their requests.
  await called();
  expect(await run("status", "--wait")).toMatchObject({ code: 0 });
};
const states = async () => {
  const { rungs } = JSON.parse((await run("mode", "-o", "json")).stdout) as {
    rungs: readonly { rung: string; state: string }[];
  };
  return Object.fromEntries(rungs.map(({ rung, state }) => [rung, state]));
};

beforeAll(async () => {
  folder = new Folder({
    ...worker("web", "web", { services: [{ binding: "API", service: "api" }] }, WEB),
    ...worker("api", "api", {}, API),
  });
  expect(await run("init")).toMatchObject({ code: 0, stderr: "wrote tulle.jsonc\n" });
  dev = await RunningDev.start(folder.path, PORTS);
});
afterAll(async () => {
  await dev.end();
  folder.remove();
});

describe("the ladder of docs/adoption.md, on a mesh that `tulle init` and `tulle dev` made", () => {
  it("observe: nothing is refused, all is well, and every caller is known", async () => {
    expect(await called("POST")).toBe("200 api: POST");
    const { code, stdout } = await run("check");
    expect(stdout).toMatch(/\n0 errors, 0 warnings in \d+ checks\n$/);
    expect(code).toBe(0);
    expect(stdout.split("\n").filter((line) => /^[-‼×]/.test(line))).toEqual([]);
    const calls = readFileSync(join(dev.info.stateDir, "access.log"), "utf8");
    expect(calls).toMatch(/"authority":"api".*"source_principal":"cluster\.local\/ns\/default\/sa\/web"/);
    expect(await states()).toMatchObject({
      observe: "not built",
      permissive: "on",
      strict: "off",
      policies: "off",
      traffic: "off",
    });
  });

  it("strict: callers of the mesh file go on, first in a namespace, then in the whole mesh", async () => {
    const [inNamespace = "", everywhere = ""] = samples("strict");
    await apply(inNamespace);
    expect(await states()).toMatchObject({ permissive: "in part", strict: "in part" });
    await apply(everywhere);
    expect(await states()).toMatchObject({ permissive: "off", strict: "on" });
    expect(await called()).toBe("200 api: GET");
  });

  it("policies: what is allowed goes on, all else is refused", async () => {
    const [allowed = "", nothing = "", egress = ""] = samples("policies");
    await apply(allowed);
    expect(await called()).toBe("200 api: GET");
    expect(await called("POST")).toBe("403 RBAC: access denied");
    await apply(nothing);
    await apply(egress);
    expect(await called()).toBe("200 api: GET");
    const asked = await run("decide", "--host", "api", "--as", "default/other", "-o", "json");
    expect(JSON.parse(asked.stdout)).toMatchObject({ decision: { code: "rbac_denied_no_allow" } });
    expect(await states()).toMatchObject({ policies: "in part" });
  });

  it("traffic: routes of a service that is called by its binding", async () => {
    for (const sample of samples("traffic")) await apply(sample);
    expect(await called()).toBe("200 api: GET");
    expect(await states()).toMatchObject({ traffic: "on" });
    expect((await run("check")).code).toBe(0);
  });
});
