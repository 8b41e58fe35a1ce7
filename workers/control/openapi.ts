import { Hono } from "hono";
import { openApiDocument } from "../../src/api/openapi.ts";
import type { Api } from "./access.ts";
import { fixed, JSON_TYPE, sendFixed } from "./fixed-document.ts";

/** The OpenAPI document of the plain API, for whoever has a token. */
export function openApiRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.get("/openapi.json", async (c) =>
    sendFixed(c, await fixed("plain", JSON_TYPE, () => JSON.stringify(openApiDocument()))),
  );
  return app;
}
