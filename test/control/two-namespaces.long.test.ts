import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openApiDocument } from "../../src/api/openapi.ts";
import { RunningControl } from "./running.ts";

/** In every name of one namespace's objects, and in none of the other's. */
const MARKS = { alpha: "markofalpha", beta: "markofbeta" } as const;
type Space = keyof typeof MARKS;
const SPACES = ["alpha", "beta"] as const;
const other = (space: Space): Space => (space === "alpha" ? "beta" : "alpha");

const ROLES = ["viewer", "admin"] as const;

/** Reads of the plain API; what changes something is tried for all kinds in access.test.ts. */
const READS = Object.entries(openApiDocument().paths)
  .filter(([path, methods]) => !path.startsWith("/k8s/") && methods["get"] !== undefined)
  .map(([path]) => path);

function objects(space: Space): readonly object[] {
  const mark = MARKS[space];
  const named = (apiVersion: string, kind: string, spec: object) => ({
    apiVersion,
    kind,
    metadata: { name: `${mark}-${kind.toLowerCase()}`, namespace: space },
    spec,
  });
  const host = `${mark}.${space}.svc.cluster.local`;
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: space } },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: mark, namespace: space },
      spec: { selector: { app: mark }, ports: [{ name: "http", port: 80 }] },
    },
    named("networking.istio.io/v1", "WorkloadEntry", {
      address: `binding:EP_${mark.toUpperCase()}`,
      labels: { app: mark },
      serviceAccount: mark,
    }),
    named("networking.istio.io/v1", "VirtualService", {
      hosts: [host],
      http: [{ route: [{ destination: { host } }] }],
    }),
    named("networking.istio.io/v1", "DestinationRule", { host, subsets: [{ name: mark, labels: { app: mark } }] }),
    named("security.istio.io/v1", "AuthorizationPolicy", { action: "DENY", rules: [{}] }),
  ];
}

let control: RunningControl;
const tokens = new Map<string, string>();

beforeAll(async () => {
  control = await RunningControl.start();
  await control.rpc("ALL", "register", { bindings: ["EP_MARKOFALPHA", "EP_MARKOFBETA"], hasPrivate: true, format: 3 });
  const applied = await control.call("POST", "/api/v1/apply", SPACES.flatMap(objects));
  expect([applied.status, applied.json["message"]]).toEqual([200, undefined]);
  for (const namespace of SPACES)
    for (const role of ROLES) {
      const wish = { name: `${role}-${namespace}`, role, namespace, permissions: ["tail", "explain"] };
      tokens.set(wish.name, String((await control.call("POST", "/api/v1/tokens", wish)).json["token"]));
    }
});
afterAll(() => control.stop());

/** What a read answers; of one that goes on, its beginning. */
async function read(path: string, token: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await control.raw("GET", path, { authorization: `Bearer ${token}` });
  if (response.headers.get("content-type") !== "text/event-stream")
    return { status: response.status, text: await response.text() };
  await response.body?.cancel();
  return { status: response.status, text: "" };
}

/** Ways to ask for what is another's: by the path, and by parameters that some routes know. */
function asks(path: string, of: Space): readonly string[] {
  const mark = MARKS[of];
  const names = [mark, `${mark}-virtualservice`, `${mark}-authorizationpolicy`];
  const filled = names.map((name) =>
    path
      .replace("{namespace}", of)
      .replace("{name}", name)
      .replaceAll(/\{\w+\}/g, "1"),
  );
  const kinds = path.includes("{kind}") ? ["service", "route", "policy", "workload"] : [""];
  const paths = kinds.flatMap((kind) =>
    names.map((name) => path.replace("{kind}", kind).replace("{namespace}", of).replace("{name}", name)),
  );
  const query = encodeURIComponent(`istio_requests_total{destination_service_namespace="${of}"}`);
  return [...new Set([...filled, ...paths])].flatMap((one) => [
    one,
    `${one}?namespace=${of}`,
    `${one}?query=${query}`,
    `${one}?window=300&namespace=${of}`,
  ]);
}

describe.each(SPACES.flatMap((space) => ROLES.map((role) => ({ space, role }))))(
  "$role of $space",
  ({ space, role }) => {
    it("reads nothing of the other namespace by any route, however it asks", async () => {
      const token = tokens.get(`${role}-${space}`)!;
      const mark = MARKS[other(space)];
      for (const path of READS)
        for (const ask of asks(path, other(space))) {
          const { status, text } = await read(ask, token);
          expect([ask, status < 500], text).toEqual([ask, true]);
          // A refusal may say again what was asked for, by its own words.
          const told = status < 400 ? text : "";
          expect([ask, told.includes(mark)]).toEqual([ask, false]);
        }
    });
  },
);

describe("a token of one namespace", () => {
  it.each(SPACES)("reads its own: %s", async (space) => {
    const token = tokens.get(`viewer-${space}`)!;
    const described = await read(`/api/v1/describe/service/${space}/${MARKS[space]}`, token);
    expect([described.status, described.text.includes(`${MARKS[space]}-virtualservice`)]).toEqual([200, true]);
    expect((await read("/api/v1/tail", token)).status).toBe(200);
    // Names that are like one that there is not: its own alone.
    const missing = await read(`/api/v1/describe/service/${space}/${MARKS[space].slice(0, -1)}`, token);
    expect(missing.status).toBe(404);
    expect(missing.text).toContain(`did you mean \`${space}/${MARKS[space]}\`?`);
    expect(missing.text).not.toContain(MARKS[other(space)]);
  });
});
