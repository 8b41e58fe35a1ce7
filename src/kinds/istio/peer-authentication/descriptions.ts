import { SELECTOR, at, type Descriptions } from "../../descriptions.ts";

export const DESCRIPTIONS: Descriptions = {
  "": "Says whether callers must prove an identity of the mesh.",
  spec: "The workloads and what is asked of their callers.",
  ...at(["spec"], SELECTOR),
  "spec.mtls": "What is asked on all ports.",
  "spec.mtls.mode":
    "STRICT: a verified identity; PERMISSIVE: none is needed; DISABLE: as PERMISSIVE, with a warning; UNSET, the default: as the namespace or the mesh says.",
  "spec.portLevelMtls": "What is asked on single ports of the workload, by their number.",
  "spec.portLevelMtls.mode": "As `mtls.mode`; UNSET is what the workload says.",
};
