import type { ToldKey } from "./metrics.ts";

/** What there is room for. */
interface Settings {
  /** Further series are folded: labels are partly in the hands of clients. */
  readonly most: number;
  /** The series that one is folded into. */
  readonly folded: (key: string) => string;
  /** Null: no Telemetry made it. */
  readonly told: (key: string) => ToldKey | null;
}

/** Of all series those that Telemetries make: the rest is for the mesh's own. */
const TOLD_PART = 4;
/** And of all series those of one namespace's: its authors take no room from others. */
const OWNER_PART = 16;

/** Says under which labels a series counts, while there is room for it and when there is none. */
export class SeriesRoom {
  readonly #settings: Settings;
  readonly #known = new Set<string>();
  readonly #owners = new Map<string, number>();
  #told = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** One that is there already, whether there is room or not. */
  enter(key: string): void {
    const told = this.#settings.told(key);
    if (!this.#known.has(key)) this.#keep(key, told);
  }

  /** @returns its own key, or that of the series that it is folded into */
  place(key: string): string {
    if (this.#known.has(key)) return key;
    const { most, folded } = this.#settings;
    const told = this.#settings.told(key);
    if (told === null ? this.#known.size < most : this.#hasRoomFor(told)) {
      this.#keep(key, told);
      return key;
    }
    if (told === null) return folded(key);
    const isTwice = told.plain !== told.whole && this.#known.has(told.whole);
    return isTwice ? folded(key) : this.place(told.plain);
  }

  #hasRoomFor({ owner }: ToldKey): boolean {
    const { most } = this.#settings;
    const ofOwner = this.#owners.get(owner) ?? 0;
    return this.#known.size < most && this.#told < most / TOLD_PART && ofOwner < most / OWNER_PART;
  }

  #keep(key: string, told: ToldKey | null): void {
    this.#known.add(key);
    if (told === null) return;
    this.#told += 1;
    this.#owners.set(told.owner, (this.#owners.get(told.owner) ?? 0) + 1);
  }
}
