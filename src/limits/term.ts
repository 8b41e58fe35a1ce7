/** For how long an isolate may use what it took in advance. */
export interface Term {
  readonly ms: number;
  /** It fades: after the first part of that time (`fadingMs`) no more of it is left than of the rest of the time. Else all of it may be used to the end. */
  readonly fades: boolean;
}

export const AT_ONCE: Term = { ms: 0, fades: false };

/** Nothing is lost on its way to the isolate: so long it is whole, where that is between an eighth and three eighths of its time. */
const WHOLE_MS = 150;

/** In which it fades, the last of its time. Gateways and limiters of all releases have this in common: who sees more left in it would be above the limit. */
export function fadingMs(ms: number): number {
  return ms - Math.min(Math.floor((ms * 3) / 8), Math.max(Math.floor(ms / 8), WHOLE_MS));
}
