import { Hono } from "hono";
import { describeDecision } from "../../src/decide/describe.ts";
import { callable } from "../../src/decide/explain.ts";
import { answer, type Api, needsPath } from "./access.ts";
import { lookUp, settle } from "./deciding.ts";
import { readPlain } from "./json-body.ts";
import { LinkedSlices } from "./linked-slices.ts";
import { questionOf } from "./questions.ts";

const MAX_BODY_BYTES = 65_536;
const FORM = '{"scope"?: "mesh/*", "facts": {"host": "reviews.default.svc.cluster.local", …}}';

/** What a gateway would do with a request, by the newest configuration. Facts come and go: nothing of them is kept. */
export function decisionRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  const slices = new LinkedSlices();
  app.use("/decide", needsPath);
  app.post("/decide", async (c) => {
    const body = await readPlain(c.req.raw, FORM, MAX_BODY_BYTES);
    if (!body.ok) return answer(c, body.error);
    const question = questionOf(body.value);
    if (!question.ok) return answer(c, question.error);
    const hub = c.env.HUB.getByName("hub");
    const { places, early } = question.value;
    const found = await lookUp(hub, slices, early === null ? places : []);
    const settled = settle(question.value, found);
    if (!settled.ok) return answer(c, settled.error);
    const { decision, scope, host, explanation } = settled.value;
    return c.json({
      generation: found.generation,
      scope,
      host,
      slice: found.id,
      decision: describeDecision(decision),
      trace: explanation.steps,
      endpoints: callable(decision),
    });
  });
  return app;
}
