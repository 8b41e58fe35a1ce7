import { at, type Descriptions } from "../../descriptions.ts";

const RATES: Descriptions = {
  rates: "How much, in which time; all of them hold.",
  "rates.limit":
    "So much in each window, as `burst` comes back: in any window up to a minute never more than `limit` and `burst` together, in any longer one never more than `limit`.",
  "rates.window": "How long a window is, in whole seconds: `1s`, `1m`, `24h`.",
  "rates.burst": "So much at once, of a window up to a minute; `limit` without it.",
};

export const DESCRIPTIONS: Descriptions = {
  "": "Bounds how often what is called may be called.",
  spec: "What is limited, and how.",
  "spec.targetRefs": "What is limited, in the policy's own namespace.",
  ...at(["spec.targetRefs"], {
    group: "Empty for a Service, `networking.istio.io` for a Gateway, ServiceEntry or VirtualService.",
    kind: "Gateway, Service, ServiceEntry or VirtualService.",
    name: "Its name, in the policy's own namespace.",
    namespace: "Leave it out: a target is of the policy's own namespace.",
    sectionName: "Of a VirtualService, the name of one of its routes; without it all of them.",
    host: "Of a VirtualService, one of its hosts; without it all of them.",
  }),
  "spec.limits": "A request is charged all of them that are for it, or none.",
  ...at(["spec.limits"], {
    name: "By which it is counted, logged and told to clients.",
    when: "An expression of CEL: which requests it counts; all without it.",
    key: "Expressions of CEL: requests are counted apart by what they are worth; together without them.",
    onMissingKey:
      "Where a part of the key is not there: Share, the default: all such requests are one; Skip: they are not counted; Refuse.",
    ...RATES,
    tiers: "Other rates for some requests: those of the first that holds.",
    "tiers.when": "An expression of CEL.",
    overrides: "Other rates for single keys, whatever the tiers say.",
    "overrides.key": "The parts of the key, as text.",
    cost: "How much a request takes.",
    "cost.request": "An expression of CEL that is worth a whole number; 1 without it, 0 takes nothing.",
    "cost.answer":
      "What its answer takes besides, an expression of CEL that may name `response.code`, `response.size` and `response.headers`: it is charged behind the answer, whether there is room or not.",
    scope:
      "Whose requests are counted together: Global, the default, the mesh's; Location; Local, those of one isolate.",
    shared: "True: all targets of the policy have one count; each has its own by default.",
    onExceeded: "Block, the default: 429; Audit: it is told, and nobody is refused.",
    onError:
      "Where nobody can be asked: Allow, the default: a limit of the same size holds in each isolate; Refuse: 503.",
    timeout: "A request waits so long for the answer: 400ms of Global and 50ms of Location without it.",
    headers:
      "Which ones clients get: Standard, the default: `RateLimit` and `RateLimit-Policy`; Both: `X-RateLimit-*` too; None.",
  }),
  ...at(["spec.limits.tiers", "spec.limits.overrides"], RATES),
};
