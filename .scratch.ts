import { KINDS } from "./src/resources/kinds.ts";
import { objectSchema } from "./src/kube/schemas.ts";
function walk(s: any, path: string, depth: number) {
  if (depth > 3) return;
  while (s.items || (typeof s.additionalProperties === "object" && s.additionalProperties)) s = s.items ?? s.additionalProperties;
  for (const [k, v] of Object.entries<any>(s.properties ?? {})) { if (k==="metadata"||k==="status") continue; if (!v["x-tulle-refused"]) console.log(`${path}.${k}` + (v.description ? "  # "+v.description:"")); walk(v, `${path}.${k}`, depth+1); }
}
for (const i of KINDS) { const t=performance.now(); const s = objectSchema(i); console.log("##", i.kind, JSON.stringify(s).length, performance.now()-t); walk(s, i.kind, 0); }
