import { CONFIGS } from "./configs.ts";
import { z } from "zod";
import { credentialName } from "../../src/resources/client-tls.ts";

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const label = z.string().regex(DNS_LABEL, "lower-case letters, digits and `-`, at most 63");

const Worker = z.strictObject({
  /** Name of the Worker to deploy. */
  worker: label,
  /** Its module, relative to the description. */
  main: z.string().min(1),
  version: label,
  vars: z.record(z.string(), z.string()).default({}),
});

const Service = z.strictObject({
  name: label,
  namespace: label.default("default"),
  /** The identity of its Workers: `spiffe://<trust domain>/ns/<namespace>/sa/<serviceAccount>`. */
  serviceAccount: label,
  workers: z.array(Worker).min(1),
  /** Services that it calls, `name` or `namespace/name`. */
  calls: z.array(z.string().min(1)).default([]),
});

const Gateway = z.strictObject({
  name: label,
  /** Services it fronts: `["*"]` or `["namespace/name"]`. */
  fronts: z.array(z.string().min(1)).min(1),
  /** The Gateway resource whose listeners it serves, `namespace/name`; without one it serves the mesh alone. */
  gateway: z
    .string()
    .regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, "`namespace/name` of a Gateway resource")
    .optional(),
  /** Custom domains that reach it. */
  domains: z.array(z.string().min(1)).default([]),
  /** Client certificates that it can show, by the `credentialName` of DestinationRules: ids of uploaded ones. */
  certificates: z.record(credentialName, z.string().min(1)).default({}),
  /** Of so many good calls one is logged; unset: each. */
  logOneIn: z.int().min(1).max(999_999_999).optional(),
});

/** What `npm run deploy` brings out: the services, who calls whom, and the gateways in front of them. */
export const Description = z
  .strictObject({
    mesh: label.default("tulle"),
    trustDomain: z.string().min(1).default("cluster.local"),
    /** Custom domain of the control API. Without one it is reached by nobody but the gateways. */
    controlDomain: z.string().min(1).optional(),
    services: z.array(Service).min(1),
    gateways: z.array(Gateway).min(1),
  })
  .superRefine((description, context) => {
    const names = new Map<string, string>();
    const claim = (name: string, what: string, path: (string | number)[]) => {
      const taken = names.get(name);
      if (taken !== undefined) {
        context.addIssue({ code: "custom", path, message: `the Worker name \`${name}\` is already that of ${taken}` });
      }
      names.set(name, what);
    };
    claim(CONFIGS.control.name, "the control Worker", []);
    claim(CONFIGS.state.name, "the state Worker", []);
    description.gateways.forEach(({ name }, index) => claim(name, `the gateway ${name}`, ["gateways", index, "name"]));
    description.services.forEach((service, index) => {
      for (const [at, { worker }] of service.workers.entries()) {
        claim(worker, `the service ${service.name}`, ["services", index, "workers", at, "worker"]);
      }
      for (const [at, called] of service.calls.entries()) {
        const path = ["services", index, "calls", at];
        const callee = description.services.find((other) => serviceKey(other) === qualified(called, service.namespace));
        if (!callee) {
          context.addIssue({
            code: "custom",
            path,
            message: `no service \`${called}\` here: name one of \`services\``,
          });
        } else if (!description.gateways.some((gateway) => frontsService(gateway, callee))) {
          context.addIssue({
            code: "custom",
            path,
            message: `no gateway fronts \`${called}\`: add it to one's \`fronts\``,
          });
        }
      }
    });
  });

export type Description = z.infer<typeof Description>;
export type DescribedService = Description["services"][number];
export type DescribedGateway = Description["gateways"][number];

export function serviceKey(service: { readonly namespace: string; readonly name: string }): string {
  return `${service.namespace}/${service.name}`;
}

/** `reviews` as a caller in `namespace` writes it, with its namespace. */
export function qualified(name: string, namespace: string): string {
  return name.includes("/") ? name : `${namespace}/${name}`;
}

export function frontsService(gateway: DescribedGateway, service: DescribedService): boolean {
  return gateway.fronts.includes("*") || gateway.fronts.includes(serviceKey(service));
}
