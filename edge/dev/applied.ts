import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { findKind } from "../../src/kinds/registry.ts";
import type { ControlClient } from "../control-client.ts";
import type { Document } from "./documents.ts";

/** An object of the mesh, as control names it. */
interface Applied {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** What control takes at once. */
const AT_ONCE = 500;

/**
 * Objects that are written from files, also over restarts: those whose document is gone are taken away, and what others wrote
 * stays.
 */
export class AppliedSet {
  readonly #file: string;
  readonly #client: ControlClient;
  readonly #token: string;

  /** @param file where it is remembered what was written */
  constructor(file: string, client: ControlClient, token: string) {
    this.#file = file;
    this.#client = client;
    this.#token = token;
  }

  /**
   * Writes all of them, 500 at once: those of one part are stored together or not at all.
   *
   * @returns what was refused, or is warned of, each with its place
   * @throws where control does not answer
   */
  async apply(
    documents: readonly Document[],
  ): Promise<{ readonly refused: readonly string[]; readonly warned: readonly string[] }> {
    const warned: string[] = [];
    const now: Applied[] = [];
    for (let at = 0; at < documents.length; at += AT_ONCE) {
      const part = documents.slice(at, at + AT_ONCE);
      const answer = await this.#client.applyDocuments(
        this.#token,
        part.map(({ value }) => value),
      );
      const told = (texts: readonly (readonly string[])[]) =>
        texts.flatMap((each, index) => each.map((text) => `${part[index]?.place ?? ""}: ${text}`));
      if (!answer.ok) {
        const refused = told(answer.error.problems);
        return { refused: refused.length > 0 ? refused : [answer.error.message], warned };
      }
      warned.push(...told(answer.value.map(({ warnings = [] }) => warnings)));
      now.push(...answer.value);
    }
    await this.#remove(now);
    return { refused: [], warned };
  }

  async #remove(now: readonly Applied[]): Promise<void> {
    const before = existsSync(this.#file) ? (JSON.parse(readFileSync(this.#file, "utf8")) as Applied[]) : [];
    const kept = new Set(now.map(keyOf));
    // What stands in a namespace goes before it does.
    const gone = before.filter((one) => !kept.has(keyOf(one))).toReversed();
    for (const one of gone) await this.#client.remove(this.#token, pathOf(one));
    writeFileSync(
      this.#file,
      JSON.stringify(now.map(({ apiVersion, kind, namespace, name }) => ({ apiVersion, kind, namespace, name }))),
    );
  }
}

function keyOf({ apiVersion, kind, namespace, name }: Applied): string {
  return JSON.stringify([
    apiVersion.split("/").length > 1 ? apiVersion.split("/")[0] : "",
    kind,
    namespace ?? "",
    name,
  ]);
}

/** As Kubernetes names it. */
function pathOf({ apiVersion, kind, namespace, name }: Applied): string {
  const info = findKind(apiVersion, kind);
  const root = apiVersion.includes("/") ? "apis" : "api";
  const place = info?.namespaced ? `namespaces/${namespace}/` : "";
  return `/k8s/${root}/${apiVersion}/${place}${info?.plural}/${name}`;
}
