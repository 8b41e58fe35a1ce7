import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Folder } from "../dev/support/folder.ts";
import { RunningDev } from "../dev/support/running-dev.ts";
import { worker } from "../project/folders.ts";
import { send } from "../support/http.ts";
import { until } from "../support/until.ts";
import { type Ended, tulle } from "./tulle.ts";

const PORTS = ["--port-base", "30800", "--loopback", "127.0.77.0/24"];
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
/** After a change: a gateway that nobody called for a while may answer once more as before. */
const answers = async (wanted: string, method = "GET") =>
  until(`\`web\` to get ${wanted}`, async () => (await called(method)) === wanted);
/** @param told what whoever was seen calling may mean for it */
const apply = async (sample: string, told: RegExp = /^$/) => {
  folder.save("sample.yaml", sample);
  const { code, stderr } = await run("apply", "-f", "sample.yaml");
  expect(stderr).toMatch(told);
  expect(code).toBe(0);
  await settled();
};
const settled = async () => {
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
    // The first of all may come before the gateway knows the service.
    await answers("200 api: POST", "POST");
    const { code, stdout } = await run("check");
    expect(stdout).toMatch(/\n0 errors, 0 warnings in \d+ checks\n$/);
    expect(code).toBe(0);
    expect(stdout.split("\n").filter((line) => /^[-‼×]/.test(line))).toEqual([]);
    const calls = readFileSync(join(dev.info.stateDir, "access.log"), "utf8");
    expect(calls).toMatch(/"authority":"api".*"source_principal":"cluster\.local\/ns\/default\/sa\/web"/);
    expect(await states()).toMatchObject({
      observe: "off",
      permissive: "on",
      strict: "off",
      policies: "off",
      traffic: "off",
    });
  });

  it("observe: what policies would refuse passes and is told, until observing ends", async () => {
    const took = await run("mode", "observe", "default", "-o", "json");
    expect(took).toMatchObject({ code: 0, stderr: "" });
    const { generation } = JSON.parse(took.stdout) as { generation: number };
    expect(await states()).toMatchObject({ observe: "in part" });
    const [, nothing = ""] = samples("policies");
    await apply(nothing);
    expect(await called()).toBe("200 api: GET");
    await until("the log", async () =>
      readFileSync(join(dev.info.stateDir, "access.log"), "utf8").includes(
        '"observed":[{"details":"rbac_denied_no_allow","policy":null}]',
      ),
    );
    const ended = await run("mode", "permissive", "default");
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toMatch(
      /^warning: locks out .*default\/sa\/web to default\/api \(\d+ requests?\).*TULLE0610\]\n$/,
    );
    await settled();
    await answers("403 RBAC: access denied");
    expect(await run("rollback", String(generation))).toMatchObject({ code: 0 });
    expect(await run("mode", "permissive", "default")).toMatchObject({ code: 0 });
    await settled();
    await answers("200 api: GET");
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
    // It asks for methods, too.
    await apply(allowed, /^warning: .*not judged yet: .*TULLE0611\]\n$/);
    expect(await called()).toBe("200 api: GET");
    await answers("403 RBAC: access denied", "POST");
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
