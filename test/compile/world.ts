import { Compiler } from "../../src/compile/compiler.ts";
import { kindOfObject } from "../../src/kinds/registry.ts";
import type { ObjectChange } from "../../src/compile/inventory.ts";
import type { Finding } from "../../src/resources/finding.ts";
import { type KubeObject, refKey, refOf } from "../../src/resources/object.ts";
import { parseDocuments } from "../../src/resources/documents.ts";
import { parseObject } from "../../src/kinds/parse.ts";
import type { Slice } from "../../src/snapshot/model.ts";

/** A compiler with its objects, as the Hub holds them, without the rest of the Hub. */
export class TestWorld {
  readonly compiler: Compiler;
  readonly objects = new Map<string, KubeObject>();
  /** What was last said of each object, by `refKey`. */
  readonly verdicts = new Map<string, readonly Finding[]>();
  #seconds = 0;

  constructor(trustDomain = "cluster.local") {
    this.compiler = new Compiler({ local: true, trustDomain, kindOf: kindOfObject });
  }

  /** @returns all errors and warnings, as `Kind/name field: message`, those of severity error with `error ` before */
  apply(yaml: string): readonly string[] {
    const changes = objectsOf(yaml).map((object) => this.#change(object));
    const findings = this.compile(changes);
    return changes.flatMap(({ after }) =>
      (after === null ? [] : (findings.get(refKey(refOf(after))) ?? []))
        .filter(({ severity }) => severity !== "info")
        .map((finding) => told(after, finding)),
    );
  }

  delete(kind: string, name: string, namespace = "default"): void {
    const [key, before] = [...this.objects].find(
      ([, object]) =>
        object.kind === kind && object.metadata.name === name && (object.metadata.namespace ?? "") === namespace,
    ) ?? ["", null];
    this.objects.delete(key);
    this.verdicts.delete(key);
    if (before) this.compile([{ before, after: null }]);
  }

  /** Takes changes over, and what is said of them and of others. */
  compile(changes: readonly ObjectChange[]): ReadonlyMap<string, readonly Finding[]> {
    const { findings, accept } = this.compiler.attempt(changes);
    accept();
    for (const [key, found] of findings) this.verdicts.set(key, found);
    return findings;
  }

  slice(scope: string, host: string): Slice | null {
    return (
      this.compiler
        .scopes({ fronts: ["*"], gateways: ["*"] })
        .get(scope)
        ?.get(host)?.slice ?? null
    );
  }

  /** Everything that gateways would get, as text by scope and host. */
  everything(): Record<string, string> {
    return everything(this.compiler);
  }

  #change(object: KubeObject): ObjectChange {
    const key = refKey(refOf(object));
    const before = this.objects.get(key) ?? null;
    this.#seconds += 1;
    const created = new Date(this.#seconds * 1_000).toISOString();
    const metadata = {
      ...object.metadata,
      uid: key,
      creationTimestamp: before?.metadata.creationTimestamp ?? `${created.slice(0, 19)}Z`,
    };
    const after = { ...object, metadata };
    this.objects.set(key, after);
    return { before, after };
  }
}

export function everything(compiler: Compiler): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [scope, hosts] of compiler.scopes({ fronts: ["*"], gateways: ["*"] }))
    for (const [host, slice] of hosts) texts[`${scope} ${host}`] = slice?.text ?? "hidden";
  return texts;
}

function told(object: KubeObject | null, { severity, field, message }: Finding): string {
  return `${severity === "error" ? "error " : ""}${object?.kind}/${object?.metadata.name} ${field}: ${message}`;
}

const MAX_READ = 2_000;
const read = new Map<string, readonly KubeObject[]>();

/**
 * Parsed as the control API does; throws where the schema refuses. To read a document takes longer than to compile it, and trials
 * apply the same again and again.
 */
function objectsOf(yaml: string): readonly KubeObject[] {
  return yaml.split("\n---\n").flatMap((piece) => {
    const known = read.get(piece);
    if (known !== undefined) return known;
    const objects = valuesOf(piece).map(objectOf);
    if (read.size >= MAX_READ) read.clear();
    read.set(piece, objects);
    return objects;
  });
}

function objectOf(value: unknown): KubeObject {
  const { object, findings } = parseObject(value, { local: true });
  if (object === null) throw new Error(JSON.stringify(findings));
  const cluster = object.kind === "Namespace" ? undefined : (object.metadata.namespace ?? "default");
  return {
    ...object,
    metadata: { ...object.metadata, ...(cluster !== undefined && { namespace: cluster }) },
  };
}

function valuesOf(piece: string): readonly unknown[] {
  const json = jsonOf(piece);
  if (json !== undefined) return json;
  const documents = parseDocuments(piece, "yaml");
  if (!documents.ok) throw new Error(JSON.stringify(documents.error));
  return documents.value.map(({ value }) => value);
}

/** One object; undefined where it is none in JSON. */
function jsonOf(text: string): readonly unknown[] | undefined {
  if (!text.startsWith('{"')) return undefined;
  const value = JSON.parse(text) as { readonly kind?: unknown };
  return value.kind === "List" ? undefined : [value];
}

/** A Service with one WorkloadEntry by a binding per version. */
export function service(
  name: string,
  options: { namespace?: string; port?: number; versions?: readonly string[] } = {},
): string {
  const { namespace = "default", port = 80, versions = ["v1"] } = options;
  const entries = versions.map(
    (version) => `
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}-${version}, namespace: ${namespace} }
spec:
  address: binding:EP_${`${namespace}_${name}_${version}`.toUpperCase().replaceAll("-", "_")}
  labels: { app: ${name}, version: ${version} }
  serviceAccount: ${name}`,
  );
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  selector: { app: ${name} }
  ports: [{ name: http, port: ${port} }]${entries.join("")}
`;
}
