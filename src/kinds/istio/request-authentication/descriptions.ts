import { SCOPE, at, type Descriptions } from "../../descriptions.ts";

const JWT_RULE: Descriptions = {
  issuer: "The `iss` of its tokens.",
  audiences: "Of these a token must name one in `aud`; without them any will do.",
  jwksUri: "Where the issuer publishes its keys; without it and `jwks` the issuer is asked, by OpenID discovery.",
  jwks: "The issuer's public keys themselves, as a JSON Web Key Set.",
  fromHeaders: "Headers that a token is taken from; with any place named, the usual ones are not read.",
  "fromHeaders.name": "Name of the header.",
  "fromHeaders.prefix": "What stands before the token in the value, such as `Bearer `.",
  fromParams: "Query parameters that a token is taken from.",
  fromCookies: "Cookies that a token is taken from.",
  outputPayloadToHeader: "Header that hands the verified payload on, as base64url.",
  outputClaimToHeaders: "Claims that are handed on as headers.",
  "outputClaimToHeaders.header": "Name of the header; one that the client sent is removed.",
  "outputClaimToHeaders.claim": "Name of the claim; dots lead into nested ones.",
  forwardOriginalToken: "Whether the token itself is handed on; it is removed by default.",
  presence: "REQUIRED refuses a request without a token that the rule accepts; OPTIONAL is the default.",
  timeout: "How long fetching the keys may take; 5s by default.",
  spaceDelimitedClaims: "Claims that are read as lists of words, beside `scope` and `permission`.",
};

export const DESCRIPTIONS: Descriptions = {
  "": "Says which tokens are accepted; a request without token passes, unless an AuthorizationPolicy asks for one.",
  spec: "The workloads and the issuers of their tokens.",
  ...at(["spec"], SCOPE),
  "spec.jwtRules": "The issuers; a token that none of them signed is refused.",
  ...at(["spec.jwtRules"], JWT_RULE),
};
