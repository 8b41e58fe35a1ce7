import { OWN, tryCases } from "./try-cases.ts";

const ON_CONTROL = new Set(["control", "compile", "ca", "ui"]);

tryCases(
  "the attack cases on control",
  OWN.filter(({ target }) => ON_CONTROL.has(target)),
);
