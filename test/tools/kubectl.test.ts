import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withoutProgrammed } from "../../src/kube/programmed.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import { Kubectl, kubectlBinaries, type Run, type Surroundings, tableRows } from "../support/kubectl.ts";
import { send } from "../support/http.ts";
import { RunningMesh } from "../support/mesh.ts";
import { until } from "../support/until.ts";

const BINARIES = kubectlBinaries().map((binary, index) => ({ ...binary, index }));

/** Since then validation is the server's, by `fieldValidation`. */
const SERVER_VALIDATES = 25;
const HAS_CREATE_TOKEN = 24;
const HAS_WHOAMI = 28;
/** Since then `wait --for=delete` is content with what was never there. */
const WAITS_FOR_NOTHING = 24;

function policy(name: string, action: "ALLOW" | "DENY" | null, metadata: object = {}): string {
  const rules = [{ to: [{ operation: { methods: ["GET"] } }] }];
  return manifest("security.istio.io/v1", "AuthorizationPolicy", name, metadata, {
    ...(action !== null && { action }),
    rules,
  });
}

function route(name: string, spec: object = {}, apiVersion = "networking.istio.io/v1"): string {
  const http = [{ route: [{ destination: { host: name } }] }];
  return manifest(apiVersion, "VirtualService", name, {}, { hosts: [name], http, ...spec });
}

function service(name: string, ports: readonly object[], spec: object = {}): string {
  return manifest("v1", "Service", name, {}, { selector: { app: name }, ports, ...spec });
}

/** With a line before the first: older clients take what begins with a brace for JSON to the end. */
function documents(...manifests: readonly string[]): string {
  return ["", ...manifests].join("\n---\n");
}

function manifest(apiVersion: string, kind: string, name: string, metadata: object, spec: object): string {
  return JSON.stringify({ apiVersion, kind, metadata: { name, ...metadata }, spec });
}

const HTTP = { name: "http", port: 80 };
const ADMIN = { name: "admin", port: 81 };
const ODD_SERVICE = service("odd", [HTTP], { sessionAffinity: "ClientIP", strangeField: 1 });

/** @param index of the binary: hosts and addresses belong to one namespace */
const ofEachKind = (index: number): string => `
apiVersion: v1
kind: Pod
metadata: { name: reviews-v1, labels: { app: reviews } }
spec: { containers: [{ name: app, image: none }] }
---
apiVersion: v1
kind: Service
metadata: { name: reviews }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 9080 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: reviews-1, labels: { kubernetes.io/service-name: reviews } }
addressType: IPv4
ports: [{ name: http, port: 9080, protocol: TCP }]
endpoints: []
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: inner }
spec:
  hosts: [inner-${index}.test]
  location: MESH_INTERNAL
  resolution: STATIC
  exportTo: ["."]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  workloadSelector: { labels: { app: inner } }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: inner-1, labels: { app: inner } }
spec: { address: "binding:EP_INNER_${index}", labels: { app: inner } }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: 8080, name: http, protocol: HTTP }, hosts: [./front.test] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], gateways: [mesh], http: [{ route: [{ destination: { host: reviews } }] }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews }
spec: { host: reviews }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: nobody }
spec: { action: DENY, rules: [{ to: [{ operation: { methods: [DELETE] } }] }] }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: strict }
spec: { selector: { matchLabels: { app: reviews } }, mtls: { mode: STRICT } }
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: users }
spec: { selector: { matchLabels: { app: reviews } }, jwtRules: [] }
`;

describe.skipIf(BINARIES.length === 0)("a mesh", () => {
  let mesh: RunningMesh;
  beforeAll(async () => {
    mesh = await RunningMesh.start(["--empty", "--port-base", "28000", "--loopback", "127.0.30.0/24"]);
  });
  afterAll(() => mesh.stop());

  describe.each(BINARIES)("managed by kubectl $name", (binary) => {
    let kubectl: Kubectl;
    beforeAll(() => {
      kubectl = new Kubectl(binary, mesh.info.kubeconfigFile);
    });
    afterAll(() => kubectl.end());

    /** Runs kubectl in one namespace, which is made before. */
    function inNamespace(what: string) {
      const namespace = `${what}-${binary.index}`;
      beforeAll(async () => {
        expect(await run("create", "namespace", namespace)).toMatchObject({ status: 0 });
      });

      const runGiven = async (surroundings: Surroundings, ...args: readonly string[]): Promise<Run> =>
        kubectl.run(["-n", namespace, ...args], surroundings);
      async function run(...args: readonly string[]): Promise<Run> {
        return runGiven({}, ...args);
      }
      return {
        namespace,
        run,
        runGiven,
        /** Its output; fails where kubectl did. */
        async ok(...args: readonly string[]): Promise<string> {
          const ran = await run(...args);
          expect(ran.status, `${args.join(" ")}\n${ran.stderr}`).toBe(0);
          return ran.stdout;
        },
        /** What it says of why; fails where kubectl did not. */
        async fails(...args: readonly string[]): Promise<string> {
          const ran = await run(...args);
          expect(ran.status, `${args.join(" ")}\n${ran.stdout}`).toBe(1);
          return ran.stderr;
        },
        async apply(yaml: string, ...flags: readonly string[]): Promise<Run> {
          return runGiven({ input: yaml }, "apply", "-f", "-", ...flags);
        },
        async mustApply(yaml: string, ...flags: readonly string[]): Promise<string> {
          const ran = await runGiven({ input: yaml }, "apply", "-f", "-", ...flags);
          expect(ran.status, `${yaml}\n${ran.stderr}`).toBe(0);
          return ran.stdout;
        },
        async json(...args: readonly string[]): Promise<Json> {
          const ran = await run("get", ...args, "-o", "json");
          expect(ran.status, `${args.join(" ")}\n${ran.stderr}`).toBe(0);
          return JSON.parse(ran.stdout) as Json;
        },
        stream: (...args: readonly string[]) => kubectl.stream(["-n", namespace, ...args]),
      };
    }

    async function makeToken(name: string, role: string, namespace?: string): Promise<string> {
      const made = await mesh.control("/api/v1/tokens", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ name, role, namespace }),
      });
      expect(made.status).toBe(201);
      return (JSON.parse(made.text) as { token: string }).token;
    }

    describe("what is served", () => {
      const { ok, fails } = inNamespace("served");

      it("tells its version", async () => {
        const { serverVersion } = JSON.parse(await ok("version", "-o", "json")) as { serverVersion: Json };
        expect(serverVersion.gitVersion).toContain("mesh");
      });

      it("lists groups with their versions", async () => {
        expect((await ok("api-versions")).split("\n")).toEqual(
          expect.arrayContaining([
            "v1",
            "discovery.k8s.io/v1",
            "networking.istio.io/v1",
            "networking.istio.io/v1alpha3",
            "networking.istio.io/v1beta1",
            "security.istio.io/v1",
            "security.istio.io/v1beta1",
            "tulle.dev/v1alpha1",
          ]),
        );
      });

      it("lists kinds with their short names, and by group and verb", async () => {
        const rows = tableRows(await ok("api-resources"));
        const found = rows.find((row) => row["KIND"] === "VirtualService" && row["SHORTNAMES"] !== "");
        expect(found).toEqual({
          NAME: "virtualservices",
          SHORTNAMES: "vs",
          APIVERSION: "networking.istio.io/v1",
          NAMESPACED: "true",
          KIND: "VirtualService",
        });
        expect(rows.find((row) => row["KIND"] === "Namespace")).toMatchObject({
          SHORTNAMES: "ns",
          NAMESPACED: "false",
        });
        const security = await ok("api-resources", "--api-group=security.istio.io", "--verbs=patch", "-o", "name");
        expect(security.trim().split("\n").toSorted()).toEqual([
          "authorizationpolicies.security.istio.io",
          "peerauthentications.security.istio.io",
          "requestauthentications.security.istio.io",
        ]);
        expect((await ok("api-resources", "--verbs=delete", "-o", "name")).split("\n")).not.toContain("events");
      });

      it("explains a kind, a field and a nested one, and knows no others", async () => {
        expect(await ok("explain", "vs")).toMatch(/KIND: +VirtualService[^]*FIELDS:[^]*spec\t<Object>/);
        const spec = await ok("explain", "virtualservices.spec.http");
        expect(spec).toMatch(/route\t<\[\]Object>/);
        expect(spec).toMatch(/first one that matches a request/);
        const host = await ok("explain", "vs.spec.http.route.destination.host");
        expect(host).toMatch(/host <string>/);
        expect(host).toMatch(/The service's name/);
        expect(await ok("explain", "ap.spec", "--recursive")).toMatch(/notPrincipals\t<\[\]string>/);
        expect(await ok("explain", "service.spec.ports")).toMatch(/port\t<integer>/);
        expect(await fails("explain", "vs.spec.nothing")).toMatch(/nothing/);
      });
    });

    describe("apply", () => {
      const { namespace, ok, apply, mustApply, json } = inNamespace("apply");

      it("says created, then unchanged, then configured", async () => {
        expect(await mustApply(policy("p", "DENY"))).toBe("authorizationpolicy.security.istio.io/p created\n");
        const { metadata } = await json("ap", "p");
        expect(await mustApply(policy("p", "DENY"))).toBe("authorizationpolicy.security.istio.io/p unchanged\n");
        expect((await json("ap", "p")).metadata).toEqual(metadata);
        expect(await mustApply(policy("p", "ALLOW"))).toBe("authorizationpolicy.security.istio.io/p configured\n");
        expect((await json("ap", "p")).metadata).toMatchObject({ uid: metadata["uid"], generation: 2 });
      });

      it("removes a field that is not applied any more, and keeps what others wrote", async () => {
        await ok("label", "ap", "p", "kept=yes");
        await mustApply(policy("p", null));
        const { metadata, spec } = await json("ap", "p");
        expect(spec).not.toHaveProperty("action");
        expect(metadata["labels"]).toEqual({ kept: "yes" });
      });

      it("takes several documents, and refuses one of them without the others", async () => {
        const bad = route("bad", { hots: ["bad"] });
        const ran = await apply(documents(policy("a", "DENY"), bad, service("b", [HTTP])), "--validate=false");
        expect(ran.status).toBe(1);
        expect(ran.stdout).toBe("authorizationpolicy.security.istio.io/a created\nservice/b created\n");
        expect(ran.stderr).toMatch(/^The VirtualService "bad" is invalid: spec\.hots: unknown field/m);
      });

      it("re-applies a Namespace with new labels", async () => {
        const labelled = (labels: object) => manifest("v1", "Namespace", `${namespace}-more`, { labels }, {});
        expect(await mustApply(labelled({ team: "a" }))).toBe(`namespace/${namespace}-more created\n`);
        expect(await mustApply(labelled({ team: "a" }))).toBe(`namespace/${namespace}-more unchanged\n`);
        expect(await mustApply(labelled({ team: "b", tier: "1" }))).toBe(`namespace/${namespace}-more configured\n`);
        const { metadata, status } = await json("namespace", `${namespace}-more`);
        expect(metadata["labels"]).toMatchObject({ team: "b", tier: "1" });
        expect(status).toEqual({ phase: "Active" });
      });

      it("removes the second port of a Service", async () => {
        await mustApply(service("ports", [HTTP, ADMIN]));
        expect(await mustApply(service("ports", [HTTP]))).toBe("service/ports configured\n");
        expect((await json("svc", "ports")).spec["ports"]).toEqual([HTTP]);
      });

      it("keeps fields of a core object that nothing here reads", async () => {
        const ran = await apply(service("affine", [HTTP], { sessionAffinity: "ClientIP" }));
        expect(ran).toEqual({ status: 0, stdout: "service/affine created\n", stderr: "" });
        expect((await json("svc", "affine")).spec["sessionAffinity"]).toBe("ClientIP");
      });

      it.each(["v1beta1", "v1alpha3"])(
        "takes the older version %s, and answers in it and in the newest",
        async (version) => {
          const name = `old-${version}`;
          const made = await mustApply(route(name, {}, `networking.istio.io/${version}`));
          expect(made).toBe(`virtualservice.networking.istio.io/${name} created\n`);
          const again = await mustApply(route(name, {}, `networking.istio.io/${version}`));
          expect(again).toBe(`virtualservice.networking.istio.io/${name} unchanged\n`);
          expect((await json(`virtualservices.${version}.networking.istio.io`, name)).apiVersion).toMatch(version);
          expect((await json("vs", name)).apiVersion).toBe("networking.istio.io/v1");
        },
      );

      it("takes the group of articles, with a warning, as the one that it stands for", async () => {
        const ran = await apply(route("alias", {}, "networking.example.com/v1"));
        expect(ran.stdout).toBe("virtualservice.networking.example.com/alias created\n");
        expect(ran.stderr).toMatch(/Warning: .*networking\.example\.com\/v1.*networking\.istio\.io\/v1/);
        expect((await json("vs", "alias")).apiVersion).toBe("networking.istio.io/v1");
      });

      it("shows what the mesh warns of", async () => {
        const ran = await apply(route("lonely"));
        expect(ran).toMatchObject({ status: 0, stdout: "virtualservice.networking.istio.io/lonely created\n" });
        expect(ran.stderr).toMatch(/^Warning: spec\.http\[0\]\.route\[0\]\.destination: .*lonely/);
      });
    });

    describe("apply --server-side", () => {
      const { apply, mustApply, json } = inNamespace("ssa");
      const by = (manager: string) => ["--server-side", `--field-manager=${manager}`];

      async function action(name: string): Promise<unknown> {
        return (await json("ap", name)).spec["action"];
      }

      it("creates, and changes nothing the second time", async () => {
        const told = "authorizationpolicy.security.istio.io/p serverside-applied\n";
        expect(await mustApply(policy("p", "DENY"), ...by("ci"))).toBe(told);
        const { metadata } = await json("ap", "p");
        expect(await mustApply(policy("p", "DENY"), ...by("ci"))).toBe(told);
        expect((await json("ap", "p")).metadata["resourceVersion"]).toBe(metadata["resourceVersion"]);
      });

      it("refuses a field of another manager, naming both", async () => {
        const ran = await apply(policy("p", "ALLOW"), ...by("other"));
        expect(ran).toMatchObject({ status: 1, stdout: "" });
        expect(ran.stderr).toMatch(/Apply failed with 1 conflict: conflict with "ci": \.spec\.action/);
        expect(await action("p")).toBe("DENY");
      });

      it("takes it with --force-conflicts", async () => {
        await mustApply(policy("p", "ALLOW"), ...by("other"), "--force-conflicts");
        expect(await action("p")).toBe("ALLOW");
        expect((await apply(policy("p", "DENY"), ...by("ci"))).stderr).toMatch(/conflict with "other": \.spec\.action/);
      });

      it("removes a field that its owner applies no more", async () => {
        await mustApply(policy("p", null), ...by("other"));
        expect(await action("p")).toBe(undefined);
      });

      it("takes over from client-side apply what that applied, and can be followed by it", async () => {
        await mustApply(policy("moved", "DENY"));
        await mustApply(policy("moved", "ALLOW"), "--server-side");
        expect(await action("moved")).toBe("ALLOW");
        // Client-side apply works out from its record of the last one that the field goes.
        await mustApply(policy("moved", null));
        expect(await action("moved")).toBe(undefined);
      });

      it("leaves to others what they changed after client-side apply", async () => {
        await mustApply(policy("shared", "DENY"));
        await mustApply(policy("shared", "ALLOW"), ...by("ci"), "--force-conflicts");
        const ran = await apply(policy("shared", "DENY"), "--server-side");
        expect(ran.status).toBe(1);
        expect(ran.stderr).toMatch(/conflict with "ci": \.spec\.action/);
      });

      it("applies a port of a Service beside another manager's", async () => {
        await mustApply(manifest("v1", "Service", "s", {}, { ports: [HTTP] }), ...by("ci"));
        await mustApply(manifest("v1", "Service", "s", {}, { ports: [ADMIN] }), ...by("other"));
        expect((await json("svc", "s")).spec["ports"]).toEqual([HTTP, ADMIN]);
      });
    });

    describe("a dry run", () => {
      const { run, runGiven, ok, apply, mustApply, json } = inNamespace("dry");
      /** Without the condition that is worked out at each read: it turns when gateways catch up or fall asleep. */
      const stored = async (...args: readonly string[]) =>
        withoutProgrammed((await json(...args)) as unknown as KubeObject);

      /** What came of it in a span in which that condition stood still: `kubectl diff` compares two reads whole. */
      async function whileNothingTurns<T>(act: () => Promise<T>): Promise<T> {
        for (;;) {
          const before = await json("ap", "p");
          const came = await act();
          if (isDeepStrictEqual(await json("ap", "p"), before)) return came;
        }
      }

      it("of an apply is told and not stored", async () => {
        const tried = await mustApply(policy("p", "DENY"), "--dry-run=server");
        expect(tried).toBe("authorizationpolicy.security.istio.io/p created (server dry run)\n");
        expect(await run("get", "ap", "p")).toMatchObject({ status: 1 });
        await mustApply(policy("p", "DENY"));
        const before = await stored("ap", "p");
        const changed = await mustApply(policy("p", "ALLOW"), "--dry-run=server");
        expect(changed).toBe("authorizationpolicy.security.istio.io/p configured (server dry run)\n");
        const applied = await mustApply(policy("p", "ALLOW"), "--dry-run=server", "--server-side", "--force-conflicts");
        expect(applied).toMatch(/serverside-applied \(server dry run\)/);
        expect(await stored("ap", "p")).toEqual(before);
      });

      it("of what is invalid is refused", async () => {
        const ran = await apply(route("bad", { http: [{ timeout: "soon" }] }), "--dry-run=server");
        expect(ran).toMatchObject({ status: 1, stdout: "" });
        expect(ran.stderr).toMatch(/The VirtualService "bad" is invalid: [^]*spec\.http\[0\]\.timeout/);
      });

      it("of a deletion is told and not done", async () => {
        const told = await ok("delete", "ap", "p", "--dry-run=server");
        expect(told).toMatch(/^authorizationpolicy\.security\.istio\.io "p" deleted.*\(server dry run\)/);
        await json("ap", "p");
      });

      it("is what diff compares: 1 with a difference, 0 without, and nothing stored", async () => {
        const diff = async (yaml: string, ...flags: readonly string[]) =>
          runGiven({ input: yaml }, "diff", "-f", "-", ...flags);
        const before = await stored("ap", "p");
        expect(await whileNothingTurns(async () => diff(policy("p", "DENY")))).toMatchObject({ status: 0, stdout: "" });
        const changed = await diff(policy("p", "ALLOW"));
        expect(changed.status).toBe(1);
        expect(changed.stdout).toMatch(/^-  action: DENY\n\+  action: ALLOW$/m);
        // A dry run has no version of its own to differ in.
        expect(changed.stdout).not.toMatch(/^[-+] +resourceVersion/m);
        const forced = await diff(policy("p", "ALLOW"), "--server-side", "--force-conflicts");
        expect(forced.status).toBe(1);
        expect(forced.stdout).toMatch(/^\+  action: ALLOW$/m);
        const added = await diff(policy("new", "DENY"));
        expect(added.status).toBe(1);
        expect(added.stdout).toMatch(/^\+kind: AuthorizationPolicy$/m);
        expect(added.stdout).not.toMatch(/resourceVersion/);
        const refused = await diff(route("bad", { http: [{ timeout: "soon" }] }));
        expect(refused.status).toBeGreaterThan(0);
        expect(refused.stderr).toMatch(/spec\.http\[0\]\.timeout/);
        expect(await stored("ap", "p")).toEqual(before);
        expect(await run("get", "ap", "new")).toMatchObject({ status: 1 });
      });
    });

    describe("get", () => {
      const { namespace, ok, run, mustApply } = inNamespace("get");

      beforeAll(async () => {
        await mustApply(ofEachKind(binary.index));
        await ok("wait", "--for=condition=Programmed", "gateway/front", "--timeout=90s");
        await mustApply(policy("labelled", "DENY", { labels: { team: "a", tier: "web" } }));
      });

      const accepted = { STATUS: "Accepted", AGE: expect.stringMatching(/^\d+[smh]/) as string };
      const age = { AGE: accepted.AGE };

      it.each([
        { kind: "po", row: { NAME: "reviews-v1", READY: "0/1", RESTARTS: "0", ...age } },
        {
          kind: "svc",
          row: {
            NAME: "reviews",
            TYPE: "ClusterIP",
            "CLUSTER-IP": "None",
            "EXTERNAL-IP": "<none>",
            "PORT(S)": "9080/TCP",
            SELECTOR: "app=reviews",
            ...age,
          },
        },
        { kind: "endpointslices", row: { NAME: "reviews-1", ADDRESSTYPE: "IPv4", ENDPOINTS: "<unset>", ...age } },
        {
          kind: "se",
          row: {
            NAME: "inner",
            HOSTS: `["inner-${binary.index}.test"]`,
            LOCATION: "MESH_INTERNAL",
            RESOLUTION: "STATIC",
            ...accepted,
          },
        },
        { kind: "we", row: { NAME: "inner-1", ADDRESS: `binding:EP_INNER_${binary.index}`, ...accepted } },
        { kind: "gw", row: { NAME: "front", ...accepted } },
        { kind: "vs", row: { NAME: "reviews", GATEWAYS: '["mesh"]', HOSTS: '["reviews"]', ...accepted } },
        { kind: "dr", row: { NAME: "reviews", HOST: "reviews", ...accepted } },
        { kind: "ap", row: { NAME: "nobody", ACTION: "DENY", ...accepted } },
        { kind: "pa", row: { NAME: "strict", MODE: "STRICT", ...accepted } },
        { kind: "ra", row: { NAME: "users", ...accepted } },
      ])("prints the columns of $kind, by its short name", async ({ kind, row }) => {
        const rows = tableRows(await ok("get", kind, "-o", "wide"));
        const found = rows.find(({ NAME }) => NAME === row.NAME);
        expect(found).toMatchObject(row);
        const known = Object.keys(row);
        expect(
          Object.keys(found ?? {}).filter((title) => !known.includes(title) && !["PORTS", "STATUS"].includes(title)),
        ).toEqual([]);
      });

      it("prints the columns of Namespaces and Events", async () => {
        expect(tableRows(await ok("get", "ns", namespace))).toEqual([{ NAME: namespace, STATUS: "Active", ...age }]);
        const events = tableRows(await ok("get", "events"));
        expect(events.find((row) => row["OBJECT"] === "virtualservice/reviews")).toMatchObject({
          "LAST SEEN": age.AGE,
          TYPE: "Normal",
          REASON: "Accepted",
        });
      });

      it("-A shows every namespace", async () => {
        const rows = tableRows(await ok("get", "vs", "-A"));
        expect(rows.filter(({ NAMESPACE }) => NAMESPACE === namespace).map(({ NAME }) => NAME)).toEqual(["reviews"]);
        expect(new Set(rows.map(({ NAMESPACE }) => NAMESPACE)).size).toBeGreaterThan(1);
      });

      it.each([
        { selector: "team=a", names: ["labelled"] },
        { selector: "team=a,tier in (web,db)", names: ["labelled"] },
        { selector: "!team", names: ["nobody"] },
        { selector: "team!=a", names: ["nobody"] },
        { selector: "team", names: ["labelled"] },
      ])("-l $selector selects", async ({ selector, names }) => {
        const found = await ok("get", "ap", "-l", selector, "-o", "name");
        expect(found).toBe(names.map((name) => `authorizationpolicy.security.istio.io/${name}\n`).join(""));
      });

      it("--field-selector selects by name, and --chunk-size pages to the end", async () => {
        const named = await ok("get", "ap", "--field-selector=metadata.name=nobody", "-o", "name");
        expect(named).toBe("authorizationpolicy.security.istio.io/nobody\n");
        const paged = tableRows(await ok("get", "ap", "--chunk-size=1"));
        expect(paged.map(({ NAME }) => NAME)).toEqual(["labelled", "nobody"]);
      });

      it("says that nothing was found", async () => {
        const ran = await run("get", "ap", "-l", "team=none");
        expect(ran).toMatchObject({ status: 0, stdout: "" });
        expect(ran.stderr).toBe(`No resources found in ${namespace} namespace.\n`);
      });

      it("gets a category, all kinds, and several kinds at once", async () => {
        const mine = [
          "authorizationpolicy.security.istio.io/nobody",
          "destinationrule.networking.istio.io/reviews",
          "gateway.networking.istio.io/front",
          "peerauthentication.security.istio.io/strict",
          "requestauthentication.security.istio.io/users",
          "serviceentry.networking.istio.io/inner",
          "virtualservice.networking.istio.io/reviews",
          "workloadentry.networking.istio.io/inner-1",
        ];
        const istio = (await ok("get", "istio-io", "-o", "name")).split("\n");
        expect(istio).toEqual(expect.arrayContaining(mine));
        expect(istio).not.toContain("service/reviews");
        expect(await ok("get", "istio-io", "-A")).toMatch(new RegExp(`${namespace} +virtualservice\\S+/reviews `));
        const all = (await ok("get", "all", "-o", "name")).split("\n");
        expect(all).toEqual(expect.arrayContaining([...mine, "service/reviews", "pod/reviews-v1"]));
        expect(await ok("get", "vs/reviews", "dr/reviews", "-o", "name")).toBe(
          "virtualservice.networking.istio.io/reviews\ndestinationrule.networking.istio.io/reviews\n",
        );
      });

      it("prints whole objects: yaml, json, jsonpath, custom columns, names, labels", async () => {
        const yaml = await ok("get", "vs", "reviews", "-o", "yaml");
        expect(yaml).toMatch(/^apiVersion: networking\.istio\.io\/v1\nkind: VirtualService\nmetadata:\n/);
        expect(yaml).toMatch(/^ +type: Accepted$/m);
        expect(await ok("get", "vs", "reviews", "-o", "jsonpath={.spec.hosts[0]}")).toBe("reviews");
        expect(await ok("get", "vs", "-o", "jsonpath={.items[*].metadata.name}")).toBe("reviews");
        const columns = "-ocustom-columns=NAME:.metadata.name,HOST:.spec.http[0].route[0].destination.host";
        expect(tableRows(await ok("get", "vs", columns))).toEqual([{ NAME: "reviews", HOST: "reviews" }]);
        expect(await ok("get", "vs", "-o", "name")).toBe("virtualservice.networking.istio.io/reviews\n");
        const labelled = tableRows(await ok("get", "ap", "--show-labels", "--sort-by=.metadata.name"));
        expect(labelled.map(({ LABELS }) => LABELS)).toEqual(["team=a,tier=web", "<none>"]);
      });

      it("describes an object with its conditions and events", async () => {
        const described = await ok("describe", "vs", "reviews");
        expect(described).toMatch(/^Name: +reviews$/m);
        expect(described).toMatch(/^ +Hosts:\n +reviews$/m);
        expect(described).toMatch(/^ +Type: +Accepted$/m);
        expect(described).toMatch(/Events:\n(.*\n){1,3} +Normal +Accepted .*tulle/);
        expect(await ok("describe", "svc", "reviews")).toMatch(/^Selector: +app=reviews$/m);
        expect(await ok("describe", "ns", namespace)).toMatch(/^Status: +Active$/m);
      });
    });

    describe("get -w", () => {
      const { ok, mustApply, stream } = inNamespace("watch");

      it("prints each event as it comes", async () => {
        await mustApply(policy("first", "DENY"));
        const watch = stream("get", "ap", "-w", "--output-watch-events");
        await watch.line(/^EVENT +NAME +ACTION +STATUS +AGE$/);
        await watch.line(/^ADDED +first +DENY +Accepted/);
        for (const [change, event] of [
          [async () => mustApply(policy("second", "ALLOW")), /^ADDED +second +ALLOW/],
          [async () => ok("label", "ap", "first", "a=b"), /^MODIFIED +first +DENY/],
          [async () => ok("delete", "ap", "second"), /^DELETED +second +ALLOW/],
        ] as const) {
          expect(watch.lines.some((text) => event.test(text))).toBe(false);
          await change();
          await watch.line(event);
        }
        expect(watch.hasEnded).toBe(false);
        await watch.stop();
      });

      it("prints one object as a table, with each state on a line", async () => {
        await mustApply(policy("one", "DENY"));
        const watch = stream("get", "ap", "one", "-w");
        await watch.line(/^NAME +ACTION +STATUS +AGE$/);
        await watch.line(/^one +DENY +Accepted/);
        await mustApply(policy("one", "ALLOW"));
        await watch.line(/^one +ALLOW +Accepted/);
        await watch.stop();
        expect(watch.lines.filter((text) => text.startsWith("NAME"))).toHaveLength(1);
      });

      it("sees what a selector lets in and out", async () => {
        await mustApply(policy("chosen", "DENY"));
        const watch = stream("get", "ap", "-l", "seen=yes", "-w", "--output-watch-events", "-v=6");
        await watch.watching();
        await ok("label", "ap", "chosen", "seen=yes");
        await watch.line(/^ADDED +chosen/);
        await ok("label", "ap", "chosen", "seen-");
        await watch.line(/^DELETED +chosen/);
        await watch.stop();
      });
    });

    describe("one object", () => {
      const { ok, fails, run, runGiven, mustApply, json } = inNamespace("object");
      beforeAll(async () => {
        await mustApply(policy("p", "DENY"));
        await mustApply(service("s", [HTTP, ADMIN]));
      });

      it("is labelled: set, overwritten, removed", async () => {
        const labels = async () => (await json("ap", "p")).metadata["labels"] ?? {};
        expect(await ok("label", "ap", "p", "team=a")).toBe("authorizationpolicy.security.istio.io/p labeled\n");
        expect(await fails("label", "ap", "p", "team=b")).toMatch(
          /already has a value \(a\), and --overwrite is false/,
        );
        expect(await labels()).toEqual({ team: "a" });
        await ok("label", "ap", "p", "team=b", "--overwrite");
        expect(await labels()).toEqual({ team: "b" });
        await ok("label", "ap", "p", "team-");
        expect(await labels()).toEqual({});
        expect(await fails("label", "ap", "p", "team=no/label")).toMatch(/invalid/i);
      });

      it("is annotated: set, overwritten, removed", async () => {
        const note = async () => ((await json("ap", "p")).metadata["annotations"] as Json["metadata"])["note"];
        expect(await ok("annotate", "ap", "p", "note=a b")).toMatch(/^authorizationpolicy\S+\/p annotated?\n$/);
        expect(await fails("annotate", "ap", "p", "note=c")).toMatch(/--overwrite is false/);
        expect(await note()).toBe("a b");
        await ok("annotate", "ap", "p", "note=c", "--overwrite");
        expect(await note()).toBe("c");
        await ok("annotate", "ap", "p", "note-");
        expect(await note()).toBe(undefined);
      });

      it("is patched by merging and by operations, and not by what cannot be done", async () => {
        const patch = async (kind: string, type: string, body: unknown) =>
          run("patch", kind, kind === "ap" ? "p" : "s", `--type=${type}`, "-p", JSON.stringify(body));
        const told = "authorizationpolicy.security.istio.io/p patched";
        const allow = { spec: { action: "ALLOW" } };
        expect(await patch("ap", "merge", allow)).toMatchObject({ status: 0, stdout: `${told}\n` });
        // It compares two reads whole, and whether the policy is live may turn between them.
        const again = await until("a patch while nothing turns", async () => {
          const ran = await patch("ap", "merge", allow);
          return (ran.status !== 0 || ran.stdout.includes("(no change)")) && ran;
        });
        expect(again).toMatchObject({ status: 0, stdout: `${told} (no change)\n` });
        const replace = { op: "replace", path: "/spec/action", value: "DENY" };
        expect(
          await patch("ap", "json", [{ op: "test", path: "/spec/action", value: "ALLOW" }, replace]),
        ).toMatchObject({
          status: 0,
        });
        expect((await json("ap", "p")).spec["action"]).toBe("DENY");
        const failed = await patch("ap", "json", [{ op: "test", path: "/spec/action", value: "ALLOW" }]);
        expect(failed.status).toBe(1);
        expect(failed.stderr).toMatch(
          /AuthorizationPolicy "p" is invalid: patch: operation 0: the test of `\/spec\/action`/,
        );
        const misspelt = await patch("ap", "merge", { spec: { acton: "ALLOW" } });
        expect(misspelt.status).toBe(1);
        expect(misspelt.stderr).toMatch(/AuthorizationPolicy "p" is invalid: spec\.acton: unknown field/);
      });

      it("of a mesh kind takes no strategic patch, and says which to send; a Service takes one", async () => {
        const refused = await fails("patch", "ap", "p", "-p", '{"spec":{"action":"ALLOW"}}');
        expect(refused).toMatch(/application\/merge-patch\+json/);
        const ports = [{ port: 81, targetPort: 8081 }];
        await ok("patch", "svc", "s", "-p", JSON.stringify({ spec: { ports } }));
        expect((await json("svc", "s")).spec["ports"]).toEqual([HTTP, { ...ADMIN, targetPort: 8081 }]);
        await ok("patch", "svc", "s", "-p", '{"spec":{"ports":[{"$patch":"delete","port":81}]}}');
        expect((await json("svc", "s")).spec["ports"]).toEqual([HTTP]);
      });

      it("is edited", async () => {
        const editor = (name: string, command: string) => {
          const path = kubectl.file(name, `#!/bin/sh\n${command}\n`, 0o755);
          return { env: { KUBE_EDITOR: path, EDITOR: path } };
        };
        const edited = await runGiven(
          editor("allow.sh", `sed -i 's/action: DENY/action: ALLOW/' "$1"`),
          "edit",
          "ap",
          "p",
        );
        expect(edited).toMatchObject({ status: 0, stdout: "authorizationpolicy.security.istio.io/p edited\n" });
        expect((await json("ap", "p")).spec["action"]).toBe("ALLOW");
        const left = await runGiven(editor("nothing.sh", "true"), "edit", "ap", "p");
        expect(left.status).toBe(0);
        expect(left.stdout + left.stderr).toMatch(/Edit cancelled, no changes made/);
        // What is refused comes back to the editor with the reason; without another change that is the end.
        const seen = kubectl.file("seen.txt", "");
        const spoil = `cp "$1" ${seen}; sed -i 's/action: ALLOW/action: MAYBE/' "$1"`;
        const bad = await runGiven(editor("bad.sh", spoil), "edit", "ap", "p");
        expect(bad.status).toBe(1);
        expect(bad.stderr).toMatch(/"p" is invalid/);
        expect(readFileSync(seen, "utf8")).toMatch(/^# .*spec\.action: .*ALLOW/m);
        expect((await json("ap", "p")).spec).toHaveProperty("action", "ALLOW");
        const service = await runGiven(editor("port.sh", `sed -i 's/port: 80$/port: 88/' "$1"`), "edit", "svc", "s");
        expect(service).toMatchObject({ status: 0 });
        expect((await json("svc", "s")).spec["ports"]).toEqual([{ ...HTTP, port: 88 }]);
      });

      it("is replaced, unless it has changed since it was read", async () => {
        const read = await ok("get", "ap", "p", "-o", "json");
        const file = kubectl.file("replace.json", read.replace('"action": "ALLOW"', '"action": "DENY"'));
        expect(await ok("replace", "-f", file)).toBe("authorizationpolicy.security.istio.io/p replaced\n");
        expect((await json("ap", "p")).spec["action"]).toBe("DENY");
        const stale = await fails("replace", "-f", kubectl.file("stale.json", read));
        expect(stale).toMatch(
          /\(Conflict\).*the object has been modified; please apply your changes to the latest version/,
        );
        expect((await json("ap", "p")).spec["action"]).toBe("DENY");
        expect(await fails("replace", "-f", kubectl.file("none.json", policy("none", "DENY")))).toMatch(/\(NotFound\)/);
      });

      it("keeps everything that several writers write at once", async () => {
        await mustApply(policy("busy", "DENY"));
        const keys = ["a", "b", "c", "d"];
        const runs = await Promise.all([
          runGiven({ input: policy("busy", "ALLOW") }, "apply", "-f", "-"),
          ...keys.map((key) => run("label", "ap", "busy", `label-${key}=${key}`)),
          ...keys.map((key) => run("annotate", "ap", "busy", `note-${key}=${key}`)),
        ]);
        expect(runs.filter(({ status }) => status !== 0)).toEqual([]);
        const { metadata, spec } = await json("ap", "busy");
        expect(spec["action"]).toBe("ALLOW");
        expect(metadata["labels"]).toEqual(Object.fromEntries(keys.map((key) => [`label-${key}`, key])));
        expect(metadata["annotations"]).toMatchObject(Object.fromEntries(keys.map((key) => [`note-${key}`, key])));
      });

      // On another object: newer clients take over what client-side apply wrote, whoever applies.
      it("keeps what several managers apply at once", async () => {
        const labelled = (labels: object) =>
          manifest("security.istio.io/v1", "AuthorizationPolicy", "managed", { labels }, {});
        const by = (manager: string) => ["apply", "-f", "-", "--server-side", `--field-manager=${manager}`];
        await runGiven({ input: policy("managed", "DENY") }, ...by("owner"));
        const keys = ["a", "b", "c", "d"];
        const runs = await Promise.all([
          ...keys.map((key) => runGiven({ input: labelled({ [key]: key }) }, ...by(key))),
          run("label", "ap", "managed", "e=e"),
        ]);
        expect(runs.filter(({ status }) => status !== 0)).toEqual([]);
        const { metadata, spec } = await json("ap", "managed");
        expect(spec["action"]).toBe("DENY");
        expect(metadata["labels"]).toEqual({ a: "a", b: "b", c: "c", d: "d", e: "e" });
      });
    });

    describe("wait", () => {
      const { ok, fails, mustApply, namespace, stream } = inNamespace("wait");

      it("for a condition that holds ends at once, and for another when it comes", async () => {
        await mustApply(policy("p", "DENY"));
        const told = await ok("wait", "--for=condition=Accepted", "ap/p", "--timeout=90s");
        expect(told).toBe("authorizationpolicy.security.istio.io/p condition met\n");
        const waiting = stream("wait", "--for=condition=Ready", "ap/p", "--timeout=90s", "-v=6");
        await waiting.watching();
        expect(waiting.lines).toEqual([]);
        const path = `/k8s/apis/security.istio.io/v1/namespaces/${namespace}/authorizationpolicies/p/status`;
        const condition = { type: "Ready", status: "True", reason: "Ready", message: "" };
        const patched = await mesh.control(path, {
          method: "PATCH",
          headers: { "content-type": "application/json-patch+json" },
          body: JSON.stringify([
            {
              op: "add",
              path: "/status/conditions/-",
              value: { ...condition, lastTransitionTime: "2026-01-01T00:00:00Z" },
            },
          ]),
        });
        expect(patched.status).toBe(200);
        await waiting.line(/^authorizationpolicy\.security\.istio\.io\/p condition met$/);
      });

      it("for `Programmed` ends once the gateways that take requests obey it, and reading it says so", async () => {
        await mustApply(`apiVersion: v1
kind: Service
metadata: { name: live }
spec: { ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: live }
spec: { hosts: [live], http: [{ directResponse: { status: 200, body: { string: live } } }] }`);
        const waiting = stream("wait", "--for=condition=Programmed", "vs/live", "--timeout=90s", "-v=6");
        const state = { isMet: false };
        // Without a request no isolate is awake, and nobody could say it. Had one been awake, there need be no watch.
        await waiting.watching();
        const asking = (async () => {
          while (!state.isMet) {
            for (const gateway of mesh.info.gateways) await send(gateway).catch(() => undefined);
            await new Promise((resolve) => setTimeout(resolve, 100));
          }
        })();
        try {
          await waiting.line(/^virtualservice\.networking\.istio\.io\/live condition met$/);
          expect(await ok("wait", "--for=condition=Programmed", "vs/live", "--timeout=90s")).toMatch(/condition met/);
        } finally {
          state.isMet = true;
          await asking;
        }
      });

      it("gives up in its time", async () => {
        expect(await fails("wait", "--for=condition=Never", "ap/p", "--timeout=1s")).toMatch(/timed out waiting/);
      });

      it("for a deletion ends with it", async () => {
        await mustApply(policy("gone", "DENY"));
        const waiting = stream("wait", "--for=delete", "ap/gone", "--timeout=90s", "-v=6");
        await waiting.watching();
        await ok("delete", "ap", "gone");
        await waiting.line(/^authorizationpolicy\.security\.istio\.io\/gone condition met$/);
        if (binary.minor >= WAITS_FOR_NOTHING) await ok("wait", "--for=delete", "ap/gone", "--timeout=20s");
        else expect(await fails("wait", "--for=delete", "ap/gone", "--timeout=20s")).toMatch(/no matching resources/);
      });
    });

    describe("delete", () => {
      const { namespace, ok, fails, run, runGiven, mustApply } = inNamespace("delete");
      const names = async (...flags: readonly string[]) => (await ok("get", "ap", "-o", "name", ...flags)).trim();

      it("takes a name, a file, a selector and all", async () => {
        const five = ["a", "b", "c", "d", "e"].map((name) =>
          policy(name, "DENY", name === "c" ? { labels: { old: "yes" } } : {}),
        );
        await mustApply(documents(...five));
        expect(await ok("delete", "ap", "a")).toMatch(/^authorizationpolicy\.security\.istio\.io "a" deleted/);
        expect((await runGiven({ input: policy("b", "DENY") }, "delete", "-f", "-")).stdout).toMatch(/"b" deleted/);
        expect(await ok("delete", "ap", "-l", "old=yes")).toMatch(/"c" deleted/);
        expect(await names()).toMatch(/\/d\n.*\/e$/);
        expect(await ok("delete", "ap", "--all")).toMatch(/"d" deleted[^]*"e" deleted/);
        expect(await names()).toBe("");
      });

      it("fails for what is not there, unless that is ignored", async () => {
        const refused = await fails("delete", "ap", "none");
        expect(refused).toMatch(/\(NotFound\): authorizationpolicies\.security\.istio\.io "none" not found/);
        expect(await run("delete", "ap", "none", "--ignore-not-found")).toEqual({ status: 0, stdout: "", stderr: "" });
        expect(await run("delete", "ap", "-l", "old=yes")).toMatchObject({ status: 0 });
      });

      it("of a namespace deletes its content, and the mesh's own stay", async () => {
        const inner = `${namespace}-inner`;
        await ok("create", "namespace", inner);
        await runGiven({ input: policy("p", "DENY") }, "apply", "-f", "-", "-n", inner);
        await ok("get", "ap", "p", "-n", inner);
        expect(await ok("delete", "namespace", inner)).toMatch(new RegExp(`namespace "${inner}" deleted`));
        expect(await fails("get", "namespace", inner)).toMatch(/\(NotFound\)/);
        expect(await fails("get", "ap", "p", "-n", inner)).toMatch(/\(NotFound\)/);
        await ok("create", "namespace", inner);
        expect(await ok("get", "ap", "-n", inner, "-o", "name")).toBe("");
        expect(await fails("delete", "namespace", "istio-system")).toMatch(
          /\(Forbidden\).*the mesh needs this namespace/,
        );
      });
    });

    describe("create", () => {
      const { namespace, ok, fails, runGiven, json } = inNamespace("create");

      it("makes a namespace once", async () => {
        expect(await ok("create", "namespace", `${namespace}-x`)).toBe(`namespace/${namespace}-x created\n`);
        expect(await fails("create", "ns", `${namespace}-x`)).toMatch(
          new RegExp(`\\(AlreadyExists\\).*namespaces "${namespace}-x" already exists`),
        );
        expect((await json("ns", `${namespace}-x`)).metadata["labels"]).toEqual({
          "kubernetes.io/metadata.name": `${namespace}-x`,
        });
        expect(await fails("create", "namespace", "No_Name")).toMatch(/Namespace "No_Name" is invalid.*metadata\.name/);
      });

      it("makes what a file says, once", async () => {
        const input = policy("p", "DENY");
        const made = await runGiven({ input }, "create", "-f", "-");
        expect(made).toMatchObject({ status: 0, stdout: "authorizationpolicy.security.istio.io/p created\n" });
        const again = await runGiven({ input }, "create", "-f", "-");
        expect(again.status).toBe(1);
        expect(again.stderr).toMatch(/\(AlreadyExists\).*"p" already exists/);
      });

      it.runIf(binary.minor >= HAS_CREATE_TOKEN)(
        "makes no token of a service account, which the mesh has none of",
        async () => {
          expect(await fails("create", "token", "default")).toMatch(/could not find the requested resource|not found/);
        },
      );

      it.each([
        { apiVersion: "apps/v1", kind: "Deployment" },
        { apiVersion: "networking.istio.io/v1", kind: "Nonsense" },
        { apiVersion: "v1", kind: "Nonsense" },
      ])(
        "says of a kind that it does not serve that there is none: $kind in $apiVersion",
        async ({ apiVersion, kind }) => {
          const input = manifest(apiVersion, kind, "d", {}, {});
          const ran = await runGiven({ input }, "create", "-f", "-");
          expect(ran.status).toBe(1);
          expect(ran.stderr).toContain(`no matches for kind "${kind}" in version "${apiVersion}"`);
          expect(ran.stderr).not.toContain("turn validation off");
        },
      );
    });

    describe("auth", () => {
      const { namespace, ok, run } = inNamespace("auth");
      let editor: string;
      let viewer: string;
      beforeAll(async () => {
        editor = await makeToken(`editor-${binary.index}`, "editor", namespace);
        viewer = await makeToken(`viewer-${binary.index}`, "viewer");
      });

      async function canI(token: string | null, ...args: readonly string[]): Promise<string> {
        const { status, stdout } = await run("auth", "can-i", ...args, ...(token === null ? [] : ["--token", token]));
        expect(status).toBe(stdout.startsWith("yes") ? 0 : 1);
        return stdout.split(/\s/)[0] ?? "";
      }

      it("can-i says yes to the administrator", async () => {
        expect(await canI(null, "create", "vs")).toBe("yes");
        expect(await canI(null, "delete", "namespaces")).toBe("yes");
        expect(await canI(null, "*", "*")).toBe("yes");
        expect(await canI(null, "get", "/metrics")).toBe("yes");
        expect(await canI(null, "create", "events")).toBe("no");
      });

      it("can-i says yes to the editor of a namespace there, and no elsewhere", async () => {
        expect(await canI(editor, "create", "vs")).toBe("yes");
        expect(await canI(editor, "patch", "authorizationpolicies.security.istio.io")).toBe("yes");
        expect(await canI(editor, "list", "vs", "-n", "default")).toBe("no");
        expect(await canI(editor, "get", "vs", "-A")).toBe("no");
        expect(await canI(editor, "delete", "namespaces")).toBe("no");
        expect(await canI(editor, "*", "*")).toBe("no");
        expect(await canI(editor, "get", "/metrics")).toBe("no");
      });

      it("can-i says to the viewer that it may read", async () => {
        expect(await canI(viewer, "list", "vs", "-A")).toBe("yes");
        expect(await canI(viewer, "patch", "vs")).toBe("no");
      });

      it("can-i --list lists what may be done in a namespace", async () => {
        const rules = async (...flags: readonly string[]) => tableRows(await ok("auth", "can-i", "--list", ...flags));
        const own = await rules("--token", editor);
        const verbs = (rows: typeof own, name: string) => rows.find((row) => row["Resources"] === name)?.["Verbs"];
        expect(verbs(own, "virtualservices.networking.istio.io")).toMatch(/create.*patch/);
        expect(verbs(own, "events")).toBe("[get list watch]");
        const elsewhere = await rules("--token", editor, "-n", "default");
        expect(verbs(elsewhere, "virtualservices.networking.istio.io")).toBe(undefined);
        const reader = await rules("--token", viewer);
        expect(verbs(reader, "virtualservices.networking.istio.io")).toBe("[get list watch]");
      });

      it.runIf(binary.minor >= HAS_WHOAMI)("whoami names the token and its role", async () => {
        const told = await ok("auth", "whoami", "--token", editor);
        expect(told).toMatch(new RegExp(`Username +editor-${binary.index}`));
        expect(told).toMatch(new RegExp(`tulle:role:editor tulle:namespace:${namespace}`));
      });

      it("is asked before anything is done", async () => {
        const as = async (token: string, input: string, ...flags: readonly string[]) =>
          kubectl.run(["apply", "-f", "-", "--token", token, "-n", namespace, ...flags], { input });
        expect(await as(editor, policy("mine", "DENY"))).toMatchObject({ status: 0 });
        const read = await as(viewer, policy("theirs", "DENY"));
        expect(read.status).toBe(1);
        expect(read.stderr).toMatch(/\(Forbidden\).*User "viewer-\d" cannot create resource "authorizationpolicies"/);
        const elsewhere = await run("get", "vs", "-n", "default", "--token", editor);
        expect(elsewhere.status).toBe(1);
        expect(elsewhere.stderr).toMatch(/\(Forbidden\).*User "editor-\d" cannot list.*in the namespace "default"/);
        const everywhere = await run("get", "vs", "-A", "--token", editor);
        expect(everywhere.stderr).toMatch(/\(Forbidden\).*at the cluster scope/);
        expect(await run("get", "ns", namespace, "--token", editor)).toMatchObject({ status: 0 });
        expect(await run("get", "ns", "--token", editor)).toMatchObject({ status: 1 });
      });

      it("refuses a wrong token", async () => {
        const ran = await run("get", "vs", "--token", "tulle_wrong");
        expect(ran).toMatchObject({ status: 1, stdout: "" });
        expect(ran.stderr).toMatch(/You must be logged in to the server \(Unauthorized/);
      });
    });

    describe("a refusal", () => {
      const { fails, run, runGiven, apply, mustApply, json } = inNamespace("refusal");

      it.each([{ flags: [] }, { flags: ["--validate=false"] }, { flags: ["--server-side", "--field-manager=ci"] }])(
        "names the field that is invalid, with $flags",
        async ({ flags }) => {
          const ran = await apply(route("x", { http: [{ timeout: "soon" }] }), ...flags);
          expect(ran).toMatchObject({ status: 1, stdout: "" });
          expect(ran.stderr).toMatch(/^The VirtualService "x" is invalid: /m);
          expect(ran.stderr).toMatch(/spec\.http\[0\]\.timeout: /);
        },
      );

      it("lists every field that is invalid", async () => {
        const { stderr } = await apply(route("x", { http: [{ timeout: "soon" }, { timeout: "later" }] }));
        expect(stderr).toMatch(/spec\.http\[0\]\.timeout: /);
        expect(stderr).toMatch(/spec\.http\[1\]\.timeout: /);
      });

      const misspelt = route("misspelt", { hots: ["misspelt"] });

      it("names the field that is misspelt", async () => {
        const ran = await apply(misspelt);
        expect(ran).toMatchObject({ status: 1, stdout: "" });
        expect(ran.stderr).toMatch(/unknown field "hots"|spec\.hots: unknown field/);
        const unchecked = await apply(misspelt, "--validate=false");
        expect(unchecked).toMatchObject({ status: 1, stdout: "" });
        expect(unchecked.stderr).toMatch(/The VirtualService "misspelt" is invalid: spec\.hots: unknown field/);
        expect(await run("get", "vs", "misspelt")).toMatchObject({ status: 1 });
      });

      it.runIf(binary.minor >= SERVER_VALIDATES).each(["true", "strict", "warn", "ignore"])(
        "of a misspelt field does not depend on --validate=%s",
        async (wish) => {
          const ran = await apply(misspelt, `--validate=${wish}`);
          expect(ran).toMatchObject({ status: 1, stdout: "" });
          expect(ran.stderr).toMatch(/spec\.hots: unknown field/);
        },
      );

      it.runIf(binary.minor >= SERVER_VALIDATES).each([
        {
          wish: "true",
          status: 1,
          stderr: /\(BadRequest\).*strict decoding error: unknown field "spec\.strangeField"/,
        },
        {
          wish: "strict",
          status: 1,
          stderr: /\(BadRequest\).*strict decoding error: unknown field "spec\.strangeField"/,
        },
        { wish: "warn", status: 0, stderr: /^Warning: unknown field "spec\.strangeField"\n$/ },
        { wish: "ignore", status: 0, stderr: /^$/ },
        { wish: "false", status: 0, stderr: /^$/ },
      ])("of a core object's unknown field does, with --validate=$wish", async ({ wish, status, stderr }) => {
        await runGiven({}, "delete", "svc", "odd", "--ignore-not-found");
        const ran = await apply(ODD_SERVICE, `--validate=${wish}`);
        expect(ran.status).toBe(status);
        expect(ran.stderr).toMatch(stderr);
        if (status === 0) expect((await json("svc", "odd")).spec["strangeField"]).toBe(1);
        else expect(await run("get", "svc", "odd")).toMatchObject({ status: 1 });
      });

      it.runIf(binary.minor < SERVER_VALIDATES)("of a core object's unknown field is the client's", async () => {
        const ran = await apply(ODD_SERVICE);
        expect(ran).toMatchObject({ status: 1, stdout: "" });
        expect(ran.stderr).toMatch(/unknown field "strangeField" in \S+Service/);
        const unchecked = await apply(ODD_SERVICE, "--validate=false");
        expect(unchecked).toEqual({
          status: 0,
          stdout: "service/odd created\n",
          stderr: 'Warning: unknown field "spec.strangeField"\n',
        });
      });

      it("names a namespace that is not there", async () => {
        const ran = await runGiven({ input: policy("p", "DENY") }, "apply", "-f", "-", "--namespace=nowhere");
        expect(ran.status).toBe(1);
        expect(ran.stderr).toMatch(/\(NotFound\).*namespaces "nowhere" not found/);
      });

      it("names an object and a kind that are not there", async () => {
        await mustApply(route("there"));
        const some = await run("get", "vs", "there", "gone");
        expect(some.status).toBe(1);
        expect(some.stdout).toMatch(/^there /m);
        expect(some.stderr).toMatch(/\(NotFound\): virtualservices\.networking\.istio\.io "gone" not found/);
        expect(await fails("get", "widgets")).toMatch(/the server doesn't have a resource type "widgets"/);
      });
    });
  });
});

/** An object as kubectl prints it. */
interface Json {
  readonly apiVersion: string;
  readonly gitVersion?: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: unknown;
}
