/** Of the package; each of its programs and Workers says it, so that those of different versions are seen. */
export const VERSION = "0.2.0";
