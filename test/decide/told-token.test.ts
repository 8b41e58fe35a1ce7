import { expect, it } from "vitest";
import { toldToken } from "../../src/decide/told-token.ts";

const NOW = 1_000_000;
const part = (value: string): string => Buffer.from(value).toString("base64url");
const told = (times: string) => toldToken(`${part("{}")}.${part(`{"iss":"i",${times}}`)}.x`, NOW)?.refused;

it.each([
  [`"exp":${NOW + 1}`, undefined],
  // Gateways allow clocks a minute.
  [`"exp":${NOW - 59}`, undefined],
  [`"exp":${NOW - 60}`, "jwt_invalid"],
  [`"exp":${NOW + 300},"nbf":${NOW + 60}`, undefined],
  [`"exp":${NOW + 300},"nbf":${NOW + 61}`, "jwt_invalid"],
  [`"exp":${NOW + 300},"nbf":"${NOW}"`, "jwt_invalid"],
  ['"exp":1e999', "jwt_invalid"],
  [`"exp":"${NOW + 300}"`, "jwt_invalid"],
  ['"sub":"a"', "jwt_invalid"],
])("a told token with %s ends as it would at a gateway: %s", (times, refused) => {
  expect(told(times)).toBe(refused);
});
