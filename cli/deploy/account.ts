import { ProjectError } from "../../project/mesh-file.ts";
import type { Project } from "../../project/read-project.ts";

/**
 * The account that the Workers' configurations name: the mesh's own Workers stand there, too.
 *
 * @returns undefined where none names one: then wrangler knows it
 * @throws ProjectError where they name several, over which no binding leads
 */
export function accountOf({ configs }: Project): string | undefined {
  const named = [...configs.values()].flatMap(({ path, config }) =>
    config.account_id === undefined ? [] : [{ path, id: config.account_id }],
  );
  const [first] = named;
  const other = named.find(({ id }) => id !== first?.id);
  if (first !== undefined && other !== undefined)
    throw new ProjectError(
      `${other.path}: its \`account_id\` is \`${other.id}\`, but \`${first.id}\` in ${first.path}: a mesh stands on one account`,
    );
  return first?.id;
}
