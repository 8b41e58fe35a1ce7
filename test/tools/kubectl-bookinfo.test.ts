import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Kubectl, kubectlBinaries } from "../support/kubectl.ts";
import { RunningMesh } from "../support/mesh.ts";

const BOOKINFO = join(import.meta.dirname, "../../../shared/bookinfo");
const BINARIES = kubectlBinaries();

const IS_THERE = existsSync(BOOKINFO);
if (!IS_THERE) console.log("not run: ../shared");

/** A document that is not taken: which one, the field it is for, and a piece of the reason. */
interface Refused {
  readonly document: string;
  readonly field: string;
  readonly reason: string;
}

const NOT_ALLOWED: Refused = {
  document: "ServiceEntry googleapis",
  field: "spec.hosts[0]",
  reason: "is not on `egress.allowedHosts` of the MeshConfig",
};

/** Each file of Istio's sample with its documents, in their order. */
const FILES: Readonly<Record<string, readonly (string | Refused)[]>> = {
  "bookinfo-gateway.yaml": ["Gateway bookinfo-gateway", "VirtualService bookinfo"],
  "certmanager-gateway.yaml": ["Gateway cert-manager-gateway", "VirtualService cert-manager"],
  "destination-rule-all-mtls.yaml": [
    "DestinationRule productpage",
    "DestinationRule reviews",
    "DestinationRule ratings",
    "DestinationRule details",
  ],
  "destination-rule-all.yaml": [
    "DestinationRule productpage",
    "DestinationRule reviews",
    "DestinationRule ratings",
    "DestinationRule details",
  ],
  "destination-rule-reviews.yaml": ["DestinationRule reviews"],
  "egress-rule-google-apis.yaml": [
    NOT_ALLOWED,
    "VirtualService rewrite-port-for-googleapis",
    "DestinationRule originate-tls-for-googleapis",
  ],
  "fault-injection-details-v1.yaml": ["VirtualService details", "DestinationRule details"],
  "virtual-service-all-v1.yaml": [
    "VirtualService productpage",
    "VirtualService reviews",
    "VirtualService ratings",
    "VirtualService details",
  ],
  "virtual-service-details-v2.yaml": ["VirtualService details"],
  "virtual-service-ratings-db.yaml": ["VirtualService reviews", "VirtualService ratings"],
  "virtual-service-ratings-mysql-vm.yaml": ["VirtualService reviews", "VirtualService ratings"],
  "virtual-service-ratings-mysql.yaml": ["VirtualService reviews", "VirtualService ratings"],
  "virtual-service-ratings-test-abort.yaml": ["VirtualService ratings"],
  "virtual-service-ratings-test-delay.yaml": ["VirtualService ratings"],
  "virtual-service-reviews-50-v3.yaml": ["VirtualService reviews"],
  "virtual-service-reviews-80-20.yaml": ["VirtualService reviews"],
  "virtual-service-reviews-90-10.yaml": ["VirtualService reviews"],
  "virtual-service-reviews-jason-v2-v3.yaml": ["VirtualService reviews"],
  "virtual-service-reviews-test-v2.yaml": ["VirtualService reviews"],
  "virtual-service-reviews-v2-v3.yaml": ["VirtualService reviews"],
  "virtual-service-reviews-v3.yaml": ["VirtualService reviews"],
};

const ALLOWED_HOSTS = JSON.stringify({
  apiVersion: "tulle.dev/v1alpha1",
  kind: "MeshConfig",
  metadata: { name: "default", namespace: "istio-system" },
  spec: { egress: { allowedHosts: ["www.googleapis.com"] } },
});

const NAMESPACES = ["default", "istio-system"];

describe.skipIf(BINARIES.length === 0 || !IS_THERE)("Istio's Bookinfo", () => {
  let mesh: RunningMesh;
  beforeAll(async () => {
    mesh = await RunningMesh.start(["--empty", "--port-base", "28200", "--loopback", "127.0.32.0/24"]);
  });
  afterAll(() => mesh.stop());

  it("has these files", () => {
    const files = readdirSync(BOOKINFO).filter((name) => name.endsWith(".yaml"));
    expect(files.toSorted()).toEqual(Object.keys(FILES).toSorted());
  });

  describe.each(BINARIES)("applied by kubectl $name", (binary) => {
    let kubectl: Kubectl;
    beforeAll(async () => {
      kubectl = new Kubectl(binary, mesh.info.kubeconfigFile);
      for (const namespace of NAMESPACES)
        await kubectl.run(["delete", "istio-io,meshconfigs", "--all", "-n", namespace]);
      expect(await kubectl.run(["get", "istio-io", "-A"])).toMatchObject({ status: 0, stdout: "" });
    });
    afterAll(() => kubectl.end());

    it.each(Object.entries(FILES))(
      "%s: each document is taken, or refused with the reason",
      async (file, documents) => {
        const ran = await kubectl.run(["apply", "-f", join(BOOKINFO, file)]);
        const taken = documents.filter((document) => typeof document === "string");
        const refused = documents.filter((document) => typeof document !== "string");
        expect(takenIn(ran.stdout)).toEqual(taken);
        expect(refusedIn(ran.stderr)).toEqual(
          refused.map((each) => ({ ...each, reason: expect.stringContaining(each.reason) as string })),
        );
        expect(ran.status).toBe(refused.length === 0 ? 0 : 1);
      },
    );

    it("is accepted as it stands", async () => {
      const { stdout } = await kubectl.run(["get", "istio-io", "-A", "-o", "name"]);
      const there = new Set(takenIn(stdout.replaceAll(/$/gm, " unchanged")));
      const taken = Object.values(FILES).flatMap((documents) => documents.filter((each) => typeof each === "string"));
      expect(there).toEqual(new Set(taken));
      const message = "-ojsonpath={range .items[*]}{.kind} {.metadata.name} {.status.conditions[0].status}{'\\n'}{end}";
      const verdicts = await kubectl.run(["get", "istio-io", "-A", message]);
      expect(verdicts.stdout.trim().split("\n").toSorted()).toEqual(
        [...there].map((each) => `${each} True`).toSorted(),
      );
    });

    it("reaches another host where the administrator allows it", async () => {
      const allowed = await kubectl.run(["apply", "-f", "-"], { input: ALLOWED_HOSTS });
      expect(allowed).toMatchObject({ status: 0, stdout: "meshconfig.tulle.dev/default created\n" });
      const ran = await kubectl.run(["apply", "-f", join(BOOKINFO, "egress-rule-google-apis.yaml")]);
      expect(ran.status).toBe(0);
      expect(takenIn(ran.stdout)[0]).toBe(NOT_ALLOWED.document);
    });
  });
});

const KINDS = ["Gateway", "VirtualService", "DestinationRule", "ServiceEntry"];

function takenIn(stdout: string): readonly string[] {
  const lines = stdout.matchAll(/^(\w+)\.networking\.istio\.io\/(\S+) (?:created|configured|unchanged)$/gm);
  return [...lines].map(([, singular, name]) => {
    const kind = KINDS.find((each) => each.toLowerCase() === singular);
    return `${kind} ${name}`;
  });
}

function refusedIn(stderr: string): readonly Refused[] {
  const lines = stderr.matchAll(/^The (\w+) "([^"]+)" is invalid: (\S+): (.*)$/gm);
  return [...lines].map(([, kind, name, field = "", reason = ""]) => ({ document: `${kind} ${name}`, field, reason }));
}
