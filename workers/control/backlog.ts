import { failure, type Status } from "../../src/kube/status.ts";
import { isEvents, isWatched, type Seen, seenOf, type WatchWish } from "../../src/kube/watch.ts";
import { type KubeObject, refOf } from "../../src/resources/object.ts";
import { err, ok, type Result } from "../../src/result.ts";
import type { State } from "./configuration.ts";
import type { History } from "./history.ts";

/** What a new watch sees first. */
export async function backlogOf(
  state: Pick<State, "objects" | "rv">,
  history: History,
  wish: WatchWish,
  selects: (object: KubeObject) => boolean,
): Promise<Result<readonly Seen[], Status>> {
  const { after } = wish;
  if (after !== null && (after > state.rv || !history.reaches(after)))
    return err(failure("Expired", `too old resource version: ${after} (${state.rv}); list again`));
  if (after === null || isEvents(wish)) {
    const all = isEvents(wish) ? await history.events() : [...state.objects.values()];
    const begun = all.filter(
      (object) =>
        isWatched(wish, refOf(object)) &&
        selects(object) &&
        (after === null || Number(object.metadata.resourceVersion) > after),
    );
    return ok(begun.map((object) => ({ type: "ADDED", object })));
  }
  const changes = await history.after(after, wish);
  return ok(
    changes.flatMap((change) => {
      const seen = isWatched(wish, change.ref) ? seenOf(change, selects) : null;
      return seen ? [seen] : [];
    }),
  );
}
