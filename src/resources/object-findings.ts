import type { FindingKind } from "./finding-kind.ts";

/** An object by itself. */
export const OBJECT_FINDINGS = {
  TULLE0001: {
    name: "InvalidField",
    severity: "error",
    meaning: "a field is unknown, has a value that it cannot have, or cannot work here",
    mend: "the message says what the field takes, or what to write in its place",
    istio: ["IST0106"],
  },
  TULLE0002: {
    name: "Remark",
    severity: "warning",
    meaning: "the object is stored, and something in it means less, or something else, than it seems to",
    mend: "the message says what is read, and what to write where something else was meant",
    istio: ["IST0133"],
  },
  TULLE0003: {
    name: "WithoutEffect",
    severity: "warning",
    meaning:
      "the field is stored and does nothing: it tunes what the platform decides, or lacks what it needs beside it",
    mend: "leave it out, or give it what the message says it lacks",
    istio: ["IST0133"],
  },
  TULLE0004: {
    name: "OldName",
    severity: "warning",
    meaning: "the field, or the apiVersion, is one of an older release or a placeholder of articles",
    mend: "write the name that the message tells",
    istio: ["IST0002"],
  },
  TULLE0005: {
    name: "SelectsEverything",
    severity: "warning",
    meaning: "a selector or a subset without labels takes all there is",
    mend: "name labels, or leave the selector out where everything is meant",
  },
  TULLE0006: {
    name: "MisplacedSettings",
    severity: "error",
    meaning:
      "a MeshConfig that cannot be the mesh's: another namespace than its own, another trust domain than was deployed",
    mend: "keep one MeshConfig `default` in `istio-system`; the trust domain is the one that control was deployed with",
  },
  TULLE0007: {
    name: "UnmetCondition",
    severity: "warning",
    meaning: "the object is stored, and one of its conditions says that it does not do its work yet",
    mend: "the condition's message says why, as in `kubectl describe`",
    istio: ["IST0171"],
  },
  TULLE0008: {
    name: "MisplacedAnnotation",
    severity: "warning",
    meaning: "an annotation stands on a kind that it is not for: it does nothing",
    mend: "move it to an object of the kind that the message names",
    istio: ["IST0107"],
  },
  TULLE0009: {
    name: "UnknownAnnotation",
    severity: "warning",
    meaning: "an annotation of ours or of Istio's that nothing here reads: it does nothing",
    mend: "correct its name, or leave it for other meshes",
    istio: ["IST0108"],
  },
  TULLE0010: {
    name: "InvalidAnnotation",
    severity: "warning",
    meaning: "an annotation has a value that cannot be read: it does nothing, or less than it says",
    mend: "the message says what it takes",
    istio: ["IST0125"],
  },
  TULLE0011: {
    name: "NotTakenNow",
    severity: "warning",
    meaning:
      "the object was stored by an older version, and this one would refuse it: it holds as far as it can be read, and a pattern that is too large to be run matches everything in a DENY, and nothing elsewhere",
    mend: "write what the message tells, and apply the object again",
    istio: ["IST0106"],
  },
  TULLE0012: {
    name: "MoreThanGatewaysTake",
    severity: "warning",
    meaning:
      "together with others the object is more than gateways take: it was stored before there was this bound, or before a gateway served so much; other writes pass, one that makes it more does not",
    mend: "the message says what to make smaller",
  },
  TULLE0013: {
    name: "EmptyBlocks",
    severity: "warning",
    meaning:
      "an `outboundTrafficPolicy` without a `mode` is REGISTRY_ONLY, as in Istio: calls to hosts that are not seen are answered with 502",
    mend: "write the `mode` that is meant, or leave `outboundTrafficPolicy` out",
  },
} as const satisfies Readonly<Record<`TULLE${number}`, FindingKind>>;
