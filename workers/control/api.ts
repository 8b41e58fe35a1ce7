import { eventLine } from "../../src/telemetry/event-line.ts";
import { Hono } from "hono";
import {
  answer,
  type Api,
  authenticated,
  boundedHeaders,
  needsPath,
  noBrowserWrites,
  noImpersonation,
} from "./access.ts";
import { applyRoutes } from "./apply.ts";
import { auditRoutes, witnessed } from "./audit-routes.ts";
import { caRoutes } from "./ca-routes.ts";
import { codeRoutes, dashboard } from "./dashboard/routes.ts";
import { decisionRoutes } from "./decisions.ts";
import { describeRoutes } from "./describe-routes.ts";
import { enrolRoutes, joinTokenRoutes } from "./enrol.ts";
import type { Env } from "./env.ts";
import { explainRoutes } from "./explain-routes.ts";
import { findingRoutes } from "./findings.ts";
import { kubeRoutes } from "./kube/routes.ts";
import { methodsOf } from "../../src/api/methods.ts";
import { failure } from "../../src/kube/status.ts";
import { keyRoutes } from "./key-routes.ts";
import { limitRoutes } from "./limit-routes.ts";
import { listenerRoutes } from "./listeners.ts";
import { CONTENT_TYPES, formatFor } from "../../src/telemetry/exposition.ts";
import { openApiRoutes } from "./openapi.ts";
import { queryRoutes } from "./query-routes.ts";
import { recordRoutes } from "./record-routes.ts";
import { revisionRoutes } from "./revisions.ts";
import { gaugesOf } from "./scrape.ts";
import { sessionRoutes, signInRoutes } from "./session-routes.ts";
import { tailRoutes } from "./tail-routes.ts";
import { bootstrapRoutes, tokenRoutes } from "./token-routes.ts";
import { workloadGroupRoutes } from "./workload-groups.ts";

/**
 * The control API. What stands above `authenticated` is the whole list of what needs no token of ours (R21): the health
 * check, the bootstrap, enrolment and sign-in, which bring their own credentials, and what is public: the mesh's certificate, the
 * gateways' assertion keys and the dashboard's files.
 */
export function controlApi(env: Env): Hono<Api> {
  const authority = () => env.AUTHORITY.getByName("authority");
  const app = new Hono<Api>({ strict: true });
  app.use(boundedHeaders);
  app.use(witnessed);
  app.use(
    "/ui/*",
    dashboard(() => app),
  );
  app.use(noBrowserWrites);
  app.get("/healthz", (c) => c.text("ok"));
  app.route("/api/v1", bootstrapRoutes());
  app.route("/api/v1", enrolRoutes(authority));
  app.route("/api/v1", signInRoutes());
  app.use(authenticated);
  app.use(noImpersonation);
  app.use("/metrics", needsPath);
  app.get("/metrics", async (c) => {
    const format = formatFor(c.req.header("accept"));
    const text = await c.env.TELEMETRY.getByName("telemetry").text(await gaugesOf(c.env), format);
    if (text === null) {
      c.header("retry-after", SCRAPE_AGAIN_SECONDS);
      return answer(c, failure("ServiceUnavailable", "too many scrapes are read at once; end those that nobody reads"));
    }
    return c.body(text, 200, { "content-type": CONTENT_TYPES[format] });
  });
  app.get("/api/v1/status", needsPath, async (c) => c.json(await c.env.HUB.getByName("hub").status()));
  app.route("/api/v1", findingRoutes());
  app.route("/api/v1", describeRoutes());
  app.route("/api/v1", auditRoutes());
  app.route("/api/v1", openApiRoutes());
  app.route("/api/v1", applyRoutes());
  app.route("/api/v1", listenerRoutes());
  app.route("/api/v1", workloadGroupRoutes());
  app.route("/api/v1", tokenRoutes());
  app.route("/api/v1", sessionRoutes());
  app.route("/api/v1", codeRoutes());
  app.route("/api/v1", recordRoutes());
  app.route("/api/v1", explainRoutes());
  app.route("/api/v1", revisionRoutes());
  app.route("/api/v1", decisionRoutes());
  app.route("/api/v1", queryRoutes());
  app.route("/api/v1", tailRoutes());
  app.route("/api/v1", limitRoutes());
  app.route("/api/v1", keyRoutes());
  app.use("/api/v1/join-tokens", needsPath);
  app.route("/api/v1", joinTokenRoutes(authority));
  app.route("/api/v1", caRoutes(authority));
  app.route("/k8s", kubeRoutes());
  app.notFound((c) => {
    const methods = methodsOf(c.req.path).join(", ");
    if (methods === "") return answer(c, failure("NotFound", "the server could not find the requested resource"));
    c.header("allow", methods);
    return answer(c, failure("MethodNotAllowed", `${c.req.method} is not allowed here, but ${methods}`));
  });
  app.onError((error, c) => {
    console.error(eventLine({ event: "control_error", path: c.req.path, message: error.message }));
    if (!isDependency(error))
      return answer(c, failure("InternalError", "an internal error occurred; see control's log"));
    c.header("retry-after", "1");
    return answer(c, failure("ServiceUnavailable", "the store did not answer; nothing is half done, try again"));
  });
  return app;
}

/** By then one whose reader does not read may be ended. */
const SCRAPE_AGAIN_SECONDS = "5";

/** The database or an object that is away, as the platform words it; anything else is a bug of ours. */
function isDependency(error: Error): boolean {
  const { retryable, overloaded, durableObjectReset } = error as unknown as Record<string, unknown>;
  if (retryable === true || overloaded === true || durableObjectReset === true) return true;
  return /D1_|Failed query|Network connection lost|storage/i.test(`${error.message} ${String(error.cause)}`);
}
