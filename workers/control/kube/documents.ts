import { Hono } from "hono";
import { acceptedForm, contentTypeOf } from "../../../src/kube/accept.ts";
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
  version,
} from "../../../src/kube/discovery.ts";
import { encodeOpenApiV2, openApiV2 } from "../../../src/kube/openapi-v2.ts";
import { openApiV3Document, openApiV3Index, openApiV3Paths } from "../../../src/kube/openapi-v3.ts";
import { failure } from "../../../src/kube/status.ts";
import { answer, type Api } from "../access.ts";
import { type Fixed, fixed, JSON_TYPE, sendFixed } from "../fixed-document.ts";
import type { Ask } from "./request.ts";

/** As kubectl asks for it, but for `@`, which its older versions cannot read in an answer. */
const V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
const V2_WISH = /application\/com\.github\.(proto-openapi|googleapis\.gnostic)\.spec\.v2[@.]v1\.0\+protobuf/i;

/**
 * Where kubectl looks for a kind that it finds no schema of. Without an answer it tells its user to turn validation off; with
 * an empty list it says that there is no such kind.
 */
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

function noDefinitions() {
  return {
    kind: "CustomResourceDefinitionList",
    apiVersion: "apiextensions.k8s.io/v1",
    metadata: { resourceVersion: "0" },
    items: [],
  };
}

async function json(c: Ask, make: () => object): Promise<Response> {
  // Not by the path as sent, which has any number of spellings: each would be kept.
  return sendFixed(c, await fixed(c.req.path, JSON_TYPE, () => JSON.stringify(make())));
}

/** Discovery and OpenAPI: what a client reads before it asks for anything. */
export function documentRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  for (const check of ["/healthz", "/livez", "/readyz"]) app.get(check, (c) => c.text("ok"));
  app.get("/version", async (c) => json(c, version));
  app.get("/api", async (c) => discovery(c, "core", apiVersions));
  app.get("/apis", async (c) => discovery(c, "groups", apiGroupList));
  app.get("/api/:version", async (c) => resources(c, c.req.param("version")));
  app.get("/apis/:group", async (c) => {
    const group = apiGroup(c.req.param("group"));
    return group ? json(c, () => group) : nowhere(c);
  });
  app.get("/apis/:group/:version", async (c) => resources(c, `${c.req.param("group")}/${c.req.param("version")}`));
  app.get(CRDS, async (c) => json(c, noDefinitions));
  app.get("/openapi/v2", async (c) => {
    if (!V2_WISH.test(c.req.header("accept") ?? "")) return json(c, openApiV2);
    return sendFixed(c, await fixed("v2 protobuf", V2_PROTOBUF, () => Uint8Array.from(encodeOpenApiV2(openApiV2()))));
  });
  app.get("/openapi/v3", async (c) => {
    const hashes = new Map<string, string>();
    for (const path of openApiV3Paths()) hashes.set(path, (await openApi(path)).etag.slice(1, -1));
    return json(c, () => openApiV3Index((path) => hashes.get(path) ?? ""));
  });
  app.get("/openapi/v3/*", async (c) => {
    const path = new URL(c.req.url).pathname.replace(/^.*?\/openapi\/v3\//, "");
    return openApiV3Paths().includes(path) ? sendFixed(c, await openApi(path)) : nowhere(c);
  });
  return app;
}

async function openApi(path: string): Promise<Fixed> {
  return fixed(`v3 ${path}`, JSON_TYPE, () => JSON.stringify(openApiV3Document(path)));
}

async function discovery(c: Ask, part: "core" | "groups", plain: () => object): Promise<Response> {
  const form = acceptedForm(c.req.header("accept"), ["discovery"]);
  if (form?.as !== "discovery") return json(c, plain);
  const make = () => JSON.stringify(aggregatedDiscovery(part, form.version));
  return sendFixed(c, await fixed(`${part} ${form.version}`, contentTypeOf(form), make));
}

async function resources(c: Ask, apiVersion: string): Promise<Response> {
  const list = apiResourceList(apiVersion);
  return list ? json(c, () => list) : nowhere(c);
}

function nowhere(c: Ask): Response {
  return answer(c, failure("NotFound", "the server could not find the requested resource"));
}
