/** What is sent to the layout's Web Worker. */
export interface LayoutInput {
  /** Given back with the answer: an older answer than the last question is dropped. */
  readonly turn: number;
  readonly nodes: readonly { readonly id: string; readonly width: number; readonly height: number }[];
  readonly edges: readonly (readonly [from: string, to: string])[];
  /** What every edge's label may take. */
  readonly label: { readonly width: number; readonly height: number };
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Where everything stands; of a node its middle. */
export interface Layout {
  readonly turn: number;
  readonly width: number;
  readonly height: number;
  readonly nodes: Readonly<Record<string, Point>>;
  readonly edges: readonly {
    readonly from: string;
    readonly to: string;
    readonly points: readonly Point[];
    /** The middle of its label. */
    readonly label: Point;
  }[];
}
