import { useData } from "../state/use-data.ts";
import { asYaml } from "../yaml.ts";
import { Shown } from "./shown.tsx";

/** What holds for something, with the object and field that each part comes from. */
export function Described({
  kind,
  namespace,
  name,
}: {
  readonly kind: "service" | "route" | "policy" | "workload";
  readonly namespace: string;
  readonly name: string;
}) {
  const described = useData<unknown>(
    `/api/v1/describe/${kind}/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`,
  );
  return (
    <section aria-labelledby="described">
      <h2 id="described">What holds</h2>
      <Shown data={described}>
        {(value) => (
          <pre class="text" tabIndex={0} aria-label="effective configuration">
            {asYaml(value)}
          </pre>
        )}
      </Shown>
    </section>
  );
}
