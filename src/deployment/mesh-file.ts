import { z } from "zod";
import { credentialName } from "../resources/client-tls.ts";
import { isDnsLabel, isHostName } from "../resources/names.ts";

/** What stands in `tulle.jsonc`: the one description of a mesh, from which it is run, deployed and checked. */

const label = z
  .string()
  .refine(isDnsLabel, "lower-case letters, digits and `-`, at most 63")
  // For editors.
  .meta({ pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" });

const Version = z
  .strictObject({
    config: z.string().min(1).describe("The Worker's wrangler configuration, relative to this file."),
    environment: z.string().min(1).optional().describe("The environment of that configuration: `[env.NAME]`."),
  })
  .describe("One Worker that serves it.");

const called = z
  .string()
  .refine(
    (name) => name === "*" || isHostName(name.replace("/", ".")),
    "`*`, a service here (`name` or `namespace/name`) or a host name",
  );

const publicHost = z
  .string()
  .refine((host) => host === "*" || isHostName(host.replace(/^\*\./, "")), "a host name, `*.` and one, or `*`");

const Service = z
  .strictObject({
    serviceAccount: label.optional().describe("Whose name its Workers call others in (the service's name)."),
    port: z.int().min(1).max(65_535).default(80).describe("By which callers name it: `http://NAME:PORT/`."),
    versions: z
      .record(label, Version)
      .refine((versions) => Object.keys(versions).length > 0, "name at least one version")
      .describe("By version: `v1`. A version is a subset for policies."),
    calls: z
      .array(called)
      .default([])
      .describe("What it calls by `fetch` and a host name, beside its service bindings; `*`: every `fetch`."),
    public: z.array(publicHost).default([]).describe("Host names by which anybody may call it, through its gateway."),
    allowPublicRoutes: z
      .boolean()
      .default(false)
      .describe("Its own routes and workers.dev name stay: callers get past its gateway there."),
  })
  .describe("What callers name.");

const Namespace = z.strictObject({ services: z.record(label, Service).describe("By the name that callers use.") });

const Gateway = z
  .strictObject({
    fronts: z
      .array(
        z
          .string()
          .refine((name) => name === "*" || name.split("/").filter(isDnsLabel).length === 2, "`*` or `ns/name`"),
      )
      .min(1)
      .default(["*"])
      .describe("Services in front of which it stands: `*`, or `namespace/name`."),
    gateway: z
      .string()
      .refine((name) => name.split("/").filter(isDnsLabel).length === 2, "`namespace/name` of a Gateway resource")
      .optional()
      .describe("The Gateway resource whose listeners it serves; without one, one is made where a service is public."),
    domains: z
      .array(z.string().refine(isHostName, "a host name"))
      .default([])
      .describe("Custom domains, beside public hosts."),
    certificates: z
      .record(credentialName, z.string().min(1))
      .default({})
      .describe(
        "Client certificates that it can show: `credentialName` of DestinationRules to the id of an uploaded one.",
      ),
    logOneIn: z.int().min(1).max(999_999_999).optional().describe("Of so many good calls one is logged; unset: each."),
    decisionRecords: z.boolean().optional().describe("`false`: it writes no decision down; unset: some of each kind."),
  })
  .describe("A deployed gateway Worker.");

const Control = z.strictObject({
  domain: z
    .string()
    .refine(isHostName, "a host name")
    .optional()
    .describe("Its custom domain; without one it is reached by nobody but the gateways."),
});

const Environment = z
  .strictObject({
    public: z.record(z.string(), z.array(publicHost)).default({}).describe("By `namespace/name` of a service."),
    domains: z
      .record(label, z.array(z.string().refine(isHostName, "a host name")))
      .default({})
      .describe("By the name of a gateway."),
    control: Control.default({}).describe("The environment's own control Worker."),
  })
  .describe("A mesh of its own.");

export const MeshFile = z.strictObject({
  $schema: z.string().optional().describe("Where editors find what this file may hold."),
  mesh: label.describe("Names the mesh: its database, and its control and state Workers."),
  trustDomain: z
    .string()
    .refine(isHostName, "a domain name")
    .default("cluster.local")
    .describe("What the names of callers begin with: `spiffe://TRUST-DOMAIN/…`."),
  policies: z
    .array(z.string().min(1))
    .default(["policies"])
    .describe("Files and folders of YAML to apply, if they are there."),
  ignore: z
    .array(z.string().min(1))
    .default([])
    .describe("Wrangler configurations, and folders with such, that `tulle init` leaves alone."),
  namespaces: z.record(label, Namespace).describe("Services by their namespace: `default`, or one a team."),
  gateways: z
    .record(label, Gateway)
    .optional()
    .describe("By the name of the Worker; without it one gateway fronts all."),
  control: Control.default({}).describe("The control Worker, which has the API."),
  environments: z
    .record(label, Environment)
    .optional()
    .describe(
      "By which hosts the meshes of `tulle deploy --env` are reached: those of the fields above lead to this one.",
    ),
});

/** With its defaults filled in. */
export type MeshFile = z.infer<typeof MeshFile>;
export type MeshFileService = z.infer<typeof Service>;
export type MeshFileGateway = z.infer<typeof Gateway>;
