import { Hono } from "hono";
import { type ResourcePath, resourcePath } from "../../../src/kube/path.ts";
import { failure, type Status } from "../../../src/kube/status.ts";
import { err, type Result } from "../../../src/result.ts";
import { answer, type Api } from "../access.ts";
import { documentRoutes } from "./documents.ts";
import { get, list } from "./read.ts";
import type { Ask } from "./request.ts";
import { reviewRoutes } from "./reviews.ts";
import { unserved } from "./unserved.ts";
import { create, patch, remove, servesStatus, update } from "./write.ts";

/** Kubernetes' REST for the kinds of the mesh, mounted under `/k8s`. */
export function kubeRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.route("/", documentRoutes());
  app.route("/", reviewRoutes());
  app.all("*", async (c) => {
    const segments = decoded(new URL(c.req.url).pathname).slice(2);
    const path = segments.includes(null) ? null : resourcePath(segments as string[]);
    if (path === null || !servesStatus(path)) return answer(c, await unserved(c));
    const result = await handle(c, path);
    return result.ok ? result.value : answer(c, result.error);
  });
  return app;
}

/** Segments of a path; null where one is not well encoded. */
function decoded(pathname: string): readonly (string | null)[] {
  return pathname.split("/").map((segment) => {
    try {
      return decodeURIComponent(segment);
    } catch {
      return null;
    }
  });
}

async function handle(c: Ask, path: ResourcePath): Promise<Result<Response, Status>> {
  const method = c.req.method === "HEAD" ? "GET" : c.req.method;
  const { name, status, info } = path;
  if (method === "GET") return name === null ? list(c, path) : get(c, path, name);
  if (info.readOnly) return err(failure("MethodNotAllowed", `the mesh itself writes ${info.plural}; they can be read`));
  switch (method) {
    case "POST":
      return name === null ? create(c, path) : err(notAllowed(method));
    case "PUT":
      return name === null ? err(notAllowed(method)) : update(c, path, name);
    case "PATCH":
      return name === null ? err(notAllowed(method)) : patch(c, path, name);
    case "DELETE":
      return status ? err(notAllowed(method)) : remove(c, path);
    default:
      return err(notAllowed(method));
  }
}

function notAllowed(method: string): Status {
  return failure("MethodNotAllowed", `${method} is not allowed here`);
}
