import { z } from "zod";
import { curl, errors, type Operations, pathParameter, referring } from "./operation.ts";

const object = z
  .looseObject({})
  .nullable()
  .describe("Without status and the store's own metadata; null: it was not there, or it is a Secret.");

export const SignInCode = z.strictObject({
  code: z.string().describe("The only time that it is shown: it makes one session of a browser."),
  expiresAt: z.int().describe("Epoch milliseconds."),
});

export const RevisionDiff = z.strictObject({
  from: z.int().describe("0: everything is new."),
  to: z.int(),
  objects: z.array(
    z.strictObject({
      group: z.string(),
      kind: z.string(),
      namespace: z.string(),
      name: z.string(),
      before: object,
      after: object,
    }),
  ),
  more: z.int().min(0).describe("How many more objects differ: the first 100 are answered."),
});

export const DASHBOARD_ANSWERED = { SignInCode, RevisionDiff };

const { answer } = referring<never, keyof typeof DASHBOARD_ANSWERED>();

export const DASHBOARD_OPERATIONS: Operations = {
  "/api/v1/sign-in-codes": {
    post: {
      operationId: "createSignInCode",
      summary: "A code that signs a browser in to the dashboard, once, within a minute",
      description:
        "It belongs into the fragment of a URL, which no server sees: `/ui/#code=CODE`. The session has the rights of the token that asked, holds 8 hours and ends with that token.",
      tags: ["Access"],
      responses: { "201": answer("The code.", "SignInCode"), ...errors() },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        { lang: "curl", source: curl("/api/v1/sign-in-codes", "-X POST"), "x-expect": '{"code":"code_' },
      ],
    },
  },
  "/api/v1/revisions/{generation}/diff": {
    get: {
      operationId: "diffRevisions",
      summary: "What differs between two generations",
      tags: ["Mesh"],
      parameters: [
        { ...pathParameter("generation", "The later one."), schema: { type: "integer", minimum: 1 } },
        {
          name: "from",
          in: "query",
          description: "The earlier one. Absent: the one before.",
          schema: { type: "integer", minimum: 1 },
        },
      ],
      responses: {
        "200": answer("Objects that differ, before and after.", "RevisionDiff"),
        ...errors("BadRequest", "Forbidden", "NotFound"),
      },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        { lang: "curl", source: curl("/api/v1/revisions/1/diff"), "x-expect": '{"from":0,"to":1,"objects":[' },
      ],
    },
  },
};
