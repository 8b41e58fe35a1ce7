import { kindNamed } from "../kinds.ts";
import { placeOf } from "../state/place.ts";

/** To an object's page, where the dashboard has one. */
export function ObjectLink({
  kind,
  namespace,
  name,
}: {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}) {
  const known = kindNamed(kind);
  const text = namespace === "" ? name : `${namespace}/${name}`;
  if (known === undefined) return <>{`${kind} ${text}`}</>;
  return (
    <a href={placeOf(["object", known.plural, namespace, name])} title={kind}>
      {text}
    </a>
  );
}
